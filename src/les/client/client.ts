import type { HeaderChain } from "#core";
import { checkForkId, type ForkChain, forkIdAt } from "#core/forkid";
import type { Header } from "#core/types";
import { type Enode, formatEnode } from "#enode";
import { enrEntries, readEntry } from "#enr";
import { Feed } from "#event";
import type { Host } from "#host";
import {
  clientStatusEntries,
  LesError,
  lesLimits,
  lesTable,
  type LesVersion,
  lesVersions,
  type AnnounceType,
  readServerStatus,
  type ServerStatus,
} from "#les/protocol";
import {
  type BlockRange,
  type Claim,
  type ClaimKind,
  type ClaimKinds,
  type ClaimOptions,
  LightError,
  type OdrRequest,
  type ProofSource,
  type RetrieveOptions,
} from "#light";
import { type Logger, silentLogger } from "#log";
import { type MsgReadWriter, P2pError, type Peer, type Protocol } from "#p2p";
import { deferred, GlimError, LruMap } from "#util";
import { claimsOf } from "./claims.ts";
import { HeadSync, type SyncState } from "./head-sync.ts";
import { clientLimits } from "./limits.ts";
import { coverageOf, Retriever } from "./retriever.ts";
import { ServerPeer } from "./server-peer.ts";

export interface LesClientOptions {
  readonly networkId: bigint;
  readonly host: Pick<Host, "clock" | "rand">;
  readonly log?: Logger | undefined;
  /** Versions offered; default 4, 3, 2. */
  readonly versions?: readonly LesVersion[] | undefined;
  /** Servers at once; default 5. Trusted peers are not counted out, and strangers keep no static node out. */
  readonly maxServers?: number | undefined;
  /** Ask every server for signed announcements, not only trusted ones. */
  readonly signedAnnounces?: boolean | undefined;
}

/** A server as `light_` status shows it. */
export interface ServerInfo {
  readonly id: string;
  readonly enode: string;
  readonly version: number;
  readonly head: { readonly number: number; readonly hash: Uint8Array; readonly td: bigint };
  readonly state: BlockRange;
  readonly requests: number;
  readonly replies: number;
  readonly badReplies: number;
  readonly softTimeouts: number;
  readonly latencyMs: number;
  readonly buffer: { readonly value: number; readonly limit: number };
  readonly isFrozen: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What there is once the chain is open. */
interface Running {
  readonly chain: HeaderChain;
  readonly forkChain: ForkChain;
  readonly sync: HeadSync;
}

/**
 * The client side of les: keeps the header chain at the best head its servers announce, and retrieves proofs from them.
 * Give `protocols` to a p2p Server and the chain to `start`; everything else follows from the peers. Connections made before `start` wait.
 */
export class LesClient implements ProofSource {
  readonly protocols: readonly Protocol[];
  /** One event each time the chain has reached every head that servers announced. */
  readonly syncedEvents: Feed<Header>;
  /** Servers whose handshake failed. */
  readonly refusedEvents: Feed<{ readonly enode: string; readonly error: GlimError }>;
  readonly #options: LesClientOptions;
  readonly #log: Logger;
  readonly #started = deferred<Running>();
  #running: Running | undefined;
  readonly #retriever: Retriever;
  /** BOUNDED: maxServers of those we were named and as many others, and trusted peers. By node id. */
  readonly #servers = new Map<string, ServerPeer>();
  /** Node ids of servers that lied, and until when they are refused. BOUNDED: limits.banned. */
  readonly #banned = new LruMap<string, number>(clientLimits.banned);
  readonly #bytesOfGone = { bytesIn: 0, bytesOut: 0 };
  #isStopped = false;

  constructor(options: LesClientOptions) {
    const { host, log = silentLogger, versions = lesVersions } = options;
    this.#options = options;
    this.#log = log.child({ room: "les" });
    this.refusedEvents = new Feed((error) =>
      this.#log.error("listener of refused servers failed", { error }),
    );
    this.syncedEvents = new Feed((error) => this.#log.error("listener of synced events failed", { error }));
    this.#retriever = new Retriever({
      clock: host.clock,
      rand: host.rand,
      servers: () => this.#servers.values(),
      onLie: (server, error) => this.#lied(server, error),
    });
    this.protocols = versions.map((version) => this.#protocol(version));
  }

