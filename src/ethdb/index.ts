/**
 * ethdb: ordered byte stores. Reads are synchronous and see every earlier write; batches are atomic; `flush` makes them
 * durable. What the keys mean is known to `core/rawdb` and to each store's owner, never here.
 *
 * - `memoryStore()`: for ephemeral nodes and tests.
 * - `openLevelStore(path)`: LevelDB, each value under a checksum.
 * - `namespaced(store, prefix)`: a part of a store as a store of its own.
 */
export { type LevelOptions, openLevelStore } from "./level.ts";
export { assertStoreReadable, assertStoresReadable, storeVersion } from "./store-version.ts";
export { memoryStore } from "./memory.ts";
export { namespaced } from "./namespaced.ts";
export { type Batch, DbError, type KeyValueStore, type Range } from "./store.ts";
