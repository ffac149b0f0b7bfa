import { defineErrors, type Hex, toHex } from "#util";
import { formatNibbles } from "./nibbles.ts";

/** Where in a trie: the node's hash and the nibbles that lead to it. */
export interface NodePlace {
  readonly hash: Hex;
  /** One hexadecimal digit per nibble, "" for the root. */
  readonly path: string;
}

/** Says where a node was wanted. `path` is copied, so a scratch may be given. */
export function placeOf(hash: Uint8Array, path: Uint8Array): NodePlace {
  return { hash: toHex(hash), path: formatNibbles(path) };
}

/** `MISSING_NODE` and `CORRUPT` are about our store; `PROOF_*` and `BAD_NODE` about a stranger's proof. Absence is no error. */
export const TrieError = defineErrors("TRIE", {
  MISSING_NODE: {
    // geth's words (trie/errors.go@v1.17.5)
    message: (d: NodePlace) => `missing trie node ${d.hash.slice(2)} (path ${d.path}) not found`,
    blame: "environment",
    rpcCode: -32000,
  },
  CORRUPT: {
    message: (d: NodePlace) => `stored trie node ${d.hash} at path "${d.path}" is damaged`,
    blame: "environment",
  },
  BAD_NODE: { message: (d: { reason: string }) => `not a trie node: ${d.reason}`, blame: "peer" },
  PROOF_MISSING_NODE: {
    message: (d: NodePlace) => `proof lacks node ${d.hash} at path "${d.path}"`,
    blame: "peer",
  },
  PROOF_UNUSED_NODE: {
    message: (d: { unused: number }) => `proof has ${d.unused} nodes that prove nothing`,
    blame: "peer",
  },
  KEY: { message: (d: { reason: string }) => `trie key: ${d.reason}`, blame: "caller" },
});
