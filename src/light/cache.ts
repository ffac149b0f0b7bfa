import { DbError, type KeyValueStore } from "#ethdb";
import { bytesToNumber, concatBytes, fromLatin1, latin1Of, numberToBytes } from "#util";

/** Bookkeeping per entry that counts towards the limit beside key and value: index row, LevelDB row, checksum. */
const ENTRY_OVERHEAD = 64;
/** Bytes kept in memory at most, whatever the disk limit is. */
const MEMORY_BYTES = 8 * 1024 * 1024;
/** Bytes of one batch of `flush`. */
const BATCH_BYTES = 256 * 1024;
const SEQUENCE_BYTES = 6;

/** What a cached value is. */
export type CachedKind = "node" | "code" | "body" | "receipts";
/** Before the hash in keys. Nodes and codes are found by the hash of what they are, so neither can stand for the other. */
const tags: Readonly<Record<CachedKind, string>> = { node: "", code: "", body: "b", receipts: "r" };

/** Bytes of one piece of memory that copies are laid into: an array of its own for each node costs the collector more than the copy. */
const SLAB_BYTES = 64 * 1024;

/** Copies of small values, side by side. A slab is free when the last value in it is. */
class Slabs {
  #slab = new Uint8Array(0);
  #used = 0;

  copy(value: Uint8Array): Uint8Array {
    if (value.length > SLAB_BYTES / 8) return new Uint8Array(value);
    if (this.#used + value.length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + value.length);
    copy.set(value);
    this.#used += value.length;
    return copy;
  }
}

interface Entry {
  readonly size: number;
  /** Absent: only on disk. */
  value: Uint8Array | undefined;
  isOnDisk: boolean;
  /** Entries made before it was last moved to the end. */
  used: number;
}

export interface CacheOptions {
  /** MB (10^6 bytes) of retrieved data kept, keys and bookkeeping included; default 8. */
  readonly diskMegabytes?: number | undefined;
}

/**
 * Proven data that was retrieved once: trie nodes, code, bodies, receipts, each by its hash. Values are immutable, so a hit needs no proof.
 *
 * BOUNDED by `diskMegabytes` in all, of which at most 8 MiB are in memory; what was not used for longest leaves first. Entries go to the
 * store when memory is full and at `flush`; losing them costs a request, nothing else.
 * Does not copy what `get` returns; copies what `put` is given.
 */
export class RetrievedCache {
  readonly #store: KeyValueStore;
  readonly #maxBytes: number;
  readonly #maxMemory: number;
  /** Least recently used first (insertion order, renewed at each use). */
  readonly #entries = new Map<string, Entry>();
  readonly #slabs = new Slabs();
  #bytes = 0;
  #memoryBytes = 0;
  #sequence = 0;
  #puts = 0;
  hits = 0;
  misses = 0;

  private constructor(store: KeyValueStore, maxBytes: number) {
    this.#store = store;
    this.#maxBytes = maxBytes;
    this.#maxMemory = Math.min(maxBytes, MEMORY_BYTES);
  }

