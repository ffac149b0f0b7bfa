// A store that remembers every atomic write in order: a crash is a prefix of the log.
import { type Batch, type KeyValueStore, memoryStore } from "#ethdb";

type Write = (target: Pick<KeyValueStore, "put" | "delete">) => void;

export interface RecordedStore {
  readonly store: KeyValueStore;
  /** Atomic writes so far. */
  readonly log: readonly Write[];
  /** A new store that holds the first `count` of them. */
  readonly cut: (count: number) => KeyValueStore;
}

export function recordedStore(): RecordedStore {
  const inner = memoryStore();
  const log: Write[] = [];
  const record = (write: Write) => {
    log.push(write);
    write(inner);
  };
  const batch = (): Batch => {
    let writes: Write[] = [];
    let sizeBytes = 0;
    const own: Batch = {
      get sizeBytes() {
        return sizeBytes;
      },
      put(key, value) {
        const [k, v] = [key.slice(), value.slice()];
        writes.push((target) => target.put(k, v));
        sizeBytes += key.length + value.length;
        return own;
      },
      delete(key) {
        const k = key.slice();
        writes.push((target) => target.delete(k));
        sizeBytes += key.length;
        return own;
      },
      write() {
        const all = writes;
        writes = [];
        record((target) => {
          for (const each of all) each(target);
        });
      },
    };
    return own;
  };
  const store: KeyValueStore = {
    get: (key) => inner.get(key),
    has: (key) => inner.has(key),
    put: (key, value) => record((target) => target.put(key, value)),
    delete: (key) => record((target) => target.delete(key)),
    batch,
    iterate: (range) => inner.iterate(range),
    flush: () => inner.flush(),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
  return {
    store,
    log,
    cut: (count) => {
      const db = memoryStore();
      for (const write of log.slice(0, count)) write(db);
      return db;
    },
  };
}
