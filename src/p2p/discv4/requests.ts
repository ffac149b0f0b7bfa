import type { PrivateKey } from "#crypto";
import { type Enode, type LocalNode, type NodeId, seqOf, readNode, udpEndpointOf } from "#enode";
import type { Clock, Endpoint, UdpSocket } from "#host";
import { checkRelayIp } from "#p2p/netutil";
import { tableLimits } from "#p2p/table";
import { discv4Limits as limits } from "./limits.ts";
import { fromWire, toEndpoint } from "./nodes.ts";
import { type BodyOf, type OpenPacket, type PacketName, sealPacket } from "./packets.ts";
import type { PendingReplies } from "./pending.ts";

/** What requests and answers are made with. */
export interface Wire {
  readonly key: PrivateKey;
  readonly localNode: LocalNode;
  readonly socket: UdpSocket;
  readonly clock: Clock;
  readonly pending: PendingReplies;
  readonly isAllowed: (ip: string) => boolean;
}

/** What we ask of others. A request that gets no answer in time, or a wrong one, gives undefined. */
export class Requests {
  readonly #wire: Wire;
  /** Packets sent. */
  sent = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** @returns the packet's hash */
  send<N extends PacketName>(name: N, body: BodyOf<N>, to: Endpoint): Uint8Array {
    const { packet, hash } = sealPacket(name, body, this.#wire.key);
    this.sent++;
    this.#wire.socket.send(packet, to);
    return hash;
  }

  /** When a packet of ours ends to be valid. */
  expiration(): bigint {
    return BigInt(this.#wire.clock.unixSeconds() + limits.expirationSeconds);
  }

  /**
   * Pings an endpoint: the version of the record of the node that must answer there, 0 if it tells none.
   *
   * @param onSent - gets the packet's hash, which a pong names
   */
  async ping(id: NodeId, to: Endpoint, onSent?: (hash: Uint8Array) => void): Promise<bigint | undefined> {
    const { localNode, pending } = this.#wire;
    const { node } = localNode;
    localNode.addContact(to.host);
    const hash = this.send(
      "ping",
      {
        version: 4,
        from: toEndpoint(node.ip, node.udp, node.tcp),
        to: toEndpoint(to.host, to.port, 0),
        expiration: this.expiration(),
        enrSeq: seqOf(node),
      },
      to,
    );
    onSent?.(hash);
    let seq = 0n;
    const take = (packet: OpenPacket) => {
      if (packet.name === "pong") seq = packet.body.enrSeq ?? 0n;
      return "nothing" as const;
    };
    return (await pending.wait({ id, ip: to.host, name: "pong", hash, take })) ? seq : undefined;
  }

  /** The nodes that `node` knows near a target, a 64-byte public key; undefined if it does not answer. */
  async findnode(node: Enode, target: Uint8Array): Promise<readonly Enode[] | undefined> {
    const to = udpEndpointOf(node);
    if (to === undefined || !(await this.#ensureBond(node.id, to))) return undefined;
    const { pending, isAllowed, localNode } = this.#wire;
    const nodes: Enode[] = [];
    let told = 0;
    const take = (packet: OpenPacket) => {
      const wireNodes = packet.name === "neighbors" ? packet.body.nodes : [];
      for (const wireNode of wireNodes) {
        if (++told > tableLimits.bucketSize) break;
        const found = fromWire(wireNode, to.host, isAllowed);
        if (found !== undefined && found.id !== localNode.id) nodes.push(found);
      }
      if (told >= tableLimits.bucketSize) return "nothing";
      return wireNodes.length < limits.neighborsPerPacket ? "stragglers" : "more";
    };
    const answered = pending.wait({ id: node.id, ip: to.host, name: "neighbors", take });
    this.send("findnode", { target, expiration: this.expiration() }, to);
    return (await answered) ? nodes : undefined;
  }

  /** The node's record as it is now (EIP-868); the node itself if the record is older than what we have. */
  async requestRecord(node: Enode): Promise<Enode | undefined> {
    const to = udpEndpointOf(node);
    if (to === undefined || !(await this.#ensureBond(node.id, to))) return undefined;
    const hash = this.send("enrRequest", { expiration: this.expiration() }, to);
    let record: Uint8Array | undefined;
    const take = (packet: OpenPacket) => {
      if (packet.name === "enrResponse") record = packet.body.record;
      return "nothing" as const;
    };
    await this.#wire.pending.wait({ id: node.id, ip: to.host, name: "enrResponse", hash, take });
    const found = record === undefined ? undefined : readNode(record);
    if (found?.id !== node.id) return undefined;
    if (seqOf(found) < seqOf(node)) return node;
    return found.ip === undefined || checkRelayIp(to.host, found.ip) !== undefined ? undefined : found;
  }

  /**
   * Sees to it that the other side holds our endpoint for proven: if it has not pinged us for a day, or does not answer, we ping it
   * and wait for its ping. False if it does not answer at all.
   */
  async #ensureBond(id: NodeId, to: Endpoint): Promise<boolean> {
    const { localNode, clock, pending } = this.#wire;
    const { database } = localNode;
    const isKnown = clock.unixSeconds() - database.lastPingReceived(id, to.host) < limits.bondSeconds;
    if (isKnown && database.findFails(id, to.host) < tableLimits.maxFindFailures) return true;
    const pinged = pending.wait({ id, ip: to.host, name: "ping" });
    if ((await this.ping(id, to)) === undefined) return false;
    await pinged;
    return true;
  }
}
