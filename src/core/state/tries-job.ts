import { emptyTxRoot as emptyRoot } from "#core/types";
import type { AccountDiff, StateDiff } from "#core/vm";
import { decodeAccount, encodeAccount } from "./account.ts";
import { packList, PackedList } from "./packed-list.ts";
import { changeOf, type StateChange, type StateUpdate } from "./state.ts";

/** A question to the thread that updates tries. What is binary is handed over, not copied. */
export type TriesQuestion =
  | { readonly kind: "update"; readonly root: Uint8Array; readonly rows: Uint8Array }
  | { readonly kind: "list"; readonly items: Uint8Array }
  /** What was needed: nodes as `packList` has them, empty where there is none. */
  | { readonly kind: "nodes"; readonly nodes: Uint8Array };

/** What the thread says. */
export type TriesAnswer =
  /** Hashes of nodes, 32 bytes each, that it cannot go on without. */
  | { readonly kind: "need"; readonly hashes: Uint8Array }
  | { readonly kind: "updated"; readonly update: PackedUpdate }
  | { readonly kind: "root"; readonly root: Uint8Array }
  /** It could not be done there. What is wrong shows where it is done again. */
  | { readonly kind: "fault" };

/** A StateUpdate without what the asker has. */
export interface PackedUpdate {
  readonly root: Uint8Array;
  /** New nodes in order: a list of hash, encoding, hash, … */
  readonly nodes: Uint8Array;
  /** For each account of the diff its key (32) and storage root (32), then the keys of its slots (32 each). */
  readonly keys: Uint8Array;
}

export const HASH = 32;
const ADDRESS = 20;
/** Address, whether the storage is cleared, length of the leaf, number of slots. */
const ROW = ADDRESS + 1 + 1 + 4;
/** The longest account: nonce of 8, balance of 32 bytes. */
const MAX_LEAF = 2 + 9 + 33 + 33 + 33;
/** Slot, length of the value, the value. */
const MAX_SLOT = HASH + 1 + HASH;

/**
 * A diff as one row after the other: address (20) ‖ cleared (1) ‖ length of leaf (1) ‖ slots (4) ‖ leaf with the storage root of before, none for
 * an account that is gone ‖ for each slot: slot (32) ‖ length (1) ‖ value. Codes are not in it.
 */
export function* packDiff({ accounts }: StateDiff): Generator<void, Uint8Array<ArrayBuffer>, undefined> {
  let size = 0;
  for (const { storage } of accounts) size += ROW + MAX_LEAF + storage.length * MAX_SLOT;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { address, account, storageRoot = emptyRoot, storageCleared, storage } of accounts) {
    const leaf = account === undefined ? undefined : encodeAccount({ ...account, storageRoot });
    bytes.set(address, at);
    bytes[at + ADDRESS] = storageCleared ? 1 : 0;
    bytes[at + ADDRESS + 1] = leaf?.length ?? 0;
    view.setUint32(at + ADDRESS + 2, storage.length);
    at += ROW;
    if (leaf !== undefined) bytes.set(leaf, at);
    at += leaf?.length ?? 0;
    for (const [slot, value] of storage) {
      bytes.set(slot, at);
      bytes[at + HASH] = value.length;
      bytes.set(value, at + HASH + 1);
      at += HASH + 1 + value.length;
      yield;
    }
    yield;
  }
  return bytes.subarray(0, at);
}

/** The diff again, without codes. */
export function unpackDiff(rows: Uint8Array): StateDiff {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const accounts: AccountDiff[] = [];
  let at = 0;
  const take = (length: number): Uint8Array => rows.subarray(at, (at += length));
  while (at < rows.length) {
    const address = take(ADDRESS);
    const [cleared = 0, leafLength = 0] = take(2);
    const count = view.getUint32(at);
    at += 4;
    const account = leafLength === 0 ? undefined : decodeAccount(take(leafLength));
    const storage = Array.from({ length: count }, () => {
      const slot = take(HASH);
      const [length = 0] = take(1);
      return [slot, take(length)] as const;
    });
    const { storageRoot } = account ?? {};
    accounts.push({ address, account, storageRoot, storageCleared: cleared === 1, storage });
  }
  return { accounts };
}

/** What `update` says of a diff, packed. */
export function packUpdate({ root, nodes, changes }: StateUpdate): PackedUpdate {
  const keys = new Uint8Array(changes.reduce((sum, { slots }) => sum + 2 * HASH + slots.length * HASH, 0));
  let at = 0;
  const put = (hash: Uint8Array): void => {
    keys.set(hash, at);
    at += HASH;
  };
  for (const { key, account, slots } of changes) {
    put(key);
    put(account?.storageRoot ?? emptyRoot);
    for (const [, slotKey] of slots) put(slotKey);
  }
  return { root, nodes: packList(nodes.flat()), keys };
}

/**
 * The update of `diff` again, a step at a time. Everything in it is a copy: a node that is kept does not keep the others.
 */
export function* unpackUpdate(
  { accounts }: StateDiff,
  { root, nodes: packed, keys }: PackedUpdate,
): Generator<void, StateUpdate, undefined> {
  const nodes: [Uint8Array, Uint8Array][] = [];
  const list = new PackedList(packed);
  while (!list.isOver) {
    nodes.push([list.next().slice(), list.next().slice()]);
    yield;
  }
  const codes: [Uint8Array, Uint8Array][] = [];
  const changes: StateChange[] = [];
  let at = 0;
  const take = (): Uint8Array => keys.slice(at, (at += HASH));
  for (const row of accounts) {
    const [key, storageRoot] = [take(), take()];
    const slots: [Uint8Array, Uint8Array, Uint8Array][] = [];
    if (row.account !== undefined)
      for (const [slot, value] of row.storage) {
        slots.push([slot, take(), value]);
        yield;
      }
    changes.push(changeOf(row, key, storageRoot, slots));
    if (row.account !== undefined && row.code !== undefined) codes.push([row.account.codeHash, row.code]);
    yield;
  }
  return { root, nodes, codes, changes };
}
