/**
 * core/state: accounts and storage in tries. Turns a StateDiff into new nodes and a root, reads a state by its root,
 * makes proofs, holds the strict account codec, and makes the genesis block.
 *
 * Sync: nodes and codes come from stores that answer at once (`#trie` NodeStore). A missing node throws
 * TRIE_MISSING_NODE, it is never "not found".
 *
 * `TriesThread` does the same for large blocks beside the main loop.
 *
 * `DirtyTries` counts what leads to nodes that are in memory only, and drops them with the states nobody holds.
 *
 * Not here: execution (`#core/vm`), which states are held and when one is written (`#core`).
 */
export { DirtyTries, type StateReference } from "./dirty-tries.ts";
export { decodeAccount, decodeSlot, encodeAccount } from "./account.ts";
export { StateError } from "./errors.ts";
export { genesisBlock, genesisState } from "./genesis.ts";
export {
  applyDiff,
  applyDiffPaced,
  type CodeStore,
  type StateChange,
  proveAccount,
  proveStorage,
  stateReader,
  type StateUpdate,
} from "./state.ts";
export type { Pace } from "./pace.ts";
export { type TriesOrder, type TriesRunner, TriesThread } from "./tries-pool.ts";
