import { emptyCodeHash, emptyTxRoot as emptyRoot } from "#core/types";
import type { Account, AccountDiff, StateDiff, StateReader } from "#core/vm";
import { encode } from "#rlp";
import { type NodeStore, proveKey, readPath, secureKey, Trie } from "#trie";
import { ByteMap, equalBytes } from "#util";
import { decodeAccount, decodeSlot, encodeAccount } from "./account.ts";
import { StateError } from "./errors.ts";
import { type Pace, paced } from "./pace.ts";

/** Contract code by hash. */
export interface CodeStore {
  get(codeHash: Uint8Array): Uint8Array | undefined;
}

/** What an applied diff made of one account. Keys are hashes, as in the tries. */
export interface StateChange {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly key: Uint8Array;
  /** `undefined`: it is gone. */
  readonly account: Account | undefined;
  /** No slot of before is there any more. */
  readonly isCleared: boolean;
  /** Slots written, 32 bytes each, and their minimal values; empty: deleted. */
  readonly slots: readonly (readonly [slot: Uint8Array, key: Uint8Array, value: Uint8Array])[];
}

/** What applying a diff made: to be written in one batch with the block. */
export interface StateUpdate {
  readonly root: Uint8Array;
  readonly nodes: readonly (readonly [hash: Uint8Array, node: Uint8Array])[];
  readonly codes: readonly (readonly [hash: Uint8Array, code: Uint8Array])[];
  readonly changes: readonly StateChange[];
}

type NewNodes = [hash: Uint8Array, node: Uint8Array][];

function* commitInto(trie: Trie, nodes: NewNodes): Generator<void, Uint8Array, undefined> {
  const made = yield* trie.commitSteps();
  for (const { hash, encoding } of made.nodes) nodes.push([hash, encoding]);
  return made.root;
}

type Slots = [slot: Uint8Array, key: Uint8Array, value: Uint8Array][];

/** Slots put between two places where others may run: a millisecond or so. */
const SLOTS_A_STEP = 32;

function* applyStorage(
  store: NodeStore,
  diff: AccountDiff,
  nodes: NewNodes,
  slots: Slots,
): Generator<void, Uint8Array, undefined> {
  const before = diff.storageCleared ? emptyRoot : (diff.storageRoot ?? emptyRoot);
  if (diff.storage.length === 0) return before;
  const trie = new Trie(store, before);
  const gone: Uint8Array[] = [];
  for (const [slot, value] of diff.storage) {
    const key = secureKey(slot);
    slots.push([slot, key, value]);
    if (value.length === 0) gone.push(key);
    else trie.put(key, encode(value));
    if (slots.length % SLOTS_A_STEP === 0) yield;
  }
  // last: a branch that something was put into does not collapse, and its other child need not be read
  for (const key of gone) trie.delete(key);
  return yield* commitInto(trie, nodes);
}

/**
 * Applies a diff to the state `root`. Writes nothing: the caller stores nodes and codes.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT
 */
export function applyDiff(store: NodeStore, root: Uint8Array, diff: StateDiff): StateUpdate {
  const steps = applySteps(store, root, diff);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, with `pace` asked between accounts and every few slots, and awaited if it says so: a large block must not hold up the rest. */
export function applyDiffPaced(
  store: NodeStore,
  root: Uint8Array,
  diff: StateDiff,
  pace: Pace,
): Promise<StateUpdate> {
  return paced(applySteps(store, root, diff), pace);
}

/** What became of an account, once the root of its storage is known. */
export function changeOf(
  { address, account, storageCleared, storageRoot: before = emptyRoot }: AccountDiff,
  key: Uint8Array,
  storageRoot: Uint8Array,
  slots: StateChange["slots"],
): StateChange {
  const isCleared = (storageCleared || account === undefined) && !equalBytes(before, emptyRoot);
  return { address, key, account: account && { ...account, storageRoot }, isCleared, slots };
}

function* applySteps(
  store: NodeStore,
  root: Uint8Array,
  diff: StateDiff,
): Generator<void, StateUpdate, undefined> {
  const nodes: NewNodes = [];
  const codes: [Uint8Array, Uint8Array][] = [];
  const changes: StateChange[] = [];
  const trie = new Trie(store, root);
  const gone: Uint8Array[] = [];
  for (const row of diff.accounts) {
    const { account: fields } = row;
    const key = secureKey(row.address);
    if (fields === undefined) {
      gone.push(key);
      changes.push(changeOf(row, key, emptyRoot, []));
      continue;
    }
    const slots: Slots = [];
    const storageRoot = yield* applyStorage(store, row, nodes, slots);
    trie.put(key, encodeAccount({ ...fields, storageRoot }));
    changes.push(changeOf(row, key, storageRoot, slots));
    if (row.code !== undefined) codes.push([fields.codeHash, row.code]);
    yield;
  }
  for (const key of gone) {
    trie.delete(key);
    yield;
  }
  return { root: yield* commitInto(trie, nodes), nodes, codes, changes };
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
