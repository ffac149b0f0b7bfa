import type { Transaction } from "#core/types";
import { type EthPeer, packTransactions } from "#eth/protocols";
import type { Rand } from "#host";

/**
 * The pool for new peers of eth/62 to 64, which know no announcements: one sender for all of them, packs of about 100 KiB to a random
 * peer that still waits for some, the next pack when the one before has left. A write error ends that peer's backlog.
 *
 * BOUNDED: one list a peer, as long as the pool was.
 *
 * @see geth eth/sync.go:65-130@v1.8.27
 */
export class TxSync {
  readonly #rand: Rand;
  readonly #waiting = new Map<EthPeer, readonly Transaction[]>();
  #isSending = false;
  #isOver = false;

  constructor(rand: Rand) {
    this.#rand = rand;
  }

  add(peer: EthPeer, transactions: readonly Transaction[]): void {
    if (transactions.length === 0 || this.#isOver) return;
    this.#waiting.set(peer, transactions);
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#send();
  }

  remove(peer: EthPeer): void {
    this.#waiting.delete(peer);
  }

  stop(): void {
    this.#isOver = true;
    this.#waiting.clear();
  }

  async #send(): Promise<void> {
    while (this.#waiting.size > 0) {
      const all = [...this.#waiting];
      const chosen = all[this.#rand.int(all.length)];
      if (chosen === undefined) break;
      const [peer, rest] = chosen;
      const { transactions, used } = packTransactions(rest, (tx) => tx);
      if (used === rest.length) this.#waiting.delete(peer);
      else this.#waiting.set(peer, rest.slice(used));
      try {
        await peer.writeTransactions(transactions);
      } catch {
        this.#waiting.delete(peer); // its connection is over; its reader says why
      }
    }
    this.#isSending = false; // in the same step as the look: a peer that comes after it begins anew
  }
}
