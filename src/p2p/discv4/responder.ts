import { keccak256 } from "#crypto";
import { makeEnode, type NodeId, nodeIdOf, seqOf } from "#enode";
import type { Endpoint } from "#host";
import { checkRelayIp, isLan } from "#p2p/netutil";
import { type Table, tableLimits } from "#p2p/table";
import { LruMap, toHex } from "#util";
import { discv4Limits as limits } from "./limits.ts";
import { toEndpoint, toWire } from "./nodes.ts";
import { type BodyOf, ipOf, type OpenPacket, type WireEndpoint, type WireNode } from "./packets.ts";
import type { Requests, Wire } from "./requests.ts";

interface PingBack {
  readonly id: NodeId;
  readonly host: string;
  readonly at: number;
}

/** What we do with packets whose signer is known. */
export class Responder {
  readonly #wire: Wire;
  readonly #requests: Requests;
  readonly #table: Table;
  /** Endpoint → when it was pinged back without having proven itself. BOUNDED: limits.pingBacks. */
  readonly #pingBacks = new LruMap<string, number>(limits.pingBacks);
  /** Hash of a ping back → whom it asks. BOUNDED: limits.pingBacks. */
  readonly #asked = new LruMap<string, PingBack>(limits.pingBacks);
  /** Questions of those who have not proven their endpoint. */
  unproven = 0;
  /** Whether anybody has ever answered in this run. */
  hasBonded = false;

  constructor(wire: Wire, requests: Requests, table: Table) {
    this.#wire = wire;
    this.#requests = requests;
    this.#table = table;
  }

  handle(packet: OpenPacket, publicKey: Uint8Array, from: Endpoint): void {
    const id = nodeIdOf(publicKey);
    const { localNode, pending } = this.#wire;
    if (id === localNode.id) return;
    switch (packet.name) {
      case "ping":
        return this.#ping(packet.body, { packet, id, publicKey, from });
      case "pong":
        return this.#pong(packet, id, from);
      case "neighbors":
      case "enrResponse":
        return void pending.settle(packet, id, from.host);
      case "findnode":
        return this.#isProven(id, from) ? this.#findnode(packet.body.target, from) : void this.unproven++;
      case "enrRequest":
        return this.#isProven(id, from) ? this.#enrRequest(packet.hash, from) : void this.unproven++;
    }
  }

  /** Pong always; then, unless the endpoint is proven, our own ping, whose answer lets the node into the table. */
  #ping(
    ping: BodyOf<"ping">,
    {
      packet,
      id,
      publicKey,
      from,
    }: { packet: OpenPacket; id: NodeId; publicKey: Uint8Array; from: Endpoint },
  ): void {
    const { localNode, clock, pending } = this.#wire;
    this.#requests.send(
      "pong",
      {
        to: toEndpoint(from.host, from.port, ping.from.tcp),
        pingHash: packet.hash,
        expiration: this.#requests.expiration(),
        enrSeq: seqOf(localNode.node),
      },
      from,
    );
    localNode.database.updateLastPingReceived(id, from.host, clock.unixSeconds());
    const node = makeEnode(publicKey, { ip: from.host, udp: from.port, tcp: ping.from.tcp });
    if (this.#isProven(id, from)) {
      this.#table.addProven(node, { isInbound: true, isLive: false });
      this.#statement(from.host, ping.to);
    } else if (this.#mayPingBack(id, from)) {
      const remember = (hash: Uint8Array) =>
        this.#asked.set(toHex(hash), { id, host: from.host, at: clock.now() });
      void this.#requests.ping(id, from, remember).then((seq) => {
        if (seq !== undefined) this.#table.addProven(node, { isInbound: true });
      });
    }
    pending.settle(packet, id, from.host); // after our pong and ping: who waited for this may ask now
  }

  #pong(packet: OpenPacket & { name: "pong" }, id: NodeId, from: Endpoint): void {
    const { localNode, clock, pending } = this.#wire;
    if (!pending.settle(packet, id, from.host) && this.#lateId(packet, from) !== id) return;
    this.hasBonded = true;
    localNode.database.updateLastPongReceived(id, from.host, clock.unixSeconds());
    this.#statement(from.host, packet.body.to);
  }

  /** Our nearest live nodes, in as many packets as they need; one at least. */
  #findnode(target: Uint8Array, from: Endpoint): void {
    const targetId = toHex(keccak256(target)).slice(2);
    const closest = this.#table.closest(targetId, tableLimits.bucketSize, { preferLive: true });
    const nodes = closest
      .filter(({ ip }) => ip !== undefined && checkRelayIp(from.host, ip) === undefined)
      .map(toWire)
      .filter((node): node is WireNode => node !== undefined);
    const expiration = this.#requests.expiration();
    for (let at = 0; at === 0 || at < nodes.length; at += limits.neighborsPerPacket)
      this.#requests.send(
        "neighbors",
        { nodes: nodes.slice(at, at + limits.neighborsPerPacket), expiration },
        from,
      );
  }

  #enrRequest(requestHash: Uint8Array, from: Endpoint): void {
    this.#requests.send("enrResponse", { requestHash, record: this.#wire.localNode.record.bytes }, from);
  }

  /** Whether the node has answered a ping of ours at this address within a day (DI-01). */
  #isProven(id: NodeId, { host }: Endpoint): boolean {
    const { localNode, clock } = this.#wire;
    return clock.unixSeconds() - localNode.database.lastPongReceived(id, host) < limits.bondSeconds;
  }

  /** Once a minute for an endpoint that has not proven itself (A6); in our own networks for each node. */
  #mayPingBack(id: NodeId, { host, port }: Endpoint): boolean {
    const key = isLan(host) ? `${id} ${host} ${port}` : `${host} ${port}`;
    const now = this.#wire.clock.now();
    const last = this.#pingBacks.get(key);
    if (last !== undefined && now - last < limits.pingBackMs) return false;
    this.#pingBacks.set(key, now);
    return true;
  }

  /**
   * Whether it is the answer to a ping back that is not waited for any more. It proves the endpoint all the same: asked again it is
   * in a minute at the earliest, and a slow node was unknown so long.
   */
  isLatePong(packet: OpenPacket, from: Endpoint): boolean {
    return this.#lateId(packet, from) !== undefined;
  }

  /** Who must have signed it. */
  #lateId(packet: OpenPacket, { host }: Endpoint): NodeId | undefined {
    const asked = packet.name === "pong" ? this.#asked.get(toHex(packet.body.pingHash)) : undefined;
    if (asked?.host !== host || this.#wire.clock.now() - asked.at >= limits.pingBackMs) return undefined;
    return asked.id;
  }

  /** What a proven host says our endpoint is. */
  #statement(host: string, to: WireEndpoint): void {
    const ip = ipOf(to);
    if (ip === undefined || to.udp === 0 || checkRelayIp(host, ip) !== undefined) return;
    this.#wire.localNode.addEndpointStatement(host, { host: ip, port: to.udp });
  }
}
