/**
 * core/state: accounts and storage in tries. Turns a StateDiff into new nodes and a root, reads a state by its root,
 * makes proofs, holds the strict account codec, and makes the genesis block.
 *
 * Sync: nodes and codes come from stores that answer at once (`#trie` NodeStore). A missing node throws
 * TRIE_MISSING_NODE, it is never "not found".
 *
 * Not here: execution (`#core/vm`), where nodes are kept and when they are pruned (`#core`).
 */
export { decodeAccount, decodeSlot, encodeAccount } from "./account.ts";
export { StateError } from "./errors.ts";
export { genesisBlock, genesisState } from "./genesis.ts";
export {
  applyDiff,
  type CodeStore,
  proveAccount,
  proveStorage,
  stateReader,
  type StateUpdate,
} from "./state.ts";
