/**
 * trie: Merkle Patricia tries, their roots, proofs and the verification of proofs, all synchronous over a `NodeStore`.
 *
 * `Trie` reads and changes; `sortedRoot`/`orderedRoot` compute roots of what is at hand; `proveKey`/`ProofBuilder` make proofs;
 * `verifyProof`, `verifyProofs` and `ProofSet` check them: a value, or undefined for *proven* absence, or an error. A missing node is never
 * absence. Proof errors are TRIE_PROOF_* and TRIE_BAD_NODE (blame: peer); TRIE_MISSING_NODE and TRIE_CORRUPT are about our own store.
 *
 * Not here: account and slot encodings (`#core/state`), range proofs, where nodes are kept (`#core/rawdb`). Keys are given as they stand
 * in the trie: hashed by the caller for state tries (`secureKey`).
 */
export { orderedRoot, sortedRoot } from "./build.ts";
export { type NodeChildren, nodeChildren } from "./children.ts";
export { type Change, trieDifference } from "./difference.ts";
export { emptyRoot, type NodeSink } from "./encode.ts";
export { type NodePlace, TrieError } from "./errors.ts";
export type { Leaf } from "./leaves.ts";
export { fetchPaths, type Touch, type TouchedTrie } from "./paths.ts";
export {
  type NodeStore,
  ProofBuilder,
  type ProofOptions,
  ProofSet,
  type ProveOptions,
  proveKey,
  readKnownPath,
  readPath,
  verifyProof,
  verifyProofs,
} from "./proof.ts";
export { type ReferenceVisitor, visitReferences } from "./references.ts";
export { secureKey } from "./secure.ts";
export { type Commit, Trie } from "./trie.ts";
