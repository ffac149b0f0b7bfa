import type { PrivateKey } from "#crypto";
import { type Enode, FairMix, LocalNode, NodeDatabase, type NodeSource, refineSource } from "#enode";
import { enrEntries, type EnrPair } from "#enr";
import type { KeyValueStore } from "#ethdb";
import type { Endpoint, Host, Timer, UdpSocket } from "#host";
import type { Logger } from "#log";
import { Discv4 } from "#p2p/discv4";
import { Discv5 } from "#p2p/discv5";
import { DnsLists } from "#p2p/dnsdisc";
import { type Nat, PortMapper } from "#p2p/nat";
import { DisposeStack, isError } from "#util";
import type { Protocol } from "./protocol.ts";

/** How often protocols are asked what they have to tell of themselves: a fork passes at most so long before the record says so. */
const ATTRIBUTES_MS = 10_000;
/** How soon first: protocols know their chain when their services have started, which is after us. */
const FIRST_ATTRIBUTES_MS = 500;
/** A node that answered within this is alive, although it gives no record. */
const LIVELY_SECONDS = 60;

/** Nodes of one source that are asked for their record at once (geth has 16): who is gone costs half a second. */
const RECORDS_AT_ONCE = 8;

export interface DiscoveryConfig {
  readonly key: PrivateKey;
  /** Where discovery listens; undefined = off: then there is only the local record. Port 0 takes a free one. */
  readonly udp: Endpoint | undefined;
  /** Which versions speak there. */
  readonly v4: boolean;
  readonly v5: boolean;
  /** The port could as well be another one: where it is taken, another is. */
  readonly anyPort: boolean;
  /** Port of the RLPx listener; 0 without one. */
  readonly tcp: number;
  /** Our address, known for certain, and the one to tell while nothing is known. */
  readonly staticIp: string | undefined;
  readonly fallbackIp: string;
  readonly bootnodes: readonly Enode[];
  readonly bootnodesV5: readonly Enode[];
  /** `enrtree://…` of lists in the DNS. */
  readonly dnsLists: readonly string[];
  /** Those lists may name addresses of local networks. */
  readonly allowLanLists: boolean;
  /** The way through the router. */
  readonly nat: Nat | undefined;
  readonly isAllowed: (ip: string) => boolean;
  readonly protocols: readonly Protocol[];
  /** What remembers nodes; default: memory. Its owner closes it. */
  readonly store: KeyValueStore | undefined;
  readonly log: Logger;
}

/**
 * Who we are to others, and how we meet them: the local record with what protocols and the router say, discovery v4 and v5.1 on one
 * socket, lists in the DNS, and the mixed source of nodes for the dialer.
 *
 * A packet goes to v4 first; what is none of its goes to v5.
 */
export class Discovery implements AsyncDisposable {
  readonly localNode: LocalNode;
  /** Nodes to dial, from every source in turn. */
  readonly candidates: FairMix;
  readonly #config: DiscoveryConfig;
  readonly #host: Host;
  #v4: Discv4 | undefined;
  #v5: Discv5 | undefined;
  #mapper: PortMapper | undefined;
  #stack = new DisposeStack();
  #timer: Timer | undefined;
  /** Protocols that failed to tell of themselves: not asked again. BOUNDED: the protocols. */
  readonly #mute = new Set<Protocol>();

  private constructor(config: DiscoveryConfig, host: Host, database: NodeDatabase) {
    this.#config = config;
    this.#host = host;
    this.candidates = new FairMix(({ name }, error) =>
      config.log.error("a source of nodes failed and is left out", { source: name, error }),
    );
    this.localNode = new LocalNode({ key: config.key, database, clock: host.clock });
    this.localNode.setFallbackIp(config.fallbackIp);
    if (config.staticIp !== undefined) this.localNode.setStaticIp(config.staticIp);
    if (config.tcp !== 0) this.localNode.set(enrEntries.tcp, config.tcp);
  }

  /** @throws HOST_LISTEN_FAILED if the UDP port is taken */
  static async start(config: DiscoveryConfig, host: Host): Promise<Discovery> {
    const database = await NodeDatabase.open(host.clock, config.store);
    const discovery = new Discovery(config, host, database);
    await discovery.#start();
    return discovery;
  }

  /** Discovery v4; undefined while it is off. */
  get v4(): Discv4 | undefined {
    return this.#v4;
  }