  /** The chain to extend; its genesis is what servers must have. */
  start(chain: HeaderChain): void {
    const forkChain = {
      config: chain.config,
      genesisHash: chain.genesis.hash,
      genesisTime: chain.genesis.time,
    };
    const { clock, rand } = this.#options.host;
    const sync = new HeadSync({
      ...{ chain, clock, rand },
      retriever: this.#retriever,
      servers: () => this.#servers.values(),
      log: this.#log,
      onLie: (server, error) => this.#lied(server, error),
      onDone: (head) => this.syncedEvents.send(head),
    });
    this.#running = { chain, forkChain, sync };
    this.#started.resolve(this.#running);
  }

  /** A first sync has ended: the chain has reached every head announced by then. */
  get isSynced(): boolean {
    return this.#running?.sync.isDone ?? false;
  }

  get serverCount(): number {
    return this.#servers.size;
  }

  /** Requests, messages they went out in, and replies thrown away as lies. */
  /** Since the start; bytes of all servers, those that are gone too. */
  get counters() {
    const { merged, messages, lies } = this.#retriever;
    let { bytesIn, bytesOut } = this.#bytesOfGone;
    for (const { peer } of this.#servers.values()) {
      bytesIn += peer.traffic.bytesIn;
      bytesOut += peer.traffic.bytesOut;
    }
    return { requests: merged, messages, lies, bytesIn, bytesOut };
  }

  get progress(): SyncState | undefined {
    return this.#running?.sync.progress;
  }

