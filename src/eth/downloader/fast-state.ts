import type { BlockChain } from "#core";
import type { Header } from "#core/types";
import type { ContentQueue } from "./content-queue.ts";
import { type Lane, stateLane } from "./lanes.ts";
import type { DownloaderLimits } from "./limits.ts";
import { TrieSync } from "./trie-sync.ts";

export interface FastStateOptions {
  readonly chain: BlockChain;
  readonly limits: DownloaderLimits;
  /** The state is complete and stored. */
  readonly onDone: () => void;
  readonly onInvalid: (error: unknown) => void;
}

/**
 * The pivot of a fast sync and its state. When the chain runs away from the pivot, because peers keep old states only
 * for a while, a younger one is chosen; what is stored of the old state and did not change is not fetched again.
 */
export class FastState {
  readonly lane: Lane;
  /** The pivot is the chain's head: the rest is executed. */
  isCommitted = false;
  readonly #options: FastStateOptions;
  #pivot: Header | undefined;
  #sync: TrieSync | undefined;
  #isStored = false;
  /** Entries of states before the pivot moved. */
  #pulledBefore = 0;

  constructor(options: FastStateOptions) {
    this.#options = options;
    this.lane = stateLane({
      sync: () => this.#sync,
      onReady: () => this.#store(),
      onInvalid: options.onInvalid,
      limits: options.limits,
    });
  }

  get pivot(): Header | undefined {
    return this.#pivot;
  }

  /** Everything of the pivot's state is stored. */
  get isComplete(): boolean {
    return this.#isStored;
  }

  get counts(): { pulled: number; known: number } {
    const { pulled = 0, known = 0 } = this.#sync ?? {};
    return { pulled: this.#pulledBefore + pulled, known: this.#pulledBefore + known };
  }

  setPivot(header: Header): void {
    const { chain } = this.#options;
    this.#pulledBefore += this.#sync?.pulled ?? 0;
    this.close().catch(this.#options.onInvalid);
    this.#pivot = header;
    this.#isStored = false;
    this.#sync = new TrieSync(header.stateRoot, {
      hasNode: (hash) => chain.nodes.get(hash) !== undefined,
      hasCode: (hash) => chain.codes.get(hash) !== undefined,
    });
    if (this.#sync.isDone) this.#finish();
  }

  /** There is a pivot and it is not the head yet. A chain too short for a pivot is executed from its genesis. */
  get isWaiting(): boolean {
    return this.#pivot !== undefined && !this.isCommitted;
  }

  /** Blocks beyond it are not touched yet: one of them may be the next pivot. */
  get lastToTake(): number | undefined {
    return this.isWaiting ? this.#pivot?.number : undefined;
  }

  /** Stores what is complete, for the next time. */
  async close(): Promise<void> {
    const sync = this.#sync;
    if (sync !== undefined && sync.readyBytes > 0)
      await this.#options.chain.fast.writeState(sync.takeReady());
  }

  /** More headers are scheduled: the pivot may have become too old. */
  headersCame(queue: ContentQueue, last: Header): void {
    const { pivotDistance, pivotMaxAge } = this.#options.limits;
    if (this.#pivot === undefined || this.isCommitted || last.number <= this.#pivot.number + pivotMaxAge)
      return;
    const next = queue.headerAt(last.number - pivotDistance);
    if (next !== undefined) this.setPivot(next);
  }

  /** Writes what is complete, when it is enough or the last. */
  async #store(): Promise<void> {
    const sync = this.#sync;
    if (sync === undefined) return;
    if (!sync.isDone && sync.readyBytes < this.#options.limits.stateBatchBytes) return;
    if (sync.readyBytes > 0) await this.#options.chain.fast.writeState(sync.takeReady());
    if (sync.isDone && sync === this.#sync && !this.#isStored) this.#finish();
  }

  #finish(): void {
    this.#isStored = true;
    this.#options.onDone();
  }
}
