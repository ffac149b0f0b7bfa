import { concatBytes } from "#util";
import type { Batch, KeyValueStore } from "./store.ts";

/** The smallest key above every key with this prefix, or undefined if the prefix is all 0xff. */
function endOf(prefix: Uint8Array): Uint8Array | undefined {
  const end = prefix.slice();
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] ?? 0;
    if (byte < 0xff) {
      end[i] = byte + 1;
      return end.subarray(0, i + 1);
    }
  }
  return undefined;
}

/** A view of `store` in which every key carries `prefix`. Closing the view leaves the store open. */
export function namespaced(store: KeyValueStore, prefix: Uint8Array): KeyValueStore {
  const full = (key: Uint8Array) => concatBytes(prefix, key);
  const wrap = (inner: Batch): Batch => {
    const batch: Batch = {
      put(key, value) {
        inner.put(full(key), value);
        return batch;
      },
      delete(key) {
        inner.delete(full(key));
        return batch;
      },
      get sizeBytes() {
        return inner.sizeBytes;
      },
      write: () => inner.write(),
    };
    return batch;
  };
  return {
    get: (key) => store.get(full(key)),
    has: (key) => store.has(full(key)),
    put: (key, value) => store.put(full(key), value),
    delete: (key) => store.delete(full(key)),
    batch: () => wrap(store.batch()),
    async *iterate({ gte, lt, ...rest } = {}) {
      const inner = {
        gte: full(gte ?? new Uint8Array()),
        lt: lt === undefined ? endOf(prefix) : full(lt),
        ...rest,
      };
      for await (const [key, value] of store.iterate(inner)) yield [key.subarray(prefix.length), value];
    },
    flush: () => store.flush(),
    async close() {
      await store.flush();
    },
    async [Symbol.asyncDispose]() {
      await store.flush();
    },
  };
}
