/**
 * core/state: accounts and storage in tries. Turns a StateDiff into new nodes and a root, reads a state by its root,
 * makes proofs, holds the strict account codec, and makes the genesis block.
 *
 * Sync: nodes and codes come from stores that answer at once (`#trie` NodeStore). A missing node throws
 * TRIE_MISSING_NODE, it is never "not found".
 *
 * Not here: execution (`#core/vm`), where nodes are kept and when they are pruned (`#core`).
 */
import type { Account, StateDiff, StateReader } from "#core/vm";
import type { Header } from "#core/types";
import type { Genesis } from "#params";
import type { NodeStore } from "#trie";

/** Contract code by hash. */
export interface CodeStore {
  get(codeHash: Uint8Array): Uint8Array | undefined;
}

/** What applying a diff made: to be written in one batch with the block. */
export interface StateUpdate {
  readonly root: Uint8Array;
  readonly nodes: readonly (readonly [hash: Uint8Array, node: Uint8Array])[];
  readonly codes: readonly (readonly [hash: Uint8Array, code: Uint8Array])[];
}

/** Applies a diff to the state `root`; writes nothing. */
export declare function applyDiff(nodes: NodeStore, root: Uint8Array, diff: StateDiff): StateUpdate;
/** A sync StateReader at `root`. @throws TRIE_MISSING_NODE, STATE_MISSING_CODE */
export declare function stateReader(nodes: NodeStore, codes: CodeStore, root: Uint8Array): StateReader;
/** Nodes from the state root to the account (or to where it would be). */
export declare function proveAccount(nodes: NodeStore, root: Uint8Array, address: Uint8Array): readonly Uint8Array[];
/** Nodes from the account's storage root to the slot; empty for an empty root. */
export declare function proveStorage(nodes: NodeStore, storageRoot: Uint8Array, slot: Uint8Array): readonly Uint8Array[];

/** Exactly four fields; nonce at most 2^64-1, hashes 32 bytes (TR-07). @throws RLP_* */
export declare function decodeAccount(bytes: Uint8Array): Account;
export declare function encodeAccount(account: Account): Uint8Array;
/** A slot as its trie leaf holds it → minimal value, 1–32 bytes. @throws RLP_*, STATE_BAD_SLOT for zero or leading zeros */
export declare function decodeSlot(bytes: Uint8Array): Uint8Array;

/** Header and state of block 0, geth's hash. */
export declare function genesisBlock(genesis: Genesis): { readonly header: Header; readonly state: StateUpdate };
