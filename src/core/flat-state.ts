// long: rows, what lies over them, and the way from one root to another are one state
import {
  deleteFlatAccount,
  deleteFlatSlot,
  iterateFlatKeys,
  iterateFlatSlotKeys,
  readFlatAccount,
  readFlatPlace,
  readFlatSlot,
  writeFlatAccount,
  writeFlatPlace,
  writeFlatSlot,
} from "#core/rawdb";
import { decodeAccount, decodeSlot, encodeAccount, type StateUpdate } from "#core/state";
import type { Account, StateReader } from "#core/vm";
import type { Batch, KeyValueStore } from "#ethdb";
import { emptyRoot, type NodeStore, secureKey, trieDifference, TrieError } from "#trie";
import { ByteMap, equalBytes, LruByteMap } from "#util";
import { limits } from "./limits.ts";

export interface FlatStateOptions {
  readonly db: KeyValueStore;
  readonly nodes: NodeStore;
  /** Entries of the caches of what was read. */
  readonly cacheEntries: number;
  /** Makes the batch and writes it; lets others run when it is time. */
  readonly write: (make: () => Batch) => Promise<void>;
  /** Bytes of rows written before others get a turn. */
  readonly batchBytes?: number | undefined;
}

/** What happened to the storage of an account since the rows on disk. */
interface SlotChanges {
  /** No row on disk counts any more. */
  isCleared: boolean;
  /** Minimal values by slot hash; empty: deleted. */
  readonly values: ByteMap<Uint8Array>;
}

const NOTHING = new Uint8Array(0);
/** An account that is not there, where `undefined` says that nothing is known. */
const NONE = Symbol("no account");

/**
 * The state of the head, flat: an account and a slot are one row each, found without walking a trie. Rows on disk are of
 * some state whose trie is on disk (`FlatRoot`); what changed since then is in memory, and goes to the rows whenever a
 * state is written. From one state to another leads either the update of a block or, for anything else (a reorg, a start
 * after a crash, set-head), the difference of the two tries: no journal is kept, nothing is ever undone. Where the way is
 * too long the view is given up until `build` has rewritten the rows; until then, and for every other state than the head's, tries are read.
 *
 * BOUNDED: changes by `limits.flatChanges` and a block, since `isFull` makes the chain write them.
 */
export class FlatState {
  readonly #options: FlatStateOptions;
  /** The state that rows and changes make together; undefined: there is none. */
  #root: Uint8Array | undefined;
  /** The state of the rows on disk. */
  #diskRoot: Uint8Array = emptyRoot;
  /** By hash of the address. */
  #accounts = new ByteMap<Account | typeof NONE>();
  #slots = new ByteMap<SlotChanges>();
  #changeCount = 0;
  /** Grows with `#root`, so that a reader knows whether it looked at it already. */
  #version = 0;
  /** By address. BOUNDED: cacheEntries. */
  readonly #readAccounts: LruByteMap<Account | typeof NONE>;
  /** By address and slot. BOUNDED: cacheEntries. */
  readonly #readSlots: LruByteMap<Uint8Array>;
  readonly #slotKey = new Uint8Array(52);

  constructor(options: FlatStateOptions) {
    this.#options = options;
    this.#readAccounts = new LruByteMap(options.cacheEntries);
    this.#readSlots = new LruByteMap(options.cacheEntries);
  }

