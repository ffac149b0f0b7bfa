/** What a table of hashes holds. */
export interface Hashed {
  /** 32 bytes, evenly spread: a hash. */
  readonly hash: Uint8Array;
}

const FIRST_SIZE = 1024;

/** First 32 bits of a hash, which is also where to begin to look for it; never 0, which says that nothing is there. */
const printOf = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
    0 || 1) >>> 0;

/**
 * A set of things that are named by a hash, found by the hash as it stands within other bytes: no copy and no text is
 * made of it, since the references of a block's trie nodes are looked up by the ten thousand.
 */
export class HashTable<T extends Hashed> {
  #slots: (T | undefined)[] = new Array<undefined>(FIRST_SIZE).fill(undefined);
  /** The first bits of each slot's hash: nearly every look-up that finds nothing ends here, without touching an object. */
  #prints = new Uint32Array(FIRST_SIZE);
  #mask = FIRST_SIZE - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Looks for the 32 bytes of `bytes` from `at` on. */
  get(bytes: Uint8Array, at = 0): T | undefined {
    const prints = this.#prints;
    const mask = this.#mask;
    const print = printOf(bytes, at);
    for (let i = print & mask; prints[i] !== 0; i = (i + 1) & mask) {
      if (prints[i] !== print) continue;
      const found = this.#slots[i];
      if (found !== undefined && isAt(found.hash, bytes, at)) return found;
    }
    return undefined;
  }

  /** Its hash must not be in the table yet. */
  add(entry: T): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    this.#place(entry, printOf(entry.hash, 0));
    this.#size++;
  }

  delete({ hash }: Hashed): void {
    const slots = this.#slots;
    const prints = this.#prints;
    const mask = this.#mask;
    const print = printOf(hash, 0);
    let hole = print & mask;
    for (; ; hole = (hole + 1) & mask) {
      if (prints[hole] === 0) return;
      if (prints[hole] === print && isAt(slots[hole]?.hash ?? hash, hash, 0)) break;
    }
    this.#size--;
    // what stands behind the hole and was pushed past it moves up
    for (let i = (hole + 1) & mask; prints[i] !== 0; i = (i + 1) & mask) {
      const home = (prints[i] ?? 0) & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole] = slots[i];
      prints[hole] = prints[i] ?? 0;
      hole = i;
    }
    slots[hole] = undefined;
    prints[hole] = 0;
  }

  #place(entry: T, print: number): void {
    let i = print & this.#mask;
    while (this.#prints[i] !== 0) i = (i + 1) & this.#mask;
    this.#slots[i] = entry;
    this.#prints[i] = print;
  }

  #grow(): void {
    const before = this.#slots;
    const prints = this.#prints;
    this.#slots = new Array<undefined>(before.length * 2).fill(undefined);
    this.#prints = new Uint32Array(before.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const [i, entry] of before.entries()) if (entry !== undefined) this.#place(entry, prints[i] ?? 0);
  }
}

function isAt(hash: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 32; i++) if (hash[i] !== bytes[at + i]) return false;
  return true;
}
