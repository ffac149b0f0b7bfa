import { emptyCodeHash, emptyTxRoot as emptyRoot } from "#core/types";
import type { Account, AccountDiff, StateDiff, StateReader } from "#core/vm";
import { encode } from "#rlp";
import { type NodeStore, proveKey, readPath, secureKey, Trie } from "#trie";
import { ByteMap, equalBytes } from "#util";
import { decodeAccount, decodeSlot, encodeAccount } from "./account.ts";
import { StateError } from "./errors.ts";

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

type NewNodes = [hash: Uint8Array, node: Uint8Array][];

function commitInto(trie: Trie, nodes: NewNodes): Uint8Array {
  const made = trie.commit();
  for (const { hash, encoding } of made.nodes) nodes.push([hash, encoding]);
  return made.root;
}

function applyStorage(store: NodeStore, diff: AccountDiff, nodes: NewNodes): Uint8Array {
  const before = diff.storageCleared ? emptyRoot : (diff.storageRoot ?? emptyRoot);
  if (diff.storage.length === 0) return before;
  const trie = new Trie(store, before);
  for (const [slot, value] of diff.storage) {
    if (value.length === 0) trie.delete(secureKey(slot));
    else trie.put(secureKey(slot), encode(value));
  }
  return commitInto(trie, nodes);
}

/**
 * Applies a diff to the state `root`. Writes nothing: the caller stores nodes and codes.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT
 */
export function applyDiff(store: NodeStore, root: Uint8Array, diff: StateDiff): StateUpdate {
  const nodes: NewNodes = [];
  const codes: [Uint8Array, Uint8Array][] = [];
  const trie = new Trie(store, root);
  for (const row of diff.accounts) {
    const key = secureKey(row.address);
    if (row.account === undefined) {
      trie.delete(key);
      continue;
    }
    const storageRoot = applyStorage(store, row, nodes);
    trie.put(key, encodeAccount({ ...row.account, storageRoot }));
    if (row.code !== undefined) codes.push([row.account.codeHash, row.code]);
  }
  return { root: commitInto(trie, nodes), nodes, codes };
}

/** BOUNDED: storage roots remembered by one reader; a call touches few contracts. */
const MAX_ROOTS = 1024;

/**
 * The state `root` as the EVM reads it, in sync calls.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT, STATE_MISSING_CODE from its methods
 */
export function stateReader(nodes: NodeStore, codes: CodeStore, root: Uint8Array): StateReader {
  const roots = new ByteMap<Uint8Array>();
  const accountAt = (address: Uint8Array): Account | undefined => {
    const leaf = readPath(nodes, root, secureKey(address));
    return leaf === undefined ? undefined : decodeAccount(leaf);
  };
  const storageRootOf = (address: Uint8Array): Uint8Array => {
    let storageRoot = roots.get(address);
    if (storageRoot !== undefined) return storageRoot;
    if (roots.size >= MAX_ROOTS) roots.clear();
    roots.set(address, (storageRoot = accountAt(address)?.storageRoot ?? emptyRoot));
    return storageRoot;
  };
  return {
    account: accountAt,
    storage(address, slot) {
      const leaf = readPath(nodes, storageRootOf(address), secureKey(slot));
      return leaf === undefined ? new Uint8Array(0) : decodeSlot(leaf);
    },
    code(_address, codeHash) {
      if (equalBytes(codeHash, emptyCodeHash)) return new Uint8Array(0);
      const code = codes.get(codeHash);
      if (code === undefined) throw StateError("MISSING_CODE");
      return code;
    },
  };
}

/** Nodes from the state root down to the account, or to where it would be. @throws TRIE_MISSING_NODE */
export function proveAccount(nodes: NodeStore, root: Uint8Array, address: Uint8Array): readonly Uint8Array[] {
  return proveKey(nodes, root, secureKey(address));
}

/** Nodes from an account's storage root down to the slot (32 bytes); none for the empty root. @throws TRIE_MISSING_NODE */
export function proveStorage(
  nodes: NodeStore,
  storageRoot: Uint8Array,
  slot: Uint8Array,
): readonly Uint8Array[] {
  return equalBytes(storageRoot, emptyRoot) ? [] : proveKey(nodes, storageRoot, secureKey(slot));
}
