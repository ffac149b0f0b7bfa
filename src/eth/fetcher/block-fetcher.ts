// long: one state for each announced block, from its hash to its import
import { verifyBody } from "#core";
import { type Block, type Body, emptyTxRoot, emptyUnclesHash, type Header } from "#core/types";
import type { Timer } from "#host";
import { type Logger, silentLogger } from "#log";
import { equalBytes, GlimError, isError, orAborted } from "#util";
import { BlockPlan, type BlockFetch, type PlanChain } from "./block-plan.ts";
import { FetcherError } from "./errors.ts";
import { limits } from "./limits.ts";
import type {
  BlockAnnouncement,
  BlockFetcherHooks,
  BlockSource,
  FetcherHost,
  FetchOptions,
} from "./types.ts";

/**
 * Blocks near our head that peers announce or send: fetched if need be, verified, sent on, imported, announced
 * (eth/fetcher/fetcher.go@v1.8.27).
 */
export class BlockFetcher {
  readonly #hooks: BlockFetcherHooks;
  readonly #host: FetcherHost;
  readonly #log: Logger;
  readonly #plan = new BlockPlan();
  readonly #chain: PlanChain;
  /** BOUNDED: peers of which something is held, cleaned as they leave. */
  readonly #peers = new Map<string, BlockSource>();
  /** One chain of requests a peer. BOUNDED: as `#peers`. */
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #timerAt = 0;
  #importing: Promise<void> | undefined;

