import type { Header } from "#core/types";
import type { Clock } from "#host";
import type { Logger } from "#log";
import type { BloomIndex } from "./bloom-index.ts";
import type { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";
import type { StateStore } from "./state-store.ts";
import type { WriteQueue } from "./write-queue.ts";

export interface UpkeepOptions {
  readonly headers: Pick<HeaderChain, "head" | "headerByNumber">;
  readonly states: Pick<StateStore, "flat" | "persist" | "isFull" | "isShort">;
  readonly blooms: Pick<BloomIndex, "isDue" | "makeNext">;
  readonly queue: Pick<WriteQueue, "run" | "giveWay">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Logger;
}

/**
 * How far before the head the states lie that are written at the end (core/blockchain.go:983@v1.11.6). In between, where
 * geth writes that of 127 blocks back and seldom, it is the head's every 128 blocks: a crash costs no more than these, and
 * the one before is there for reorgs.
 */
const AT_THE_END = [limits.recentStates - 1, 1, 0] as const;

/** What a chain needs beside its blocks: states written now and then, the bloom index, the flat state. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Milliseconds of work on blocks since a state was last written, and how many there were. */
  #stateMs = 0;
  #stateBlocks = 0;
  /** After so many it is written: few at first, so that a process that is killed again and again gets ahead. */
  #stateEvery: number = limits.firstStates;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** There is work for `maintain`. */
  get isDue(): boolean {
    return this.#options.blooms.isDue || this.#options.states.flat.isLost;
  }

  /**
   * Makes what helps to answer faster and is not there: sections of the bloom index, the flat state. Blocks are inserted
   * meanwhile. One call at a time; not from within a job of the queue.
   */
  async maintain({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { headers, states, blooms, queue, log } = this.#options;
    while (blooms.isDue) {
      signal?.throwIfAborted();
      await queue.run(() => blooms.makeNext());
    }
    const { flat } = states;
    if (!flat.isLost) return;
    const { stateRoot } = await queue.run(async () => {
      await this.persist();
      return headers.head;
    });
    log.debug("the flat state is built");
    await flat.build(stateRoot, signal);
    flat.moveTo(headers.head.stateRoot);
  }

  /**
   * After work on a block, within its job: lets others run, and writes a state when it is time or memory is short.
   * `startMs`: the clock's when the work began. `written`: the block whose state is written then; default: the head.
   */
  async worked(startMs: number, written?: Header): Promise<void> {
    const { states, blooms, queue, clock } = this.#options;
    this.#stateMs += clock.now() - startMs;
    this.#stateBlocks++;
    await queue.giveWay();
    if (blooms.isDue) await blooms.makeNext();
    const isTime = this.#stateMs > limits.stateMs || this.#stateBlocks >= this.#stateEvery;
    if (written === undefined) {
      if (isTime || states.isFull) await this.persist();
    } else if (isTime || states.isShort) await this.#persistStates([written]);
  }

  /** Writes the state of the head, within a job; `isLast`: and others that make a reorg short after the next start. */
  async persist({ isLast = false } = {}): Promise<void> {
    const { headers, states } = this.#options;
    const depths = isLast ? AT_THE_END : [0];
    await this.#persistStates(
      depths.flatMap((depth) => headers.headerByNumber(headers.head.number - depth) ?? []),
    );
    await states.flat.persist();
  }

  async #persistStates(headers: readonly Header[]): Promise<void> {
    this.#stateMs = 0;
    if (this.#stateBlocks >= this.#stateEvery)
      this.#stateEvery = Math.min(this.#stateEvery * 2, limits.recentStates);
    this.#stateBlocks = 0;
    await this.#options.states.persist(headers.map((header) => header.stateRoot));
  }
}
