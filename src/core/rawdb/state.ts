import type { Reader, Writer } from "./chain.ts";
import { keys } from "./keys.ts";

/** A trie node by its hash (32 bytes). Account and storage tries share the rows: equal nodes are one row. */
export function readTrieNode(db: Reader, hash: Uint8Array): Uint8Array | undefined {
  return db.get(keys.trieNode(hash));
}

export function writeTrieNode(db: Writer, hash: Uint8Array, node: Uint8Array): void {
  db.put(keys.trieNode(hash), node);
}

export function deleteTrieNode(db: Writer, hash: Uint8Array): void {
  db.delete(keys.trieNode(hash));
}

/** Contract code by its keccak hash (32 bytes). */
export function readCode(db: Reader, codeHash: Uint8Array): Uint8Array | undefined {
  return db.get(keys.code(codeHash));
}

export function writeCode(db: Writer, codeHash: Uint8Array, code: Uint8Array): void {
  db.put(keys.code(codeHash), code);
}

export function deleteCode(db: Writer, codeHash: Uint8Array): void {
  db.delete(keys.code(codeHash));
}

/** The address or storage slot whose hash that is; undefined when it was not written down. */
export function readPreimage(db: Reader, hash: Uint8Array): Uint8Array | undefined {
  return db.get(keys.preimage(hash));
}

export function writePreimage(db: Writer, hash: Uint8Array, preimage: Uint8Array): void {
  db.put(keys.preimage(hash), preimage);
}

/** The trie rows of a database as the `NodeStore` that #trie reads from. */
export function trieNodeStore(db: Reader): { get(hash: Uint8Array): Uint8Array | undefined } {
  return { get: (hash) => db.get(keys.trieNode(hash)) };
}
