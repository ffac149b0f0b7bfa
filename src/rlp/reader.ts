import { RlpError } from "./errors.ts";

/** What a message may cost its reader. */
export interface Budget {
  /** Most items (byte strings and lists together, at all levels). */
  readonly maxItems?: number | undefined;
  /** Deepest nesting of lists. */
  readonly maxDepth?: number | undefined;
}

/** Used where the caller names no budget of its own. */
export const DEFAULT_MAX_ITEMS = 1 << 20;
/** Deepest generic nesting; wire types stay below 12 by their schemas. */
export const DEFAULT_MAX_DEPTH = 64;

/**
 * A cursor over RLP bytes. `next()` reads one header and leaves the item's bounds in `isList`, `start` and `stop`; nothing is copied and
 * nothing recurses. Strict: every length in its shortest form, nothing past the end of the list around it.
 *
 * Fields are open because schemas read them in hot loops; only `next`, `enter` and `leave` may move the cursor.
 */
export class RlpReader {
  readonly bytes: Uint8Array;
  /** Where the next header stands. */
  pos = 0;
  /** End of the list being read. */
  end: number;
  /** The item `next()` found: its payload is `bytes[start, stop)`. */
  isList = false;
  start = 0;
  stop = 0;
  /** BOUNDED: items that may still be read. */
  left: number;
  #depth: number;
  readonly #maxItems: number;
  readonly #maxDepth: number;

  constructor(bytes: Uint8Array, budget: Budget = {}) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.#maxItems = budget.maxItems ?? DEFAULT_MAX_ITEMS;
    this.#maxDepth = budget.maxDepth ?? DEFAULT_MAX_DEPTH;
    this.left = this.#maxItems;
    this.#depth = this.#maxDepth;
  }

  /** Reads the header at the cursor and steps over the item. */
  next(): void {
    if (--this.left < 0) throw RlpError("ITEMS", { max: this.#maxItems });
    const { bytes, pos, end } = this;
    if (pos >= end) throw pos === 0 ? RlpError("EMPTY") : RlpError("TRUNCATED", { offset: pos });
    const prefix = bytes[pos] ?? 0;
    if (prefix < 0x80) {
      this.isList = false;
      this.start = pos;
      this.stop = this.pos = pos + 1;
      return;
    }
    const isList = prefix >= 0xc0;
    let start = pos + 1;
    let length = prefix - (isList ? 0xc0 : 0x80);
    if (length > 55) {
      start += length - 55;
      length = longLength(bytes, pos + 1, start, end);
    }
    if (length > end - start) throw RlpError("TRUNCATED", { offset: pos });
    if (prefix === 0x81 && (bytes[start] ?? 0) < 0x80) throw RlpError("NON_CANONICAL", { offset: pos });
    this.isList = isList;
    this.start = start;
    this.stop = this.pos = start + length;
  }

  /** As `next()`, and the item must be a byte string. Returns its length. */
  nextBytes(): number {
    this.next();
    if (this.isList) throw RlpError("EXPECTED_BYTES", { offset: this.start });
    return this.stop - this.start;
  }

  /** Payload of the current item: a view. It keeps the whole message alive; copy what is kept for long. */
  view(): Uint8Array {
    return this.bytes.subarray(this.start, this.stop);
  }

  /** True if the item at the cursor is a list; does not move. */
  peekIsList(): boolean {
    if (this.pos >= this.end) throw RlpError("TRUNCATED", { offset: this.pos });
    return (this.bytes[this.pos] ?? 0) >= 0xc0;
  }

  /**
   * Steps into the list at the cursor, whose items are counted first: with more than `max` of them nothing is made.
   * @returns what `leave` wants back.
   */
  enter(max = Number.POSITIVE_INFINITY): number {
    this.next();
    if (!this.isList) throw RlpError("EXPECTED_LIST", { offset: this.start });
    if (--this.#depth < 0) throw RlpError("DEPTH", { max: this.#maxDepth });
    const outer = this.end;
    this.pos = this.start;
    this.end = this.stop;
    const limit = Math.min(max, this.left);
    // an item takes a byte at least, so a short list need not be counted
    if (this.end - this.pos > limit) this.#count(limit, limit === max ? max : this.#maxItems);
    return outer;
  }

  /** Steps out of a list that has been read to its end. */
  leave(outer: number): void {
    if (this.pos !== this.end) throw RlpError("TRAILING", { offset: this.pos });
    this.end = outer;
    this.#depth++;
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.pos !== this.end) throw RlpError("TRAILING", { offset: this.pos });
  }

  #count(limit: number, named: number): void {
    const { pos, left } = this;
    this.left = limit;
    while (this.pos < this.end) {
      if (this.left === 0) throw RlpError("ITEMS", { max: named });
      this.next();
    }
    this.pos = pos;
    this.left = left;
  }
}

/** The length in `bytes[from, to)`; above 2^53 it is inexact, and larger than any input all the same. */
function longLength(bytes: Uint8Array, from: number, to: number, end: number): number {
  if (to > end) throw RlpError("TRUNCATED", { offset: from - 1 });
  if (bytes[from] === 0) throw RlpError("NON_CANONICAL", { offset: from - 1 });
  let length = 0;
  for (let i = from; i < to; i++) length = length * 256 + (bytes[i] ?? 0);
  if (length <= 55) throw RlpError("NON_CANONICAL", { offset: from - 1 });
  return length;
}
