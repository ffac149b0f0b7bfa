import { compareBytes } from "#util";
import { type Batch, checkValue, DbError, type KeyValueStore, type Range } from "./store.ts";

export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function keyBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Collects writes and hands them over in one call. `undefined` means delete. */
export class WriteBatch implements Batch {
  #writes = new Map<string, Uint8Array | undefined>();
  #sizeBytes = 0;
  readonly #apply: (writes: ReadonlyMap<string, Uint8Array | undefined>) => void;

  constructor(apply: (writes: ReadonlyMap<string, Uint8Array | undefined>) => void) {
    this.#apply = apply;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  put(key: Uint8Array, value: Uint8Array): this {
    checkValue(value);
    this.#writes.set(keyText(key), value.slice());
    this.#sizeBytes += key.length + value.length;
    return this;
  }

  delete(key: Uint8Array): this {
    this.#writes.set(keyText(key), undefined);
    this.#sizeBytes += key.length;
    return this;
  }

  write(): void {
    const writes = this.#writes;
    this.#writes = new Map();
    this.#sizeBytes = 0;
    if (writes.size > 0) this.#apply(writes);
  }
}

/** True if `key` lies in the range. */
export function inRange(key: Uint8Array, { gte, lt }: Range): boolean {
  return (
    (gte === undefined || compareBytes(key, gte) >= 0) && (lt === undefined || compareBytes(key, lt) < 0)
  );
}

/** A store in memory, for ephemeral nodes and tests. */
export function memoryStore(): KeyValueStore {
  const entries = new Map<string, Uint8Array>();
  let isClosed = false;
  const open = () => {
    if (isClosed) throw DbError("CLOSED");
  };
  const store: KeyValueStore = {
    get(key) {
      open();
      return entries.get(keyText(key));
    },
    has(key) {
      open();
      return entries.has(keyText(key));
    },
    put(key, value) {
      open();
      checkValue(value);
      entries.set(keyText(key), value.slice());
    },
    delete(key) {
      open();
      entries.delete(keyText(key));
    },
    batch: () =>
      new WriteBatch((writes) => {
        open();
        for (const [key, value] of writes)
          if (value === undefined) entries.delete(key);
          else entries.set(key, value);
      }),
    async *iterate(range = {}) {
      open();
      const keys = [...entries.keys()]
        .map(keyBytes)
        .filter((key) => inRange(key, range))
        .sort(compareBytes);
      if (range.reverse) keys.reverse();
      for (const key of keys.slice(0, range.limit)) {
        open();
        const value = entries.get(keyText(key));
        if (value !== undefined) yield [key, value];
      }
    },
    async flush() {
      open();
    },
    async close() {
      isClosed = true;
      entries.clear();
    },
    async [Symbol.asyncDispose]() {
      await store.close();
    },
  };
  return store;
}