  constructor(hooks: BlockFetcherHooks, host: FetcherHost) {
    this.#hooks = hooks;
    this.#host = host;
    this.#log = host.log ?? silentLogger;
    this.#chain = {
      get head() {
        return hooks.headNumber();
      },
      has: (hash) => hooks.hasBlock(hash),
    };
  }

  /** Announcements and whole blocks held. */
  get size(): { announced: number; queued: number } {
    return { announced: this.#plan.announcedCount, queued: this.#plan.queuedCount };
  }

  /** NewBlockHashes. Hashes too far from the head, known, or beyond the peer's 256 are ignored. */
  notify(peer: BlockSource, announced: readonly BlockAnnouncement[]): void {
    if (this.#abort.signal.aborted || this.#isRefused(peer)) return;
    this.#peers.set(peer.id, peer);
    this.#plan.announce(peer.id, announced, this.#host.clock.now(), this.#chain);
    this.#arm();
  }

  /** NewBlock: a whole block whose body matches its header (the caller has checked). */
  enqueue(peer: BlockSource, block: Block): void {
    if (this.#abort.signal.aborted || this.#isRefused(peer)) return;
    this.#peers.set(peer.id, peer);
    if (this.#plan.enqueue(peer.id, block, this.#chain)) this.#import();
  }

  removePeer(id: string): void {
    this.#plan.removePeer(id);
    this.#peers.delete(id);
    this.#arm();
  }

  /** The head moved: waiting blocks may fit now. */
  headChanged(): void {
    if (!this.#abort.signal.aborted) this.#import();
  }

  /** Ends all and waits for a running import. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    this.#timer = undefined;
    await Promise.all([this.#importing, ...this.#fetching.values()]);
  }

  #isRefused(peer: BlockSource): boolean {
    if (!this.#hooks.isPostMerge()) return false;
    this.#drop(peer, FetcherError("POST_MERGE"));
    return true;
  }

  #drop(peer: BlockSource, error: GlimError): void {
    this.removePeer(peer.id);
    this.#log.debug("peer of a block dropped", { peer: peer.id, code: error.code });
    peer.drop(error);
  }

  #arm(): void {
    const next = this.#plan.nextDue();
    if (next === this.#timerAt && this.#timer !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (next === undefined || this.#abort.signal.aborted) return;
    this.#timerAt = next;
    this.#timer = this.#host.clock.after(Math.max(0, next - this.#host.clock.now()), () => {
      this.#timer = undefined;
      for (const fetch of this.#plan.due(this.#host.clock.now(), this.#host.rand)) this.#start(fetch);
      this.#arm();
    });
  }

  /** Requests to one peer follow each other. */
  #start(fetch: BlockFetch): void {
    const before = this.#fetching.get(fetch.peer) ?? Promise.resolve();
    const next = before.then(() => this.#fetch(fetch));
    this.#fetching.set(fetch.peer, next);
    void next.finally(() => {
      if (this.#fetching.get(fetch.peer) === next) this.#fetching.delete(fetch.peer);
    });
  }

  async #fetch({ peer: id, hash, number }: BlockFetch): Promise<void> {
    const peer = this.#peers.get(id);
    if (peer === undefined || this.#abort.signal.aborted) return;
    try {
      const header = await this.#header(peer, hash, number);
      const body = header && (await this.#body(peer, header));
      if (header === undefined || body === undefined) return this.#plan.forget(hash);
      const block = { header, ...body };
      verifyBody(block);
      this.#plan.forget(hash);
      if (this.#plan.enqueue(id, block, this.#chain)) this.#import();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#plan.forget(hash);
      if (!(error instanceof GlimError)) throw error;
      if (error.blame !== "peer") return;
      this.#drop(peer, error.code.startsWith("CORE_") ? invalid(number, error) : error);
    }
  }

  async #header(peer: BlockSource, hash: Uint8Array, number: number): Promise<Header | undefined> {
    const query = { origin: hash, amount: 1, skip: 0, reverse: false };
    const headers = await this.#timed((options) => peer.requestHeaders(query, options));
    const [header] = headers ?? [];
    if (header === undefined) return undefined;
    if (headers?.length !== 1 || !equalBytes(header.hash, hash))
      throw FetcherError("UNASKED", { what: "a header" });
    if (header.number !== number)
      throw FetcherError("WRONG_NUMBER", { announced: number, have: header.number });
    return header;
  }

  /** Empty blocks need no request. */
  async #body(peer: BlockSource, header: Header): Promise<Body | undefined> {
    const { txRoot, unclesHash, withdrawalsRoot } = header;
    const isEmpty = equalBytes(txRoot, emptyTxRoot) && equalBytes(unclesHash, emptyUnclesHash);
    if (isEmpty && withdrawalsRoot === undefined) return { transactions: [], uncles: [] };
    const bodies = await this.#timed((options) => peer.requestBodies([header.hash], options));
    if (bodies !== undefined && bodies.length > 1) throw FetcherError("UNASKED", { what: "a body" });
    return bodies?.[0];
  }

  async #timed<T>(send: (options: FetchOptions) => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#abort;
    let timer: Timer = { cancel: () => {} };
    const deadline = new Promise<undefined>((resolve) => {
      timer = this.#host.clock.after(limits.fetchMs, () => resolve(undefined));
    });
    try {
      return await orAborted(Promise.race([send({ signal, timeoutMs: limits.fetchMs }), deadline]), signal);
    } finally {
      timer.cancel();
    }
  }

  #import(): void {
    this.#importing ??= this.#importAll();
  }

  async #importAll(): Promise<void> {
    await Promise.resolve(); // its promise is kept before it can end
    for (;;) {
      const next = this.#abort.signal.aborted ? undefined : this.#plan.nextImport(this.#chain);
      if (next === undefined) {
        this.#importing = undefined; // in the same step as the look: a block that comes after it begins anew
        return;
      }
      try {
        await this.#importOne(next.block);
      } catch (error) {
        if (!(error instanceof GlimError) || error.blame !== "peer") {
          this.#log.error("a propagated block could not be stored", { error });
          continue;
        }
        const peer = this.#peers.get(next.peer);
        if (peer !== undefined) this.#drop(peer, invalid(next.block.header.number, error));
      }
    }
  }

  async #importOne(block: Block): Promise<void> {
    const { header } = block;
    if (!this.#hooks.hasBlock(header.parentHash)) return;
    try {
      await this.#hooks.verifyHeader(header);
    } catch (error) {
      // of tomorrow, by our clock: nobody is told, nobody is blamed
      if (isError(error, "CONSENSUS_FUTURE_BLOCK")) return;
      throw error;
    }
    this.#hooks.propagate(block);
    await this.#hooks.insert(block);
    if (this.#hooks.hasBlock(header.hash)) this.#hooks.announce(block);
  }
}

const invalid = (number: number, cause: GlimError): GlimError =>
  FetcherError("INVALID_BLOCK", { number, reason: cause.message }, { cause });
