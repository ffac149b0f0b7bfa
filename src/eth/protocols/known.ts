/** Hashes of one row of the table. */
const WAYS = 8;

/**
 * A set of 32-byte hashes that forgets: most of `max` entries fit, the oldest of a row leaves when its row is full. Eight bytes an entry
 * (256 KiB for 32,768), made at the first `add`. An entry is 64 bits of the hash beside the row number: two hashes that share them are
 * taken for one, which costs one broadcast to one peer and nothing else.
 *
 * BOUNDED: `max`, a power of two of at least 8.
 */
export class KnownHashes {
  readonly #max: number;
  readonly #rowMask: number;
  #entries: Uint32Array | undefined;
  /** Next place to write in each row. */
  #next: Uint8Array | undefined;

  constructor(max: number) {
    this.#max = max;
    this.#rowMask = max / WAYS - 1;
  }

  has(hash: Uint8Array): boolean {
    return this.#entries !== undefined && this.#find(this.#entries, hash);
  }

  add(hash: Uint8Array): void {
    this.#entries ??= new Uint32Array(this.#max * 2);
    this.#next ??= new Uint8Array(this.#max / WAYS);
    if (this.#find(this.#entries, hash)) return;
    const row = this.#row(hash);
    const way = this.#next[row] ?? 0;
    const at = (row * WAYS + way) * 2;
    this.#entries[at] = word(hash, 4);
    this.#entries[at + 1] = word(hash, 8) | 1; // never 0 0, which is an empty place
    this.#next[row] = (way + 1) % WAYS;
  }

  #find(entries: Uint32Array, hash: Uint8Array): boolean {
    const first = word(hash, 4);
    const second = (word(hash, 8) | 1) >>> 0;
    const from = this.#row(hash) * WAYS * 2;
    for (let at = from; at < from + WAYS * 2; at += 2)
      if (entries[at] === first && entries[at + 1] === second) return true;
    return false;
  }

  #row(hash: Uint8Array): number {
    return word(hash, 0) & this.#rowMask;
  }
}

const word = (hash: Uint8Array, at: number): number =>
  (((hash[at] ?? 0) << 24) |
    ((hash[at + 1] ?? 0) << 16) |
    ((hash[at + 2] ?? 0) << 8) |
    (hash[at + 3] ?? 0)) >>>
  0;
