import { BlockChain, type HeaderChain } from "#core";
import type { Header } from "#core/types";
import { Feed } from "#event";
import type { Clock, Rand } from "#host";
import { type Logger, silentLogger } from "#log";
import { GlimError, onAbort } from "#util";
import { Cycle } from "./cycle.ts";
import { DownloaderError } from "./errors.ts";
import { type DownloaderLimits, limits as defaults } from "./limits.ts";
import type { DownloadPeer } from "./peer.ts";
import { PeerState } from "./peer-state.ts";
import type { DownloadProgress, SyncMode } from "./progress.ts";
import { RttEstimate } from "./rates.ts";
import { fastTarget, fullTarget, headersTarget, type SyncTarget } from "./target.ts";

export interface DownloaderOptions {
  /** A chain of headers is synchronised in mode `headers`, and only in it. */
  readonly chain: BlockChain | HeaderChain;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log?: Logger | undefined;
  /** Smaller bounds, for tests. */
  readonly limits?: Partial<DownloaderLimits> | undefined;
}

export interface SynchroniseOptions {
  /** Default full (of a header chain: headers). `fast` is taken for `full` once the chain has a block beyond the genesis, and while no peer gives node data. */
  readonly mode?: SyncMode | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `done` tells the head after it. `failed` comes with what ended the cycle; nothing that was imported is lost. */
export type DownloadEvent =
  | { readonly type: "start"; readonly mode: SyncMode; readonly peer: string }
  | { readonly type: "progress"; readonly progress: DownloadProgress }
  | { readonly type: "done"; readonly head: Header }
  | { readonly type: "failed"; readonly error: GlimError };

/** What others need of a `Downloader`. */
export type DownloaderDoor = Pick<
  Downloader,
  "register" | "unregister" | "synchronise" | "isBusy" | "progress" | "events" | "cancel"
>;

/** One synchronisation at a time, of one chain, from registered peers. */
export class Downloader {
  /** Progress about once a second; start, done, failed. */
  readonly events: Feed<DownloadEvent>;
  readonly #chain: BlockChain | HeaderChain;
  readonly #clock: Clock;
  readonly #rand: Rand;
  readonly #log: Logger;
  readonly #limits: DownloaderLimits;
  readonly #rtt: RttEstimate;
  /** BOUNDED: limits.peers. */
  readonly #peers = new Map<string, PeerState>();
  #cycle: Cycle | undefined;
  #master: PeerState | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #reportedAt = 0;

