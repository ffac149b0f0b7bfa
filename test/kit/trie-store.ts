import { type NodeStore, Trie } from "#trie";
import { ByteMap } from "#util";

export type Entries = readonly (readonly [Uint8Array, Uint8Array])[];

/** A trie with these entries, and a store that holds all of its nodes. */
export function storeWith(entries: Entries): {
  readonly trie: Trie;
  readonly root: Uint8Array;
  readonly store: ByteMap<Uint8Array> & NodeStore;
} {
  const store = new ByteMap<Uint8Array>();
  const trie = new Trie(store);
  for (const [key, value] of entries) trie.put(key, value);
  const { root, nodes } = trie.commit();
  for (const { hash, encoding } of nodes) store.set(hash, encoding);
  return { trie, root, store };
}
