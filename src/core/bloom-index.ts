import { BLOOM_BITS, matchSection, rotateBlooms, SECTION_BLOCKS } from "#core/bloombits";
import {
  deleteBloomBits,
  readBloomBits,
  readBloomSection,
  writeBloomBits,
  writeBloomSection,
} from "#core/rawdb";
import type { Batch, KeyValueStore } from "#ethdb";
import { equalBytes, LruMap } from "#util";
import type { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";

export interface BloomIndexOptions {
  readonly db: KeyValueStore;
  readonly headers: HeaderChain;
  /** Makes the batch and writes it; lets others run when it is time. */
  readonly write: (make: () => Batch) => Promise<void>;
}

/** What an index says of a range of blocks. */
export interface BloomMatches {
  /** Numbers of blocks that may hold a match, ascending. */
  readonly numbers: readonly number[];
  /** The first block that was not looked at. */
  readonly next: number;
}

/**
 * The bloom index: sections of 4096 headers, each made when 256 blocks stand on it, whose vectors lie under the hash of
 * its last header. A reorg that deep leaves a section that is no longer of this chain; it counts as not made, and is made
 * again. @see core/chain_indexer.go, eth/bloombits.go@v1.9.25
 */
export class BloomIndex {
  readonly #options: BloomIndexOptions;
  /** Sections from 0 on that were found made and of this chain; what a reorg took off is known by the hash. */
  #made = 0;
  /** Vectors read, by section hash and bit. BOUNDED: limits.bloomVectors. */
  readonly #vectors = new LruMap<string, Uint8Array>(limits.bloomVectors);

  constructor(options: BloomIndexOptions) {
    this.#options = options;
  }

  /** Blocks from 0 on that are indexed. */
  get blocks(): number {
    const { headers } = this.#options;
    while (this.#made > 0 && !this.#isMade(this.#made - 1)) this.#made--;
    while ((this.#made + 1) * SECTION_BLOCKS <= headers.head.number + 1 && this.#isMade(this.#made))
      this.#made++;
    return this.#made * SECTION_BLOCKS;
  }

  /** A section is to be made. */
  get isDue(): boolean {
    return this.blocks + SECTION_BLOCKS + limits.bloomConfirms <= this.#options.headers.head.number + 1;
  }

  /** Makes the next section, if it is due. Nothing may be inserted meanwhile. @returns true if there was one */
  async makeNext(): Promise<boolean> {
    if (!this.isDue) return false;
    const section = this.#made;
    const { db, headers, write } = this.#options;
    const blooms: Uint8Array[] = [];
    while (blooms.length < SECTION_BLOCKS)
      await write(() => {
        const until = Math.min(SECTION_BLOCKS, blooms.length + limits.bloomsAtOnce);
        for (let i = blooms.length; i < until; i++) {
          const header = headers.headerByNumber(section * SECTION_BLOCKS + i);
          if (header === undefined) throw new RangeError(`canonical header of section ${section} is gone`);
          blooms.push(header.bloom);
        }
        return db.batch();
      });
    await write(() => this.#stage(section, blooms));
    return true;
  }

  /** The blocks of `first` to `last` that may hold, for each clause, one of its values; of one section at most. */
  match(clauses: readonly (readonly Uint8Array[])[], first: number, last: number): BloomMatches {
    const section = Math.floor(first / SECTION_BLOCKS);
    const start = section * SECTION_BLOCKS;
    const hash = start < this.blocks ? readBloomSection(this.#options.db, section) : undefined;
    if (hash === undefined) return { numbers: [], next: first };
    const places = matchSection(clauses, (bit) => this.#vector(bit, section, hash));
    const end = Math.min(last, start + SECTION_BLOCKS - 1);
    const numbers = places.map((place) => start + place).filter((number) => number >= first && number <= end);
    return { numbers, next: end + 1 };
  }

  #isMade(section: number): boolean {
    const hash = readBloomSection(this.#options.db, section);
    const canonical = this.#options.headers.canonicalHash((section + 1) * SECTION_BLOCKS - 1);
    return hash !== undefined && canonical !== undefined && equalBytes(hash, canonical);
  }

  #vector(bit: number, section: number, hash: Uint8Array): Uint8Array | undefined {
    const key = `${section}:${bit}:${hash[0]}:${hash[1]}:${hash[2]}:${hash[3]}`;
    const kept = this.#vectors.get(key);
    if (kept !== undefined) return kept;
    const vector = readBloomBits(this.#options.db, bit, section, hash);
    if (vector !== undefined) this.#vectors.set(key, vector);
    return vector;
  }

  #stage(section: number, blooms: readonly Uint8Array[]): Batch {
    const { db, headers } = this.#options;
    const hash = headers.canonicalHash((section + 1) * SECTION_BLOCKS - 1);
    if (hash === undefined) throw new RangeError(`the end of section ${section} is gone`);
    const batch = db.batch();
    const before = readBloomSection(db, section);
    if (before !== undefined && !equalBytes(before, hash))
      for (let bit = 0; bit < BLOOM_BITS; bit++) deleteBloomBits(batch, { bit, section, hash: before });
    rotateBlooms(blooms).forEach((vector, bit) => {
      if (vector.some((byte) => byte !== 0)) writeBloomBits(batch, { bit, section, hash }, vector);
    });
    writeBloomSection(batch, section, hash);
    return batch;
  }
}
