import { transactionSize, type Transaction } from "#core/types";
import type { Rand } from "#host";
import { ByteMap, LruByteMap } from "#util";
import { add } from "./block-plan.ts";
import { FetcherError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { TxAnnouncement } from "./types.ts";

/** Blob transactions are not pooled yet; with their blobs they come in a form of their own, that is not read either. */
const BLOB = 3;

interface Wanted {
  readonly hash: Uint8Array;
  /** When it was announced first. */
  readonly at: number;
  /** Who has it, and what they said of it. BOUNDED: each peer counts it among its own limits.txAnnounces. */
  readonly sources: Map<string, TxAnnouncement>;
  /** Asked for from this one. */
  fetching: string | undefined;
}

export interface TxFetch {
  readonly peer: string;
  readonly hashes: readonly Uint8Array[];
}

/** Which announced transactions to ask for, whom and when. One open request a peer; nothing else happens here. */
export class TxPlan {
  /** BOUNDED: limits.txAnnounces per peer. */
  readonly #wanted = new ByteMap<Wanted>();
  /** Open announcements by peer. BOUNDED: peers that have some. */
  readonly #announces = new Map<string, number>();
  /** Peers that have not yet answered. BOUNDED: as `#announces`. */
  readonly #busy = new Set<string>();
  /** Until when those too cheap for the pool are not asked for again (TX-07). BOUNDED: limits.underpriced. */
  readonly #underpriced = new LruByteMap<number>(limits.underpriced);

  get size(): number {
    return this.#wanted.size;
  }

  /** Open announcements of a peer. */
  announcedBy(peer: string): number {
    return this.#announces.get(peer) ?? 0;
  }

  announce(
    peer: string,
    list: readonly TxAnnouncement[],
    now: number,
    isKnown: (hash: Uint8Array) => boolean,
  ): void {
    for (const each of list) {
      const { hash } = each;
      if (this.announcedBy(peer) >= limits.txAnnounces) return;
      if (each.type === BLOB) continue;
      if ((this.#underpriced.get(hash) ?? 0) > now || isKnown(hash)) continue;
      const wanted = this.#wanted.get(hash);
      if (wanted?.sources.has(peer) === true) continue;
      if (wanted === undefined)
        this.#wanted.set(hash, { hash, at: now, sources: new Map([[peer, each]]), fetching: undefined });
      else wanted.sources.set(peer, each);
      add(this.#announces, peer, 1);
    }
  }

  /** Requests to send now; they count as open until `answered` or `unanswered`. */
  due(now: number, rand: Rand): readonly TxFetch[] {
    const batches = new Map<string, { hashes: Uint8Array[]; bytes: number }>();
    for (const wanted of this.#wanted.values()) {
      // in the order of their announcements: what follows came later
      if (wanted.at + limits.arriveMs - limits.gatherMs > now) break;
      if (wanted.fetching !== undefined) continue;
      const free = [...wanted.sources.keys()].filter(
        (peer) => !this.#busy.has(peer) && hasRoom(batches.get(peer)),
      );
      const peer = free[rand.int(free.length)];
      if (peer === undefined) continue;
      const batch = batches.get(peer) ?? { hashes: [], bytes: 0 };
      batches.set(peer, batch);
      batch.hashes.push(wanted.hash);
      batch.bytes += wanted.sources.get(peer)?.size ?? 0;
      wanted.fetching = peer;
    }
    for (const peer of batches.keys()) this.#busy.add(peer);
    return [...batches].map(([peer, { hashes }]) => ({ peer, hashes }));
  }

  /** When a request may be due; undefined: nothing waits for time alone. */
  nextDue(): number | undefined {
    for (const { at, fetching, sources } of this.#wanted.values())
      if (fetching === undefined && [...sources.keys()].some((peer) => !this.#busy.has(peer)))
        return at + limits.arriveMs;
    return undefined;
  }

  /**
   * A peer's answer. What it left out before the last one it gave it does not have; what comes after may have been too
   * much for one answer. Those that came are forgotten.
   * @throws FETCHER_UNASKED, FETCHER_WRONG_TYPE, FETCHER_WRONG_SIZE: what came before the lie is in `taken`
   */
  answered({ peer, hashes }: TxFetch, txs: readonly Transaction[], taken: Transaction[]): void {
    this.#busy.delete(peer);
    const asked = new ByteMap<number>();
    for (const [index, hash] of hashes.entries()) asked.set(hash, index);
    let last = txs.length === 0 ? hashes.length : -1;
    try {
      for (const tx of txs) {
        const index = asked.get(tx.hash);
        if (index === undefined) throw FetcherError("UNASKED", { what: "a transaction" });
        asked.delete(tx.hash);
        this.#checkPromise(peer, tx);
        last = Math.max(last, index);
        taken.push(tx);
        this.forget(tx.hash);
      }
    } finally {
      for (const [hash, index] of asked) this.#release(hash, peer, index < last);
    }
  }

  /** No answer in time: the peer does not count as having them any more. */
  unanswered({ peer, hashes }: TxFetch): void {
    this.#busy.delete(peer);
    for (const hash of hashes) this.#release(hash, peer, true);
  }

  /** It came by another way, or is of no interest any more. */
  forget(hash: Uint8Array): void {
    const wanted = this.#wanted.get(hash);
    if (wanted === undefined) return;
    for (const peer of wanted.sources.keys()) add(this.#announces, peer, -1);
    this.#wanted.delete(hash);
  }

  setUnderpriced(hash: Uint8Array, now: number): void {
    this.#underpriced.set(hash, now + limits.underpricedMs);
  }

  removePeer(peer: string): void {
    this.#busy.delete(peer);
    for (const { hash, sources, fetching } of [...this.#wanted.values()])
      if (fetching === peer || sources.has(peer)) this.#release(hash, peer, true);
    this.#announces.delete(peer);
  }

  #release(hash: Uint8Array, peer: string, isGone: boolean): void {
    const wanted = this.#wanted.get(hash);
    if (wanted === undefined) return;
    if (wanted.fetching === peer) wanted.fetching = undefined;
    if (!isGone || !wanted.sources.delete(peer)) return;
    add(this.#announces, peer, -1);
    if (wanted.sources.size === 0) this.#wanted.delete(hash);
  }

  /** Type and size are what the peer announced. */
  #checkPromise(peer: string, tx: Transaction): void {
    const { type, size } = this.#wanted.get(tx.hash)?.sources.get(peer) ?? {};
    if (type !== undefined && type !== tx.type)
      throw FetcherError("WRONG_TYPE", { announced: type, have: tx.type });
    const have = transactionSize(tx);
    if (size !== undefined && Math.abs(have - size) > limits.sizeSlack)
      throw FetcherError("WRONG_SIZE", { announced: size, have });
  }
}

const hasRoom = (batch: { hashes: readonly unknown[]; bytes: number } | undefined): boolean =>
  batch === undefined || (batch.hashes.length < limits.txsPerFetch && batch.bytes < limits.txBytesPerFetch);
