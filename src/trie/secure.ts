import { keccak256 } from "#crypto";

/** The key under which a state trie keeps an address or slot: its hash. */
export function secureKey(key: Uint8Array): Uint8Array {
  return keccak256(key);
}
