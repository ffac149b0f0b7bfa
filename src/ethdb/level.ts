import { crc32 } from "node:zlib";
import { ClassicLevel } from "classic-level";
import { type Logger, silentLogger } from "#log";
import { deferred, GlimError, toHex, utf8Encode } from "#util";
import { inRange, keyText, WriteBatch } from "./memory.ts";
import { type LogRepair, noteLogs, repairLogs } from "./level-log.ts";
import { assertStoreReadable, markStore } from "./store-version.ts";
import { DbError, type KeyValueStore, type Range } from "./store.ts";

const CHECKSUM_BYTES = 4;
/** Longer than nearly all rows; grows where one is longer. */
const SCRATCH_BYTES = 65_536;
/** Rows handed to LevelDB before others run: some 2 µs each. */
const ROWS_AT_ONCE = 2048;
/** Deleted where something must be written. Long and odd, since any key may be somebody's (ST-08). */
const NO_KEY = utf8Encode("\0glim: nothing is kept under this\0");

export interface LevelOptions {
  /** LevelDB's block cache, bytes. Default 8 MiB. */
  readonly cacheBytes?: number | undefined;
  /** LevelDB's write buffer, bytes. Default 4 MiB. */
  readonly writeBufferBytes?: number | undefined;
  /** Told when a write fails (disk full, I/O error; the store takes no more writes then) and when one cannot be read. */
  readonly onFailure?: ((error: GlimError) => void) | undefined;
  /** Told what was cut off the store's log when it was opened. The store is then as it was at some earlier moment (ST-02). */
  readonly log?: Logger | undefined;
}

/**
 * Keys and values on their way into LevelDB's own batch, which copies them at once: written over by the next one, so that
 * a batch of thousands allocates nothing.
 *
 * Each value carries a checksum over key and value, since LevelDB hands out flipped bits without a word (ST-01). CRC-32 of
 * node:zlib: native, and all that is asked of it is to notice accidents.
 */
class Sealer {
  #key = Buffer.alloc(SCRATCH_BYTES);
  #value = Buffer.alloc(SCRATCH_BYTES);