  servers(): ServerInfo[] {
    return [...this.#servers.values()].map((server) => ({
      id: server.peer.id,
      enode: server.peer.info().enode,
      version: server.version,
      head: server.head,
      state: server.range("state"),
      requests: server.requests,
      replies: server.replies,
      badReplies: server.badReplies,
      softTimeouts: server.softTimeouts,
      latencyMs: Math.round(server.latencyMs * 100) / 100,
      buffer: server.buffer,
      isFrozen: server.isFrozen,
      bytesIn: server.peer.traffic.bytesIn,
      bytesOut: server.peer.traffic.bytesOut,
    }));
  }

  coverage(what: "chain" | "state"): BlockRange | undefined {
    return coverageOf(this.#servers.values(), what);
  }

  retrieve<T>(request: OdrRequest<T>, options?: RetrieveOptions): Promise<T> {
    return this.#retriever.retrieve(request, options);
  }

  claims<K extends ClaimKind>(
    kind: K,
    ask: ClaimKinds[K]["ask"],
    options?: ClaimOptions,
  ): AsyncIterable<Claim<ClaimKinds[K]["answer"]>> {
    const parts = {
      clock: this.#options.host.clock,
      retriever: this.#retriever,
      servers: () => this.#servers.values(),
      refute: (server: ServerPeer, reason: Error) => this.#refute(server, reason),
    };
    return claimsOf(parts, kind, ask, options);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retriever.stop();
    this.#started.reject(LightError("STOPPED"));
    for (const server of this.#servers.values()) server.end(LightError("STOPPED"));
    this.#servers.clear();
    await this.#running?.sync.stop();
  }

  #protocol(version: LesVersion): Protocol {
    const { name, length, messageName } = lesTable(version);
    return {
      name,
      version,
      length: version === 2 ? 22 : length,
      messageName,
      run: (peer, rw) => this.#run(version, peer, rw),
      isCandidate: (node) => this.#isServerOfOurs(node),
      nodeInfo: () => this.#nodeInfo(),
      peerInfo: (id) => {
        const server = this.#servers.get(id);
        return server === undefined
          ? undefined
          : { version: server.version, difficulty: server.head.td, head: hexOf(server.head.hash) };
      },
    };
  }

  /** Whether a node that was found serves light clients on our chain, by its record. @see geth les/enr_entry.go:68@v1.11.6 */
  #isServerOfOurs({ record }: Enode): boolean {
    if (record === undefined || this.#running === undefined) return false;
    const { chain, forkChain } = this.#running;
    const fork = readEntry(record, enrEntries.eth);
    if (fork === undefined || readEntry(record, enrEntries.les) === undefined) return false;
    const { number, time } = chain.head;
    return checkForkId(forkChain, { number, time }, fork.forkId) === "ok";
  }

  /** admin_nodeInfo, `protocols.les`. @see geth les/server.go NodeInfo@v1.11.6 */
  #nodeInfo(): unknown {
    const { networkId } = this.#options;
    if (this.#running === undefined) return undefined;
    const { chain } = this.#running;
    return {
      network: networkId,
      difficulty: chain.td(chain.head.hash) ?? 0n,
      genesis: hexOf(chain.genesis.hash),
      head: hexOf(chain.head.hash),
    };
  }

  /** Servers that leave this one no place: strangers must not keep out those the operator named. */
  #rivals(peer: Peer): number {
    if (!peer.isStatic) return this.#servers.size;
    let named = 0;
    for (const server of this.#servers.values()) if (server.peer.isStatic) named++;
    return named;
  }

  async #run(version: LesVersion, peer: Peer, rw: MsgReadWriter): Promise<void> {
    const { clock } = this.#options.host;
    if (this.#isStopped) throw LightError("STOPPED");
    if ((this.#banned.get(peer.id) ?? 0) > clock.now())
      throw LesError("USELESS_PEER", { reason: "it gave a false answer a while ago" });
    const { maxServers = clientLimits.servers } = this.#options;
    if (!peer.isTrusted && this.#rivals(peer) >= maxServers) throw P2pError("TOO_MANY_PEERS");
    const signedAnnounces = this.#options.signedAnnounces === true || peer.isTrusted;
    const running = await this.#started.promise;
    const status = await this.#handshake(version, rw, signedAnnounces ? 2 : 1, running).catch(
      (error: unknown) => {
        if (error instanceof GlimError) this.refusedEvents.send({ enode: formatEnode(peer.node), error });
        throw error;
      },
    );
    if (this.#isStopped) throw LightError("STOPPED");
    if (this.#servers.has(peer.id)) throw P2pError("ALREADY_CONNECTED");
    const server = new ServerPeer({
      peer,
      rw,
      version,
      status,
      clock,
      log: peer.log,
      signedAnnounces,
      events: {
        announced: () => {
          running.sync.announced();
          this.#retriever.ready(); // what waited for this server to catch up may go
        },
        ready: () => this.#retriever.poke(),
      },
    });
    this.#servers.set(peer.id, server);
    this.#log.debug("server connected", { peer: peer.id, version, head: status.headNumber });
    try {
      running.sync.announced();
      this.#retriever.ready();
      for (;;) server.receive(await rw.readMsg());
    } finally {
      this.#servers.delete(peer.id);
      this.#bytesOfGone.bytesIn += peer.traffic.bytesIn;
      this.#bytesOfGone.bytesOut += peer.traffic.bytesOut;
      server.end(LesError("REQUEST_TIMEOUT", { message: "connection", timeoutMs: 0 }));
      running.sync.announced();
      this.#retriever.ready();
    }
  }

  /** Both statuses cross; ours goes out without waiting. @see geth les/peer.go:213@v1.11.6 */
  async #handshake(
    version: LesVersion,
    rw: MsgReadWriter,
    announceType: AnnounceType,
    { chain, forkChain }: Running,
  ): Promise<ServerStatus> {
    const { networkId, host } = this.#options;
    const table = lesTable(version);
    const genesisHash = chain.genesis.hash;
    const { number, time } = chain.head;
    const entries = clientStatusEntries({
      protocolVersion: version,
      networkId,
      headTd: 0n,
      headHash: new Uint8Array(32),
      headNumber: 0,
      genesisHash,
      forkId: version >= 4 ? forkIdAt(forkChain, { number, time }) : undefined,
      announceType,
    });
    const { code, payload } = table.encode("status", entries);
    rw.writeMsg(code, payload).catch(() => {});
    const msg = await this.#firstMessage(rw, host.clock);
    if (msg.size > lesLimits.messageBytes)
      throw LesError("MESSAGE_TOO_LARGE", { bytes: msg.size, max: lesLimits.messageBytes });
    const message = table.decode(msg);
    if (message.name !== "status") throw LesError("NO_STATUS", { code: msg.code });
    return readServerStatus(message.body, {
      version,
      networkId,
      genesisHash,
      checkForkId: (id) => {
        const verdict = checkForkId(forkChain, { number, time }, id);
        return verdict === "ok" ? undefined : verdict;
      },
    });
  }

  #firstMessage(rw: MsgReadWriter, clock: Host["clock"]): ReturnType<MsgReadWriter["readMsg"]> {
    const { handshakeTimeoutMs: timeoutMs } = lesLimits;
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => reject(LesError("HANDSHAKE_TIMEOUT", { timeoutMs })));
      rw.readMsg()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #lied(server: ServerPeer, error: GlimError): void {
    this.#log.warn("a server gave a false answer and is dropped", { peer: server.peer.id, code: error.code });
    this.#banned.set(server.peer.id, this.#options.host.clock.now() + clientLimits.banMs);
  }

  #refute(server: ServerPeer, reason: Error): void {
    const error = LesError("INVALID_RESPONSE", { reason: reason.message }, { cause: reason });
    this.#lied(server, error);
    server.drop(error);
  }
}

const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