  constructor(options: DownloaderOptions) {
    this.#chain = options.chain;
    this.#clock = options.clock;
    this.#rand = options.rand;
    this.#log = options.log ?? silentLogger;
    this.#limits = { ...defaults, ...options.limits };
    this.#rtt = new RttEstimate(this.#limits);
    this.events = new Feed((error) => this.#log.error("listener of downloads failed", { error }));
  }

  get isBusy(): boolean {
    return this.#cycle !== undefined;
  }

  /** undefined while no cycle runs. */
  get progress(): DownloadProgress | undefined {
    return this.#cycle?.progress;
  }

  /** Known from now on; a running cycle uses it too. @throws DOWNLOADER_PEER_KNOWN, DOWNLOADER_TOO_MANY_PEERS */
  register(peer: DownloadPeer): void {
    if (this.#peers.has(peer.id)) throw DownloaderError("PEER_KNOWN", { peer: peer.id });
    if (this.#peers.size >= this.#limits.peers)
      throw DownloaderError("TOO_MANY_PEERS", { max: this.#limits.peers });
    this.#peers.set(peer.id, new PeerState(peer, this.#limits));
    this.#rtt.peerJoined(this.#peers.size);
    this.#cycle?.pump();
  }

  /** It left: its open requests are given to others. If a cycle follows this peer, the cycle is cancelled. */
  unregister(id: string): void {
    const state = this.#peers.get(id);
    if (state === undefined) return;
    state.isGone = true;
    this.#peers.delete(id);
    if (state === this.#master) this.#cycle?.fail(DownloaderError("CANCELLED"));
    else this.#cycle?.pump();
  }

  /**
   * Brings the chain up to that peer's head, with the help of all. Peers at fault are dropped, the followed one too.
   * @returns the head after it
   * @throws DOWNLOADER_*; errors that are no peer's fault (database, disk) as they came
   */
  async synchronise(peerId: string, options: SynchroniseOptions = {}): Promise<Header> {
    if (this.#cycle !== undefined) throw DownloaderError("BUSY");
    const master = this.#peers.get(peerId);
    if (master === undefined) throw DownloaderError("UNKNOWN_PEER", { peer: peerId });
    options.signal?.throwIfAborted();
    const { target, fast } = this.#target(options.mode);
    for (const state of this.#peers.values()) state.reset();
    const cycle = new Cycle({
      target,
      fast,
      master,
      peers: () => this.#peers.values(),
      drop: (state, error) => this.#drop(state, error),
      clock: this.#clock,
      rand: this.#rand,
      log: this.#log,
      limits: this.#limits,
      rtt: this.#rtt,
      onProgress: () => this.#report(),
    });
    this.#cycle = cycle;
    this.#master = master;
    const release = options.signal && onAbort(options.signal, () => cycle.fail(DownloaderError("CANCELLED")));
    const running = this.#run(cycle, master, target.mode).finally(() => release?.());
    this.#running = running.catch(() => {});
    return running;
  }

  /** Ends the running cycle with DOWNLOADER_CANCELLED and waits for it. */
  async cancel(): Promise<void> {
    this.#cycle?.fail(DownloaderError("CANCELLED"));
    await this.#running;
  }

  async #run(cycle: Cycle, master: PeerState, mode: SyncMode): Promise<Header> {
    this.events.send({ type: "start", mode, peer: master.peer.id });
    try {
      const head = await cycle.run();
      master.changes = 0;
      this.#end();
      this.events.send({ type: "done", head });
      return head;
    } catch (error) {
      this.#end();
      if (!(error instanceof GlimError)) throw error;
      this.#log.debug("synchronisation failed", { peer: master.peer.id, code: error.code });
      if (error.blame === "peer") this.#drop(master, error);
      else if (DownloaderError.is(error, "CHANGED") && ++master.changes >= this.#limits.maxChanges)
        this.#drop(master, DownloaderError("STALLING", { reason: "it changes its chain all the time" }));
      this.events.send({ type: "failed", error });
      throw error;
    }
  }

  #target(wanted: SyncMode | undefined): { target: SyncTarget; fast: BlockChain | undefined } {
    const chain = this.#chain;
    const isFull = chain instanceof BlockChain;
    if (!isFull && (wanted ?? "headers") === "headers")
      return { target: headersTarget(chain), fast: undefined };
    if (!isFull || wanted === "headers") throw DownloaderError("WRONG_MODE", { mode: wanted ?? "full" });
    // with executed blocks there is nothing to skip: eth/sync.go:177@v1.8.27
    if (wanted !== "fast" || chain.head.number > 0) return { target: fullTarget(chain), fast: undefined };
    if ([...this.#peers.values()].some(({ peer }) => peer.requestNodeData !== undefined))
      return { target: fastTarget(chain), fast: chain };
    this.#log.warn("no peer gives state entries (eth/67 has none): every block is executed");
    return { target: fullTarget(chain), fast: undefined };
  }

  #end(): void {
    this.#cycle = undefined;
    this.#master = undefined;
  }

  #drop(state: PeerState, error: GlimError): void {
    if (state.isGone) return;
    state.isGone = true;
    this.#peers.delete(state.peer.id);
    this.#log.debug("peer dropped", { peer: state.peer.id, code: error.code });
    state.peer.drop(error);
  }

  #report(): void {
    const now = this.#clock.now();
    const progress = this.progress;
    if (progress === undefined || now - this.#reportedAt < this.#limits.progressMs) return;
    this.#reportedAt = now;
    this.events.send({ type: "progress", progress });
  }
}