  key(text: string): Uint8Array {
    if (text.length > this.#key.length) this.#key = Buffer.alloc(text.length * 2);
    return this.#key.subarray(0, this.#key.write(text, "latin1"));
  }

  /** The value as it is stored: its checksum, then itself. */
  value(text: string, value: Uint8Array): Uint8Array {
    const space = Math.max(text.length, CHECKSUM_BYTES);
    const stop = space + value.length;
    if (stop > this.#value.length) this.#value = Buffer.alloc(stop * 2);
    // key and value side by side for the checksum, which then takes the place of the key's end
    const from = space - this.#value.write(text, space - text.length, "latin1");
    this.#value.set(value, space);
    const checksum = crc32(this.#value.subarray(from, stop));
    this.#value.writeUInt32BE(checksum, space - CHECKSUM_BYTES);
    return this.#value.subarray(space - CHECKSUM_BYTES, stop);
  }
}

function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < CHECKSUM_BYTES) throw DbError("CORRUPT", { key: toHex(key) });
  // a plain array even where LevelDB gives a Buffer, whose `slice` does not copy
  const value = new Uint8Array(
    sealed.buffer,
    sealed.byteOffset + CHECKSUM_BYTES,
    sealed.length - CHECKSUM_BYTES,
  );
  if (new DataView(sealed.buffer, sealed.byteOffset).getUint32(0) !== crc32(value, crc32(key)))
    throw DbError("CORRUPT", { key: toHex(key) });
  return value;
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

type Writes = ReadonlyMap<string, Uint8Array | undefined>;

function merge(queue: readonly Writes[]): Writes {
  const [first, ...others] = queue;
  if (first === undefined || others.length === 0) return first ?? new Map();
  const merged = new Map(first);
  for (const writes of others) for (const [key, value] of writes) merged.set(key, value);
  return merged;
}

/** LevelDB with synchronous reads that see writes still on their way to the disk. */
class LevelStore implements KeyValueStore {
  readonly #db: ClassicLevel<Uint8Array, Uint8Array>;
  readonly #path: string;
  readonly #onFailure: ((error: GlimError) => void) | undefined;
  /** Newest value of keys whose write has not returned yet. BOUNDED by the caller's flushes; emptied by `#drain`. */
  readonly #unwritten = new Map<string, Uint8Array | undefined>();
  readonly #sealer = new Sealer();
  #queue: Writes[] = [];
  #draining: Promise<void> | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(db: ClassicLevel<Uint8Array, Uint8Array>, path: string, options: LevelOptions) {
    this.#db = db;
    this.#path = path;
    this.#onFailure = options.onFailure;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#assertOpen();
    const text = keyText(key);
    const unwritten = this.#unwritten.get(text);
    if (unwritten !== undefined) return unwritten;
    if (this.#unwritten.has(text)) return undefined;
    const sealed = this.#read(key);
    return sealed === undefined ? undefined : this.#unseal(key, sealed);
  }

  has(key: Uint8Array): boolean {
    return this.get(key) !== undefined;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.batch().put(key, value).write();
  }

  delete(key: Uint8Array): void {
    this.batch().delete(key).write();
  }

  batch(): WriteBatch {
    return new WriteBatch((writes) => {
      this.#assertOpen();
      if (this.#failure !== undefined) throw this.#failure;
      for (const [key, value] of writes) this.#unwritten.set(key, value);
      this.#queue.push(writes);
      this.#draining ??= this.#drain(false);
    });
  }

  async *iterate(range: Range = {}): AsyncIterableIterator<[Uint8Array, Uint8Array]> {
    this.#assertOpen();
    await this.#draining;
    const { gte, lt, reverse, limit } = range;
    const options = {
      ...(gte === undefined ? {} : { gte }),
      ...(lt === undefined ? {} : { lt }),
      reverse: reverse ?? false,
      limit: limit ?? -1,
    };
    try {
      for await (const [key, sealed] of this.#db.iterator(options))
        if (inRange(key, range)) yield [new Uint8Array(key), this.#unseal(key, sealed)];
    } catch (error) {
      this.#assertOpen(); // closed under it: LevelDB's own error says less
      throw error instanceof GlimError ? error : this.#unreadable(error);
    }
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    while (this.#draining !== undefined) await this.#draining;
    if (this.#failure === undefined) {
      this.#draining = this.#drain(true); // what is put meanwhile, and a close, wait for it
      await this.#draining;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  stats(): string {
    this.#assertOpen();
    return this.#db.getProperty("leveldb.stats");
  }

  async compact(): Promise<void> {
    await this.flush();
    await this.#db.compactRange(new Uint8Array(0), new Uint8Array(64).fill(0xff));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.#draining !== undefined) await this.#draining;
    this.#isClosed = true;
    await this.#db.close();
    await noteLogs(this.#path).catch(() => {}); // a full disk: the next start cannot compare, that is all
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #read(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#db.getSync(key);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /** LevelDB found damage of its own, or the disk gave an error (ST-07). */
  #unreadable(error: unknown): GlimError {
    const failure = DbError("READ_FAILED", { why: reason(error) }, { cause: error });
    this.#onFailure?.(failure);
    return failure;
  }

  /** A damaged value is told to the owner as well: who reads it may only see one failed read. */
  #unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array {
    try {
      return unseal(key, sealed);
    } catch (error) {
      if (error instanceof GlimError) this.#onFailure?.(error);
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw DbError("CLOSED");
  }

  /** The first of what is queued: whole batches, and no more rows than keep others waiting for a few milliseconds, if one batch allows. */
  #take(): readonly Writes[] {
    let count = 0;
    let rows = 0;
    for (const { size } of this.#queue) {
      if (count > 0 && rows + size > ROWS_AT_ONCE) break;
      count++;
      rows += size;
    }
    return this.#queue.splice(0, count);
  }

  /** Writes what is queued, in order. Batches that queue up meanwhile go out together. */
  async #drain(sync: boolean): Promise<void> {
    const started = deferred<void>();
    queueMicrotask(() => started.resolve()); // one turn of the loop of writes goes out together
    await started.promise;
    do {
      const writes = merge(this.#take());
      try {
        const all = this.#db.batch();
        for (const [text, value] of writes)
          if (value === undefined) all.del(this.#sealer.key(text));
          else all.put(this.#sealer.key(text), this.#sealer.value(text, value));
        // an empty batch would not reach the disk, and what was written before must
        if (sync && writes.size === 0) all.del(NO_KEY);
        // writes of one log reach the disk in their order: the last one takes those before with it
        await all.write({ sync: sync && this.#queue.length === 0 });
      } catch (error) {
        const failure = DbError("WRITE_FAILED", { why: reason(error) }, { cause: error });
        this.#failure = failure;
        this.#queue = [];
        this.#draining = undefined;
        this.#onFailure?.(failure);
        return;
      }
      for (const [key, value] of writes) if (this.#unwritten.get(key) === value) this.#unwritten.delete(key);
    } while (this.#queue.length > 0);
    this.#draining = undefined;
  }
}

function tell({ file, kind, lostBytes }: LogRepair, path: string, log: Logger): void {
  if (kind === "torn")
    log.info("the last write before the end was not whole and is left out", { path, file, lostBytes });
  else
    log.warn("the database lost its last writes; it goes on as it was before them", {
      path,
      file,
      lostBytes,
    });
}

/**
 * Opens (or makes) a LevelDB store in the folder `path`.
 * @throws DB_OPEN_FAILED if LevelDB refuses it; DB_SCHEMA_NEWER, DB_SCHEMA_OLDER for a store of another version: nothing is touched.
 */
export async function openLevelStore(path: string, options: LevelOptions = {}): Promise<KeyValueStore> {
  await assertStoreReadable(path);
  for (const repair of await repairLogs(path)) tell(repair, path, options.log ?? silentLogger);
  const db = new ClassicLevel<Uint8Array, Uint8Array>(path, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: options.cacheBytes ?? 8 << 20,
    writeBufferSize: options.writeBufferBytes ?? 4 << 20,
  });
  try {
    await db.open();
    await markStore(path);
  } catch (error) {
    throw DbError("OPEN_FAILED", { path, why: reason(error) }, { cause: error });
  }
  return new LevelStore(db, path, options);
}