  /** Discovery v5.1; undefined while it is off. */
  get v5(): Discv5 | undefined {
    return this.#v5;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    this.candidates.close();
    await this.#stack[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    this.#updateAttributes();
    for (const { dialCandidates } of this.#config.protocols)
      if (dialCandidates !== undefined) this.candidates.add(dialCandidates);
    await using stack = new DisposeStack();
    this.#startNat(stack);
    this.#startLists();
    const { udp, v4, v5 } = this.#config;
    if (udp !== undefined && (v4 || v5)) await this.#startUdp(udp, stack);
    this.#stack = stack.move();
    this.#scheduleAttributes();
  }

  async #startUdp(udp: Endpoint, stack: DisposeStack): Promise<void> {
    const socket = await this.#bind(udp);
    stack.defer(() => socket.close());
    this.localNode.setFallbackUdp(socket.local.port);
    this.#mapper?.map("udp", socket.local.port);
    const shared = this.#config.v4 && this.#config.v5 ? shareSocket(socket) : undefined;
    if (this.#config.v4) {
      const v4 = stack.use(this.#makeV4(socket, shared?.deliver));
      this.#v4 = v4;
      this.candidates.add(this.#refine(v4.randomNodes()));
    }
    if (this.#config.v5) {
      const v5 = stack.use(this.#makeV5(shared?.socket ?? socket));
      this.#v5 = v5;
      this.candidates.add(this.#refine(v5.randomNodes()));
    }
    this.#v4?.start();
    this.#v5?.start();
  }

  #startLists(): void {
    const { dnsLists: urls, allowLanLists: allowLan, log } = this.#config;
    const { clock, rand, dns } = this.#host;
    if (urls.length === 0 || dns === undefined) return;
    this.candidates.add(this.#refine(new DnsLists({ urls, allowLan, host: { clock, rand, dns }, log })));
  }

  /** The router is asked only by who listens where it could lead to. */
  #startNat(stack: DisposeStack): void {
    const { nat, tcp, fallbackIp, log } = this.#config;
    if (nat === undefined) return;
    const mapper = new PortMapper({
      ...{ nat, log, host: this.#host },
      onAddress: (ip) => this.localNode.setStaticIp(ip ?? this.#config.staticIp),
      onPort: (protocol, port) => {
        if (protocol === "tcp") this.localNode.set(enrEntries.tcp, port);
        else this.localNode.setFallbackUdp(port);
      },
    });
    this.#mapper = mapper;
    stack.defer(() => mapper.close());
    if (tcp !== 0) mapper.map("tcp", tcp);
    log.debug("address and ports are asked of the router", { by: nat.name, until: fallbackIp });
  }

  async #bind(udp: Endpoint): Promise<UdpSocket> {
    try {
      return await this.#host.net.bindUdp(udp);
    } catch (error) {
      if (!this.#config.anyPort || !isError(error, "HOST_LISTEN_FAILED")) throw error;
      return this.#host.net.bindUdp({ ...udp, port: 0 });
    }
  }

  #makeV4(socket: UdpSocket, unhandled: ((bytes: Uint8Array, from: Endpoint) => void) | undefined): Discv4 {
    const { key, bootnodes, isAllowed, log } = this.#config;
    const { clock, rand, entropy } = this.#host;
    return new Discv4(
      { key, localNode: this.localNode, bootnodes, isAllowed, log, unhandled },
      { socket, clock, rand, entropy },
    );
  }

  #makeV5(socket: UdpSocket): Discv5 {
    const { key, bootnodesV5: bootnodes, isAllowed, log } = this.#config;
    const { clock, rand, entropy } = this.#host;
    return new Discv5(
      { key, localNode: this.localNode, bootnodes, isAllowed, log },
      { socket, clock, rand, entropy },
    );
  }

  /** Only nodes that some protocol may have use for: their record says which chain they are on. */
  #refine(source: NodeSource): NodeSource {
    const { protocols } = this.#config;
    return refineSource(
      source,
      async (node) => {
        const known = node.record === undefined ? await this.#withRecord(node) : node;
        if (known === undefined) return undefined;
        const isWanted = protocols.length === 0 || protocols.some((one) => this.#wants(one, known));
        return isWanted ? known : undefined;
      },
      RECORDS_AT_ONCE,
    );
  }

  /** A protocol that fails to say whether it wants a node does not want it. */
  #wants(protocol: Protocol, node: Enode): boolean {
    try {
      return protocol.isCandidate?.(node) ?? true;
    } catch (error) {
      this.#config.log.error("a protocol failed to judge a node", { protocol: protocol.name, error });
      return false;
    }
  }

  /** The node with its record; as it is if it lives and gives none (EIP-868 is not spoken by all); undefined if it is dead. */
  async #withRecord(node: Enode): Promise<Enode | undefined> {
    const known = this.#v4?.table.node(node.id) ?? this.#v5?.table.node(node.id);
    if (known?.record !== undefined) return known;
    const found = await (this.#v4 ?? this.#v5)?.requestRecord(node);
    if (found !== undefined) return found;
    const { database } = this.localNode;
    const seenAt = database.lastPongReceived(node.id, node.ip ?? "");
    return this.#host.clock.unixSeconds() - seenAt <= LIVELY_SECONDS ? node : undefined;
  }

  #updateAttributes(): void {
    for (const protocol of this.#config.protocols)
      for (const pair of protocol.attributes?.() ?? []) this.localNode.setPair(pair);
  }

  /** The same while we run: who fails, or has too much to tell for a record, is left out from then on. */
  #renewAttributes(): void {
    for (const protocol of this.#config.protocols) {
      if (this.#mute.has(protocol)) continue;
      let pairs: readonly EnrPair[] = [];
      try {
        pairs = protocol.attributes?.() ?? [];
        for (const pair of pairs) this.localNode.setPair(pair);
        void this.localNode.node; // signs it here: where packets are answered nobody could
      } catch (error) {
        for (const pair of pairs) this.localNode.delete(pair);
        this.#mute.add(protocol);
        this.#config.log.error("what a protocol tells of itself is left out of our record", {
          protocol: protocol.name,
          error,
        });
      }
    }
  }

  #scheduleAttributes(ms = FIRST_ATTRIBUTES_MS): void {
    this.#timer = this.#host.clock.after(ms, () => {
      this.#renewAttributes();
      this.#scheduleAttributes(Math.min(2 * ms, ATTRIBUTES_MS));
    });
  }
}

/**
 * A second user of one socket: it sends through it, and hears what `deliver` is given. Closing it leaves the socket open.
 *
 * @see geth p2p/server.go:sharedUDPConn@v1.17.5
 */
export function shareSocket(socket: UdpSocket): {
  readonly socket: UdpSocket;
  readonly deliver: (bytes: Uint8Array, from: Endpoint) => void;
} {
  let handler: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  return {
    socket: {
      local: socket.local,
      onMessage(fn) {
        handler = fn;
      },
      send: (bytes, to) => socket.send(bytes, to),
      async close() {
        handler = undefined;
      },
    },
    deliver: (bytes, from) => handler?.(bytes, from),
  };
}