  /** Takes up what is on disk and goes on to the state `root`. Where there are no rows yet, they are of the empty state. */
  open(root: Uint8Array): void {
    const place = readFlatPlace(this.#options.db);
    this.#diskRoot = place === undefined || place === "stale" ? emptyRoot : place.root;
    if (place === "stale") return;
    this.#setRoot(this.#diskRoot);
    // rows may be of either state: what differs between the two is taken from the tries
    if (place?.to !== undefined) this.moveTo(place.to, limits.flatDifferenceAtStart);
    this.moveTo(root, limits.flatDifferenceAtStart);
  }

  get root(): Uint8Array | undefined {
    return this.#root;
  }

  /** There is no view, and one has to be built. */
  get isLost(): boolean {
    return this.#root === undefined;
  }

  /** So much changed that it should go to disk. */
  get isFull(): boolean {
    return this.#changeCount > limits.flatChanges;
  }

  /** Reads the state `root`: flat as long as it is the view's, else as `otherwise` does. */
  reader(root: Uint8Array, otherwise: StateReader): StateReader {
    let version = -1;
    let isOurs = false;
    const check = () => {
      if (version !== this.#version) {
        version = this.#version;
        isOurs = this.#root !== undefined && equalBytes(this.#root, root);
      }
      return isOurs;
    };
    return {
      account: (address) => (check() ? this.#account(address) : otherwise.account(address)),
      storage: (address, slot) => (check() ? this.#slot(address, slot) : otherwise.storage(address, slot)),
      code: (address, codeHash) => otherwise.code(address, codeHash),
    };
  }

  /** The head's state changed by a block on top of it. */
  advance(parentRoot: Uint8Array, update: StateUpdate): void {
    if (this.#root === undefined) return;
    if (!equalBytes(this.#root, parentRoot)) return this.moveTo(update.root);
    for (const { address, key, account, isCleared, slots } of update.changes) {
      this.#accounts.set(key, account ?? NONE);
      this.#readAccounts.set(address, account ?? NONE);
      if (isCleared) this.#clearSlots(key);
      const changes = slots.length === 0 ? undefined : this.#slotsOf(key);
      for (const [slot, slotKey, value] of slots) {
        changes?.values.set(slotKey, value);
        this.#readSlots.set(this.#slotAt(address, slot), value);
      }
      this.#changeCount += 1 + slots.length;
    }
    this.#setRoot(update.root);
  }

  /** Goes to another state by the difference of the tries; gives the view up if it is too large or a trie is not here. */
  moveTo(root: Uint8Array, most: number = limits.flatDifference): void {
    if (this.#root === undefined || equalBytes(this.#root, root)) return;
    this.#readAccounts.clear();
    this.#readSlots.clear();
    try {
      if (this.#applyDifference(this.#root, root, most)) return this.#setRoot(root);
    } catch (error) {
      if (!TrieError.is(error, "MISSING_NODE")) throw error;
    }
    this.#giveUp();
  }

  /** Writes the changes to the rows. The trie of the view's state must be on disk. */
  async persist(): Promise<void> {
    const root = this.#root;
    if (root === undefined || equalBytes(root, this.#diskRoot)) return;
    await this.#finish(undefined);
    const { db, batchBytes = limits.flatBatchBytes } = this.#options;
    const steps = this.#rowsToWrite(await this.#rowsToDelete());
    const from = this.#diskRoot;
    let isFirst = true;
    for (let isDone = false; !isDone; )
      await this.#options.write(() => {
        const batch = db.batch();
        if (isFirst) writeFlatPlace(batch, { root: from, to: root });
        isFirst = false;
        while (!isDone && batch.sizeBytes < batchBytes) {
          const step = steps.next();
          if (step.done === true) isDone = true;
          else step.value(batch);
        }
        if (isDone) writeFlatPlace(batch, { root, to: undefined });
        return batch;
      });
    this.#diskRoot = root;
    this.#forgetChanges();
  }

  /**
   * Makes the rows those of a state whose trie is on disk, and stays so, by whatever lies between. Blocks may be inserted
   * meanwhile; the caller then goes on to the head with `moveTo`.
   */
  async build(root: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    try {
      if (readFlatPlace(this.#options.db) === "stale") await this.#wipe(signal);
      await this.#finish(signal);
      await this.#rewrite(this.#diskRoot, root, signal);
    } catch (error) {
      // the trie of the rows is not there any more: the next attempt begins from nothing
      if (TrieError.is(error, "MISSING_NODE")) writeFlatPlace(this.#options.db, "stale");
      throw error;
    }
    this.#setRoot(root);
  }

  /** Rows of which some are of another state already, after a crash, all become that state's. */
  async #finish(signal: AbortSignal | undefined): Promise<void> {
    const place = readFlatPlace(this.#options.db);
    if (place === undefined || place === "stale" || place.to === undefined) return;
    await this.#rewrite(place.root, place.to, signal);
  }

  /** Writes what differs between two states to the rows. If it is cut off, they are of either, and it is done again. */
  async #rewrite(from: Uint8Array, to: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { db, nodes, write, batchBytes = limits.flatBatchBytes } = this.#options;
    let batch = db.batch();
    writeFlatPlace(batch, { root: from, to });
    for (const change of stateDifference(nodes, from, to)) {
      writeChange(batch, change);
      if (change.slot === undefined && change.isCleared)
        for await (const slot of iterateFlatSlotKeys(db, change.account))
          deleteFlatSlot(batch, change.account, slot);
      if (batch.sizeBytes < batchBytes) continue;
      signal?.throwIfAborted();
      const full = batch;
      await write(() => full);
      batch = db.batch();
    }
    writeFlatPlace(batch, { root: to, to: undefined });
    await write(() => batch);
    this.#diskRoot = to;
  }

  #setRoot(root: Uint8Array | undefined): void {
    this.#root = root;
    this.#version++;
  }

  #forgetChanges(): void {
    this.#accounts = new ByteMap();
    this.#slots = new ByteMap();
    this.#changeCount = 0;
  }

  #giveUp(): void {
    this.#setRoot(undefined);
    this.#forgetChanges();
  }

  async #wipe(signal: AbortSignal | undefined): Promise<void> {
    const { db, write, batchBytes = limits.flatBatchBytes } = this.#options;
    let batch = db.batch();
    for await (const key of iterateFlatKeys(db)) {
      signal?.throwIfAborted();
      batch.delete(key);
      if (batch.sizeBytes < batchBytes) continue;
      await write(() => batch);
      batch = db.batch();
    }
    await write(() => batch);
    this.#diskRoot = emptyRoot;
  }

  /** @returns false if there is too much of it */
  #applyDifference(from: Uint8Array, to: Uint8Array, most: number): boolean {
    let count = 0;
    for (const change of stateDifference(this.#options.nodes, from, to)) {
      if (++count > most) return false;
      this.#changeCount++;
      if (change.slot !== undefined) this.#slotsOf(change.account).values.set(change.slot, change.value);
      else {
        this.#accounts.set(change.account, change.after ?? NONE);
        if (change.isCleared) this.#clearSlots(change.account);
      }
    }
    return true;
  }

  #slotsOf(account: Uint8Array): SlotChanges {
    let changes = this.#slots.get(account);
    if (changes === undefined)
      this.#slots.set(account, (changes = { isCleared: false, values: new ByteMap() }));
    return changes;
  }

  #clearSlots(account: Uint8Array): void {
    this.#slots.set(account, { isCleared: true, values: new ByteMap() });
    this.#readSlots.clear();
  }

  #slotAt(address: Uint8Array, slot: Uint8Array): Uint8Array {
    this.#slotKey.set(address);
    this.#slotKey.set(slot, 20);
    return this.#slotKey;
  }

  #account(address: Uint8Array): Account | undefined {
    const kept = this.#readAccounts.get(address);
    if (kept !== undefined) return kept === NONE ? undefined : kept;
    const key = secureKey(address);
    const account = this.#accounts.get(key) ?? this.#accountRow(key);
    this.#readAccounts.set(address, account);
    return account === NONE ? undefined : account;
  }

  #accountRow(key: Uint8Array): Account | typeof NONE {
    const row = readFlatAccount(this.#options.db, key);
    return row === undefined ? NONE : decodeAccount(row);
  }

  #slot(address: Uint8Array, slot: Uint8Array): Uint8Array {
    const kept = this.#readSlots.get(this.#slotAt(address, slot));
    if (kept !== undefined) return kept;
    const value = this.#slotValue(secureKey(address), secureKey(slot));
    this.#readSlots.set(this.#slotAt(address, slot), value);
    return value;
  }

  #slotValue(account: Uint8Array, slot: Uint8Array): Uint8Array {
    const changes = this.#slots.get(account);
    const value = changes?.values.get(slot);
    if (value !== undefined) return value;
    return changes?.isCleared === true ? NOTHING : (readFlatSlot(this.#options.db, account, slot) ?? NOTHING);
  }

  /** Slots on disk of accounts whose storage was cleared. */
  async #rowsToDelete(): Promise<readonly (readonly [account: Uint8Array, slot: Uint8Array])[]> {
    const rows: [Uint8Array, Uint8Array][] = [];
    for (const [account, { isCleared, values }] of this.#slots)
      if (isCleared)
        // one that is written again is never missing in between: its value may be the same as before
        for await (const slot of iterateFlatSlotKeys(this.#options.db, account))
          if (!values.has(slot)) rows.push([account, slot.slice()]);
    return rows;
  }

  *#rowsToWrite(
    deleted: readonly (readonly [account: Uint8Array, slot: Uint8Array])[],
  ): Generator<(batch: Batch) => void, void, undefined> {
    for (const [account, slot] of deleted) yield (batch) => deleteFlatSlot(batch, account, slot);
    for (const [key, account] of this.#accounts)
      yield (batch) =>
        account === NONE
          ? deleteFlatAccount(batch, key)
          : writeFlatAccount(batch, key, encodeAccount(account));
    for (const [account, { values }] of this.#slots)
      for (const [slot, value] of values)
        yield (batch) =>
          value.length === 0
            ? deleteFlatSlot(batch, account, slot)
            : writeFlatSlot(batch, account, slot, value);
  }
}

function writeChange(batch: Batch, change: FlatChange): void {
  const { account } = change;
  if (change.slot === undefined) {
    if (change.after === undefined) deleteFlatAccount(batch, account);
    else writeFlatAccount(batch, account, encodeAccount(change.after));
  } else if (change.value.length === 0) deleteFlatSlot(batch, account, change.slot);
  else writeFlatSlot(batch, account, change.slot, change.value);
}

type FlatChange =
  | {
      readonly account: Uint8Array;
      readonly slot: undefined;
      readonly after: Account | undefined;
      /** It had storage, and nothing of it is left. */
      readonly isCleared: boolean;
    }
  | { readonly account: Uint8Array; readonly slot: Uint8Array; readonly value: Uint8Array };

/** What changed between two states, each account before its slots. @throws TRIE_MISSING_NODE, TRIE_CORRUPT */
export function* stateDifference(
  nodes: NodeStore,
  from: Uint8Array,
  to: Uint8Array,
): Generator<FlatChange, void, undefined> {
  for (const { key: account, before, after } of trieDifference(nodes, from, to)) {
    const next = after === undefined ? undefined : decodeAccount(after);
    const old = before === undefined ? emptyRoot : decodeAccount(before).storageRoot;
    const root = next?.storageRoot ?? emptyRoot;
    const isCleared = equalBytes(root, emptyRoot) && !equalBytes(old, emptyRoot);
    yield { account, slot: undefined, after: next, isCleared };
    if (isCleared) continue;
    for (const { key: slot, after: value } of trieDifference(nodes, old, root))
      yield { account, slot, value: value === undefined ? NOTHING : decodeSlot(value) };
  }
}