  /** Reads the index of what an earlier run left, oldest first. */
  static async open(store: KeyValueStore, { diskMegabytes = 8 }: CacheOptions = {}): Promise<RetrievedCache> {
    const cache = new RetrievedCache(store, diskMegabytes * 1_000_000);
    const found: { key: string; size: number; sequence: number }[] = [];
    for await (const [key, value] of store.iterate())
      found.push({
        key: latin1Of(key),
        size: key.length + value.length - SEQUENCE_BYTES,
        sequence: bytesToNumber(value.subarray(0, SEQUENCE_BYTES)),
      });
    found.sort((a, b) => a.sequence - b.sequence);
    for (const { key, size } of found) {
      cache.#entries.set(key, {
        size: size + ENTRY_OVERHEAD,
        value: undefined,
        isOnDisk: true,
        used: Number.NEGATIVE_INFINITY,
      });
      cache.#bytes += size + ENTRY_OVERHEAD;
    }
    cache.#sequence = (found.at(-1)?.sequence ?? 0) + 1;
    cache.#evict();
    return cache;
  }

  /** Bytes held, keys and bookkeeping included. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  get entries(): number {
    return this.#entries.size;
  }

  get(kind: CachedKind, hash: Uint8Array): Uint8Array | undefined {
    const key = tags[kind] + latin1Of(hash);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.misses++;
      return undefined;
    }
    if (entry.value === undefined) {
      entry.value = this.#stored(key);
      if (entry.value === undefined) {
        this.#drop(key, entry);
        this.misses++;
        return undefined;
      }
      this.#memoryBytes += entry.size;
    }
    this.hits++;
    // a hot node need not be moved at every read: a sixteenth of the cache is as good as the end
    if (this.#puts - entry.used > this.#entries.size >> 4) {
      entry.used = this.#puts;
      // with its neighbours of now, so that no slab lives on for one hot value in it
      entry.value = this.#slabs.copy(entry.value);
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    const { value } = entry;
    if (this.#memoryBytes > this.#maxMemory) this.#spill();
    return value;
  }

  /** A row of the store; one that the disk has damaged is as good as none: it is fetched again. */
  #stored(key: string): Uint8Array | undefined {
    try {
      return this.#store.get(fromLatin1(key))?.subarray(SEQUENCE_BYTES);
    } catch (error) {
      if (!DbError.is(error, "CORRUPT")) throw error;
      this.#store.delete(fromLatin1(key));
      return undefined;
    }
  }

  /** Keeps a copy. Values above a quarter of the limit are not kept. */
  put(kind: CachedKind, hash: Uint8Array, value: Uint8Array): void {
    const key = tags[kind] + latin1Of(hash);
    if (this.#entries.has(key)) return;
    const size = key.length + value.length + ENTRY_OVERHEAD;
    if (size * 4 > this.#maxBytes) return;
    this.#entries.set(key, { size, value: this.#slabs.copy(value), isOnDisk: false, used: this.#puts++ });
    this.#bytes += size;
    this.#memoryBytes += size;
    this.#evict();
    if (this.#memoryBytes > this.#maxMemory) this.#spill();
  }

  /** Writes what is only in memory. Durable when the store's own flush is. */
  flush(): void {
    let batch = this.#store.batch();
    let bytes = 0;
    for (const [key, entry] of this.#entries) {
      if (entry.isOnDisk || entry.value === undefined) continue;
      batch.put(fromLatin1(key), this.#row(entry.value));
      entry.isOnDisk = true;
      bytes += entry.size;
      if (bytes < BATCH_BYTES) continue;
      batch.write();
      batch = this.#store.batch();
      bytes = 0;
    }
    batch.write();
  }

  #row(value: Uint8Array): Uint8Array {
    return concatBytes(numberToBytes(this.#sequence++, SEQUENCE_BYTES), value);
  }

  /** Above the limit: the oldest tenth goes, in one batch. */
  #evict(): void {
    if (this.#bytes <= this.#maxBytes) return;
    const batch = this.#store.batch();
    const target = this.#maxBytes * 0.9;
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= target) break;
      if (entry.isOnDisk) batch.delete(fromLatin1(key));
      this.#drop(key, entry);
    }
    batch.write();
  }

  /** Memory is full: the older half of what is in memory goes to the store. */
  #spill(): void {
    const batch = this.#store.batch();
    const target = this.#maxMemory / 2;
    for (const [key, entry] of this.#entries) {
      if (this.#memoryBytes <= target) break;
      if (entry.value === undefined) continue;
      if (!entry.isOnDisk) batch.put(fromLatin1(key), this.#row(entry.value));
      entry.isOnDisk = true;
      entry.value = undefined;
      this.#memoryBytes -= entry.size;
    }
    batch.write();
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.size;
    if (entry.value !== undefined) this.#memoryBytes -= entry.size;
  }
}
