import type { PrivateKey } from "#crypto";
import { type Enode, FairMix, LocalNode, NodeDatabase, type NodeSource, refineSource } from "#enode";
import { enrEntries } from "#enr";
import type { KeyValueStore } from "#ethdb";
import type { Endpoint, Host, Timer, UdpSocket } from "#host";
import type { Logger } from "#log";
import { Discv4 } from "#p2p/discv4";
import { DisposeStack, isError } from "#util";
import type { Protocol } from "./protocol.ts";

/** How often protocols are asked what they have to tell of themselves: a fork passes at most so long before the record says so. */
const ATTRIBUTES_MS = 10_000;
/** A node that answered within this is alive, although it gives no record. */
const LIVELY_SECONDS = 60;

export interface DiscoveryConfig {
  readonly key: PrivateKey;
  /** Where discovery listens; undefined = off: then there is only the local record. Port 0 takes a free one. */
  readonly udp: Endpoint | undefined;
  /** The port could as well be another one: where it is taken, another is. */
  readonly anyPort: boolean;
  /** Port of the RLPx listener; 0 without one. */
  readonly tcp: number;
  /** Our address, known for certain, and the one to tell while nothing is known. */
  readonly staticIp: string | undefined;
  readonly fallbackIp: string;
  readonly bootnodes: readonly Enode[];
  readonly isAllowed: (ip: string) => boolean;
  readonly protocols: readonly Protocol[];
  /** What remembers nodes; default: memory. Its owner closes it. */
  readonly store: KeyValueStore | undefined;
  readonly log: Logger;
}

/**
 * Who we are to others, and how we meet them: the local record with what protocols say, discovery v4 on its socket, and the
 * mixed source of nodes for the dialer.
 *
 * The seam for v5: what is no v4 packet arrives at the `unhandled` of v4; v5 is given a socket made by `shareSocket`, joins
 * `candidates`, and is closed here, before the socket.
 */
export class Discovery implements AsyncDisposable {
  readonly localNode: LocalNode;
  /** Nodes to dial, from every source in turn. */
  readonly candidates = new FairMix();
  readonly #config: DiscoveryConfig;
  readonly #host: Host;
  #v4: Discv4 | undefined;
  #stack = new DisposeStack();
  #timer: Timer | undefined;

  private constructor(config: DiscoveryConfig, host: Host, database: NodeDatabase) {
    this.#config = config;
    this.#host = host;
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    this.candidates.close();
    await this.#stack[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    this.#updateAttributes();
    for (const { dialCandidates } of this.#config.protocols)
      if (dialCandidates !== undefined) this.candidates.add(dialCandidates);
    const { udp } = this.#config;
    if (udp === undefined) return;
    await using stack = new DisposeStack();
    const socket = await this.#bind(udp);
    stack.defer(() => socket.close());
    this.localNode.setFallbackUdp(socket.local.port);
    const v4 = this.#makeV4(socket);
    stack.use(v4);
    this.#v4 = v4;
    this.candidates.add(this.#refine(v4.randomNodes(), v4));
    this.#stack = stack.move();
    v4.start();
    this.#scheduleAttributes();
  }

  async #bind(udp: Endpoint): Promise<UdpSocket> {
    try {
      return await this.#host.net.bindUdp(udp);
    } catch (error) {
      if (!this.#config.anyPort || !isError(error, "HOST_LISTEN_FAILED")) throw error;
      return this.#host.net.bindUdp({ ...udp, port: 0 });
    }
  }

  #makeV4(socket: UdpSocket): Discv4 {
    const { key, bootnodes, isAllowed, log } = this.#config;
    const { clock, rand, entropy } = this.#host;
    return new Discv4(
      { key, localNode: this.localNode, bootnodes, isAllowed, log },
      { socket, clock, rand, entropy },
    );
  }

  /** Only nodes that some protocol may have use for: their record says which chain they are on. */
  #refine(source: NodeSource, v4: Discv4): NodeSource {
    const { protocols } = this.#config;
    return refineSource(source, async (node) => {
      const known = node.record === undefined ? await this.#withRecord(node, v4) : node;
      if (known === undefined) return undefined;
      const isWanted = protocols.length === 0 || protocols.some((one) => one.isCandidate?.(known) ?? true);
      return isWanted ? known : undefined;
    });
  }

  /** The node with its record; as it is if it lives and gives none (EIP-868 is not spoken by all); undefined if it is dead. */
  async #withRecord(node: Enode, v4: Discv4): Promise<Enode | undefined> {
    const known = v4.table.node(node.id);
    if (known?.record !== undefined) return known;
    const found = await v4.requestRecord(node);
    if (found !== undefined) return found;
    const { database } = this.localNode;
    const seenAt = database.lastPongReceived(node.id, node.ip ?? "");
    return this.#host.clock.unixSeconds() - seenAt <= LIVELY_SECONDS ? node : undefined;
  }

  #updateAttributes(): void {
    for (const { attributes } of this.#config.protocols)
      for (const pair of attributes?.() ?? []) this.localNode.setPair(pair);
  }

  #scheduleAttributes(): void {
    this.#timer = this.#host.clock.after(ATTRIBUTES_MS, () => {
      this.#updateAttributes();
      this.#scheduleAttributes();
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
