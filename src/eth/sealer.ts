import { nextBaseFee, type Signer } from "#consensus";
import type { BlockChain } from "#core";
import type { TxPool } from "#core/txpool";
import type { Block } from "#core/types";
import type { Host, Timer } from "#host";
import type { Logger } from "#log";
import { rulesAt } from "#params";
import { GlimError } from "#util";

export interface SealerOptions {
  readonly chain: BlockChain;
  readonly pool: TxPool;
  readonly signer: Signer;
  /** Seconds between blocks; 0: a block as soon as there is a transaction for it. */
  readonly period: number;
  /** A block has been sealed and is in the chain. */
  readonly onSealed?: ((block: Block) => void) | undefined;
  readonly host: Pick<Host, "clock" | "rand">;
  readonly log: Logger;
}

/** Longest random delay of a signer whose turn it is not, per signer (geth consensus/clique/clique.go wiggleTime). */
const WIGGLE_MS = 500;

/**
 * Seals blocks on the head: every `period` seconds, or as soon as a transaction waits. What cannot be sealed now (not our
 * turn, signed recently) is tried again on the next head, and so is what failed. One attempt at a time; `stop` waits for it.
 */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #subscriptions: Disposable[] = [];
  #timer: Timer | undefined;
  #sealing: Promise<void> = Promise.resolve();
  #isStopped = true;
  /** Vanity of the blocks, at most 32 bytes. */
  extra: Uint8Array | undefined;
  /** What gas limits move towards; undefined: they stay. */
  gasLimit: bigint | undefined;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return !this.#isStopped;
  }

  /** Also after a stop. Twice is fine. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    const { chain, pool, period } = this.#options;
    this.#subscriptions.push(chain.headEvents.subscribe(() => this.#schedule()));
    if (period === 0) this.#subscriptions.push(pool.added.subscribe(() => this.#schedule()));
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    await this.#sealing;
  }

  /** Sets the timer for the next attempt; a later call replaces it. */
  #schedule(): void {
    const { chain, pool, period, host } = this.#options;
    this.#timer?.cancel();
    if (this.#isStopped || (period === 0 && pool.size === 0)) return;
    const dueSeconds = chain.head.time + period;
    const waitMs = Math.max(0, dueSeconds - host.clock.unixSeconds()) * 1000;
    this.#timer = host.clock.after(waitMs + this.#wiggleMs(), () => {
      this.#sealing = this.#seal();
    });
  }

  #wiggleMs(): number {
    const { chain, signer, host } = this.#options;
    try {
      const inTurn = chain.engine.difficulty(chain.headers, chain.head, signer) !== 1n;
      return inTurn ? 0 : Math.floor(host.rand.float() * WIGGLE_MS);
    } catch {
      return 0; // not a signer now: sealing will say so
    }
  }

  async #seal(): Promise<void> {
    const { chain, pool, signer, period, host, log } = this.#options;
    const parent = chain.head;
    try {
      const transactions = pool.executable(this.#baseFee());
      if (this.#isStopped || (transactions.length === 0 && period === 0)) return;
      const time = Math.max(host.clock.unixSeconds(), parent.time + period);
      const { extra, gasLimit } = this;
      const order = { signer, time, extra, gasLimit };
      const { block, receipts, skipped } = await chain.buildBlock(parent, transactions, order);
      if (this.#isStopped || chain.head !== parent) return this.#schedule();
      if (receipts.length === 0 && period === 0) return;
      await chain.insertBlocks([block]); // the head event schedules the next
      this.#options.onSealed?.(block);
      log.debug("block sealed", {
        number: block.header.number,
        txs: receipts.length,
        skipped: skipped.length,
      });
    } catch (error) {
      // nobody waits for an attempt: what a signer or a listener threw ends here, and the next attempt comes (JS-01)
      if (error instanceof GlimError)
        log.debug("not sealed now", { parent: parent.number, code: error.code });
      else log.error("sealing failed; it is tried again", { parent: parent.number, error });
      this.#retry();
    }
  }

  #baseFee(): bigint {
    const { chain } = this.#options;
    const { isLondon } = rulesAt(chain.config, { ...chain.head, number: chain.head.number + 1 });
    return isLondon ? nextBaseFee(chain.config, chain.head) : 0n;
  }

  /** After a refusal: once more in a while, since no head event may come. */
  #retry(): void {
    const { host, period } = this.#options;
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = host.clock.after(Math.max(1, period) * 1000, () => this.#schedule());
  }
}
