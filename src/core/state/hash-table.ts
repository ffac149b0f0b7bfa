import { equalBytes } from "#util";

/** What a table of hashes holds. */
export interface Hashed {
  /** 32 bytes, evenly spread: a hash. */
  readonly hash: Uint8Array;
}

const FIRST_SIZE = 1024;

/** First 32 bits of a hash; also where to begin to look for it. */
const startOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
  0;

/**
 * A set of things that are named by a hash, found by the hash as it stands within other bytes: no copy and no text is
 * made of it, since the references of a block's trie nodes are looked up by the ten thousand.
 */
export class HashTable<T extends Hashed> {
  #slots: (T | undefined)[] = new Array<undefined>(FIRST_SIZE).fill(undefined);
  #mask = FIRST_SIZE - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Looks for the 32 bytes of `bytes` from `at` on. */
  get(bytes: Uint8Array, at = 0): T | undefined {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let i = startOf(bytes, at) & mask; ; i = (i + 1) & mask) {
      const found = slots[i];
      if (found === undefined) return undefined;
      if (isAt(found.hash, bytes, at)) return found;
    }
  }

  /** Its hash must not be in the table yet. */
  add(entry: T): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    this.#place(entry);
    this.#size++;
  }

  delete({ hash }: Hashed): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = startOf(hash, 0) & mask;
    for (
      let found = slots[hole];
      !(found !== undefined && equalBytes(found.hash, hash));
      found = slots[hole]
    ) {
      if (found === undefined) return;
      hole = (hole + 1) & mask;
    }
    this.#size--;
    // what stands behind the hole and was pushed past it moves up
    for (let i = (hole + 1) & mask; ; i = (i + 1) & mask) {
      const next = slots[i];
      if (next === undefined) break;
      const home = startOf(next.hash, 0) & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole] = next;
      hole = i;
    }
    slots[hole] = undefined;
  }

  #place(entry: T): void {
    let i = startOf(entry.hash, 0) & this.#mask;
    while (this.#slots[i] !== undefined) i = (i + 1) & this.#mask;
    this.#slots[i] = entry;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Array<undefined>(before.length * 2).fill(undefined);
    this.#mask = this.#slots.length - 1;
    for (const entry of before) if (entry !== undefined) this.#place(entry);
  }
}

function isAt(hash: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 32; i++) if (hash[i] !== bytes[at + i]) return false;
  return true;
}
