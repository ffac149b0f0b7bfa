import type { Transaction } from "#core/types";
import type { Timer } from "#host";
import { type Logger, silentLogger } from "#log";
import { ByteSet, GlimError, orAborted } from "#util";
import { FetcherError } from "./errors.ts";
import { limits } from "./limits.ts";
import { type TxFetch, TxPlan } from "./tx-plan.ts";
import type { FetcherHost, TxAnnouncement, TxFetcherHooks, TxSource } from "./types.ts";

/** Transactions that peers announce by hash, or send (eth/fetcher/tx_fetcher.go@v1.11.6). */
export class TxFetcher {
  readonly #hooks: TxFetcherHooks;
  readonly #host: FetcherHost;
  readonly #log: Logger;
  readonly #plan = new TxPlan();
  /** BOUNDED: peers that announced something, cleaned as they leave. */
  readonly #peers = new Map<string, TxSource>();
  /** Requests in a row without an answer. BOUNDED: as `#peers`. */
  readonly #timeouts = new Map<string, number>();
  /** BOUNDED: one request a peer. */
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #timer: Timer | undefined;

  constructor(hooks: TxFetcherHooks, host: FetcherHost) {
    this.#hooks = hooks;
    this.#host = host;
    this.#log = host.log ?? silentLogger;
  }

  /** Announced transactions that are wanted. */
  get size(): number {
    return this.#plan.size;
  }

  /** NewPooledTransactionHashes. Known ones, and those beyond the peer's 4,096, are ignored. */
  notify(peer: TxSource, announced: readonly TxAnnouncement[]): void {
    if (this.#abort.signal.aborted) return;
    this.#peers.set(peer.id, peer);
    const { clock } = this.#host;
    this.#plan.announce(peer.id, announced, clock.now(), (hash) => this.#hooks.hasTransaction(hash));
    this.#arm();
  }

  /** Transactions: sent without being asked for. Duplicates within one message drop the peer (ET-05). */
  async enqueue(peer: TxSource, txs: readonly Transaction[]): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const hashes = new ByteSet(txs.map((tx) => tx.hash));
    if (hashes.size < txs.length) return this.#drop(peer, FetcherError("DUPLICATE"));
    await this.#add(peer.id, txs);
  }

  removePeer(id: string): void {
    this.#plan.removePeer(id);
    this.#peers.delete(id);
    this.#timeouts.delete(id);
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    this.#timer = undefined;
    await Promise.all(this.#running);
  }

  #drop(peer: TxSource, error: GlimError): void {
    this.removePeer(peer.id);
    this.#log.debug("peer of transactions dropped", { peer: peer.id, code: error.code });
    peer.drop(error);
  }

  async #add(peer: string, txs: readonly Transaction[]): Promise<void> {
    if (txs.length === 0) return;
    for (const tx of txs) this.#plan.forget(tx.hash);
    const verdicts = await this.#hooks.addTransactions(txs, peer);
    for (const [index, tx] of txs.entries())
      if (verdicts[index] === "underpriced") this.#plan.setUnderpriced(tx.hash, this.#host.clock.now());
  }

  #arm(): void {
    // what is announced later is due later
    if (this.#timer !== undefined || this.#abort.signal.aborted) return;
    const next = this.#plan.nextDue();
    if (next === undefined) return;
    this.#timer = this.#host.clock.after(Math.max(0, next - this.#host.clock.now()), () => {
      this.#timer = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    for (const fetch of this.#plan.due(this.#host.clock.now(), this.#host.rand)) {
      const running = this.#fetch(fetch);
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    }
    this.#arm();
  }

  async #fetch(fetch: TxFetch): Promise<void> {
    const peer = this.#peers.get(fetch.peer);
    if (peer === undefined) return this.#plan.unanswered(fetch);
    const taken: Transaction[] = [];
    try {
      const txs = await this.#request(peer, fetch);
      if (txs === undefined) {
        this.#plan.unanswered(fetch);
        const times = (this.#timeouts.get(peer.id) ?? 0) + 1;
        if (times >= limits.maxTimeouts)
          this.#drop(peer, FetcherError("STALLING", { what: "transactions", times }));
        else if (this.#peers.has(peer.id)) this.#timeouts.set(peer.id, times);
      } else {
        this.#timeouts.delete(peer.id);
        this.#plan.answered(fetch, txs, taken);
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (!(error instanceof GlimError)) throw error;
      this.#plan.unanswered(fetch);
      if (error.blame === "peer") this.#drop(peer, error);
    }
    await this.#add(fetch.peer, taken);
    if (!this.#abort.signal.aborted) this.#pump();
  }

  async #request(peer: TxSource, { hashes }: TxFetch): Promise<readonly Transaction[] | undefined> {
    const { signal } = this.#abort;
    let timer: Timer = { cancel: () => {} };
    const deadline = new Promise<undefined>((resolve) => {
      timer = this.#host.clock.after(limits.fetchMs, () => resolve(undefined));
    });
    const request = peer.requestPooledTransactions(hashes, { signal, timeoutMs: limits.fetchMs });
    try {
      return await orAborted(Promise.race([request, deadline]), signal);
    } finally {
      timer.cancel();
    }
  }
}
