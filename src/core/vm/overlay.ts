import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account as EvmAccount, type Address } from "@ethereumjs/util";
import { keccak256 } from "#crypto";
import { emptyCodeHash, emptyTxRoot as emptyRoot } from "#core/types";
import { equalBytes } from "#util";
import { bytesOf, keyOf } from "./byte-key.ts";
import { VmError } from "./errors.ts";
import type { AccountDiff, StateDiff } from "./state-diff.ts";
import type { Account, MaybePromise, StateReader } from "./state-reader.ts";

const NOTHING = new Uint8Array(0);
const NEW_ACCOUNT: Account = { nonce: 0n, balance: 0n, storageRoot: emptyRoot, codeHash: emptyCodeHash };

/** One address: what the reader said, what execution made of it, and whether this transaction touched it. */
interface Entry {
  readonly address: Uint8Array;
  isLoaded: boolean;
  base: Account | undefined;
  account: Account | undefined;
  /** The reader's storage is void. */
  cleared: boolean;
  /** Slots written since `cleared`. */
  written: Map<string, Uint8Array> | undefined;
  baseStorage: Map<string, Uint8Array> | undefined;
  /** Code set here; undefined: the base's. */
  code: Uint8Array | undefined;
  baseCode: Uint8Array | undefined;
  /** The transaction in which the address became warm, or was touched; older ones say nothing. */
  warmAt: number;
  touchedAt: number;
  warmSlots: Set<string> | undefined;
  warmSlotsAt: number;
}

/** A step of the undo log: three places in a row, because objects and closures by the thousand cost the collector dearly. */
const UNDO_SIZE = 3;
/** What the second place says; a string there is a slot that was written, an Address-wide step a number. */
const ACCOUNT = 0;
const STORAGE = 1;
const CLEARED = 2;
const CODE = 3;
const WARM = 4;
const TOUCHED = 5;
const WARM_SLOT = 6;
type Step =
  | typeof ACCOUNT
  | typeof STORAGE
  | typeof CLEARED
  | typeof CODE
  | typeof WARM
  | typeof TOUCHED
  | typeof WARM_SLOT;

function minimal(value: Uint8Array): Uint8Array {
  let zeros = 0;
  while (zeros < value.length && value[zeros] === 0) zeros++;
  // a copy in any case: the EVM may hand out a view of its memory
  return value.slice(zeros);
}

const newEntry = (address: Uint8Array): Entry => ({
  address: address.slice(),
  isLoaded: false,
  base: undefined,
  account: undefined,
  cleared: false,
  written: undefined,
  baseStorage: undefined,
  code: undefined,
  baseCode: undefined,
  warmAt: 0,
  touchedAt: 0,
  warmSlots: undefined,
  warmSlotsAt: 0,
});

/**
 * Changes on top of a StateReader, undone by an undo log: ethereumjs' state manager, with what its journal knows (warm
 * addresses and slots, touched accounts) in the same log. Nothing is written through; `diff()` tells what changed. One
 * per EVM, set to a new reader for each run.
 *
 * BOUNDED by gas: an entry costs at least one account access, a slot one SLOAD.
 */
export class OverlayState implements StateManagerInterface {
  #reader: StateReader | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<Entry>();
  readonly #undo: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #original = new Map<string, Uint8Array>();
  #touched: Entry[] = [];
  /** Number of the transaction, from 1. */
  #generation = 1;

  /** Values at the start of the transaction (EIP-1283, 2200): first asked before the first write. */
  readonly originalStorageCache = {
    get: async (address: Address, slot: Uint8Array): Promise<Uint8Array> =>
      this.originalSlot(address.bytes, slot, await this.slot(address.bytes, slot)),
    clear: (): void => this.#original.clear(),
  };

  /** Forgets everything and reads from `reader` (undefined: until the next reset nothing may be asked). */
  reset(reader?: StateReader): void {
    this.#reader = reader;
    this.#entries.clear();
    this.#changed.clear();
    this.#undo.length = 0;
    this.#marks.length = 0;
    this.#original.clear();
    this.newTransaction();
  }

  /** Nothing is warm or touched any more. */
  newTransaction(): void {
    this.#generation++;
    this.#touched = [];
    this.#original.clear();
  }

  #base(): StateReader {
    if (this.#reader === undefined) throw VmError("FINISHED");
    return this.#reader;
  }

  #known(address: Uint8Array): Entry {
    const key = keyOf(address);
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, (entry = newEntry(address)));
    return entry;
  }

  /** The entry, read; at once if the reader answers at once. */
  #entry(address: Uint8Array): MaybePromise<Entry> {
    const entry = this.#known(address);
    if (entry.isLoaded) return entry;
    const read = this.#base().account(entry.address);
    return read instanceof Promise ? read.then((late) => load(entry, late)) : load(entry, read);
  }

  #log(entry: Entry, step: Step | string, before: unknown): void {
    this.#undo.push(entry, step, before);
  }

  #set(entry: Entry, account: Account | undefined): void {
    this.#log(entry, ACCOUNT, entry.account);
    this.#changed.add(entry);
    entry.account = account;
  }

  #clear(entry: Entry): void {
    this.#log(entry, CLEARED, entry.cleared);
    this.#log(entry, STORAGE, entry.written);
    this.#changed.add(entry);
    entry.cleared = true;
    entry.written = undefined;
  }

  #setCode(entry: Entry, code: Uint8Array | undefined): void {
    this.#log(entry, CODE, entry.code);
    entry.code = code;
  }

  async getAccount(address: Address): Promise<EvmAccount | undefined> {
    const { account } = await this.#entry(address.bytes);
    // a new object each time: the EVM changes what it gets before it puts it back
    return account === undefined
      ? undefined
      : new EvmAccount(account.nonce, account.balance, account.storageRoot, account.codeHash);
  }

  async putAccount(address: Address, account?: EvmAccount): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    const entry = await this.#entry(address.bytes);
    const { nonce, balance, storageRoot, codeHash } = account;
    this.#set(entry, { nonce, balance, storageRoot, codeHash });
  }

  async deleteAccount(address: Address): Promise<void> {
    this.#remove(await this.#entry(address.bytes));
  }

  #remove(entry: Entry): void {
    this.#set(entry, undefined);
    this.#clear(entry);
    this.#setCode(entry, undefined);
  }

  async modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    const account = (await this.getAccount(address)) ?? new EvmAccount();
    account.nonce = fields.nonce ?? account.nonce;
    account.balance = fields.balance ?? account.balance;
    account.storageRoot = fields.storageRoot ?? account.storageRoot;
    account.codeHash = fields.codeHash ?? account.codeHash;
    await this.putAccount(address, account);
  }

  /** As it is now. */
  account(address: Uint8Array): MaybePromise<Account | undefined> {
    const entry = this.#entry(address);
    return entry instanceof Promise ? entry.then((late) => late.account) : entry.account;
  }

  /** An account that was read gets another balance; one that is not there begins. */
  setBalance(address: Uint8Array, before: Account | undefined, balance: bigint): void {
    this.#set(this.#known(address), { ...(before ?? NEW_ACCOUNT), balance });
  }

  async putCode(address: Address, code: Uint8Array): Promise<void> {
    const entry = await this.#entry(address.bytes);
    const kept = code.slice();
    const codeHash = kept.length === 0 ? emptyCodeHash : keccak256(kept);
    const account = entry.account ?? { nonce: 0n, balance: 0n, storageRoot: emptyRoot, codeHash };
    this.#set(entry, { ...account, codeHash });
    this.#setCode(entry, kept);
  }

  async getCode(address: Address): Promise<Uint8Array> {
    return this.code(address.bytes);
  }

  code(address: Uint8Array): MaybePromise<Uint8Array> {
    const entry = this.#entry(address);
    return entry instanceof Promise ? entry.then((late) => this.#codeOf(late)) : this.#codeOf(entry);
  }

  #codeOf(entry: Entry): MaybePromise<Uint8Array> {
    if (entry.account === undefined) return NOTHING;
    if (entry.code !== undefined) {
      this.#base().seesNewCode?.(entry.account.codeHash, entry.code);
      return entry.code;
    }
    if (entry.base === undefined || equalBytes(entry.account.codeHash, emptyCodeHash)) return NOTHING;
    if (entry.baseCode !== undefined) return entry.baseCode;
    const read = this.#base().code(entry.address, entry.base.codeHash);
    if (!(read instanceof Promise)) return (entry.baseCode = read);
    return read.then((late) => (entry.baseCode ??= late));
  }

  async getCodeSize(address: Address): Promise<number> {
    return (await this.getCode(address)).length;
  }

  async getStorage(address: Address, slot: Uint8Array): Promise<Uint8Array> {
    return this.slot(address.bytes, slot);
  }

  /** Minimal value of a slot; zero is empty. */
  slot(address: Uint8Array, slot: Uint8Array): MaybePromise<Uint8Array> {
    const entry = this.#entry(address);
    return entry instanceof Promise
      ? entry.then((late) => this.#slotOf(late, slot))
      : this.#slotOf(entry, slot);
  }

  #slotOf(entry: Entry, slot: Uint8Array): MaybePromise<Uint8Array> {
    const key = keyOf(slot);
    const written = entry.written?.get(key);
    if (written !== undefined) return written;
    if (entry.cleared || entry.base === undefined || equalBytes(entry.base.storageRoot, emptyRoot))
      return NOTHING;
    const known = entry.baseStorage?.get(key);
    if (known !== undefined) return known;
    const read = this.#base().storage(entry.address, slot);
    return read instanceof Promise
      ? read.then((late) => keepSlot(entry, key, late))
      : keepSlot(entry, key, read);
  }

  /** The value at the start of the transaction; `now` is the value as it is, asked before the first write. */
  originalSlot(address: Uint8Array, slot: Uint8Array, now: Uint8Array): Uint8Array {
    const key = keyOf(address) + keyOf(slot);
    const known = this.#original.get(key);
    if (known === undefined) this.#original.set(key, now);
    return known ?? now;
  }

  async putStorage(address: Address, slot: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#entry(address.bytes);
    this.setSlot(address.bytes, slot, minimal(value));
  }

  /** Sets a slot of an account that was read. `value`: minimal, and nobody else's. */
  setSlot(address: Uint8Array, slot: Uint8Array, value: Uint8Array): void {
    const entry = this.#known(address);
    entry.written ??= new Map();
    const key = keyOf(slot);
    this.#log(entry, key, entry.written.get(key));
    this.#changed.add(entry);
    entry.written.set(key, value);
  }

  async clearStorage(address: Address): Promise<void> {
    const entry = await this.#entry(address.bytes);
    this.#clear(entry);
    if (entry.account !== undefined) this.#set(entry, { ...entry.account, storageRoot: emptyRoot });
  }

  /** True if the address is warm (EIP-2929). */
  isWarm(address: Uint8Array): boolean {
    return this.#entries.get(keyOf(address))?.warmAt === this.#generation;
  }

  warm(address: Uint8Array): void {
    const entry = this.#known(address);
    if (entry.warmAt === this.#generation) return;
    this.#log(entry, WARM, entry.warmAt);
    entry.warmAt = this.#generation;
  }

  isWarmSlot(address: Uint8Array, slot: Uint8Array): boolean {
    const entry = this.#entries.get(keyOf(address));
    return entry?.warmSlotsAt === this.#generation && entry.warmSlots?.has(keyOf(slot)) === true;
  }

  warmSlot(address: Uint8Array, slot: Uint8Array): void {
    this.warm(address);
    const entry = this.#known(address);
    if (entry.warmSlotsAt !== this.#generation || entry.warmSlots === undefined) {
      entry.warmSlots = new Set();
      entry.warmSlotsAt = this.#generation;
    }
    const key = keyOf(slot);
    if (entry.warmSlots.has(key)) return;
    entry.warmSlots.add(key);
    this.#log(entry, WARM_SLOT, key);
  }

  /** Marks an account that goes if it is empty at the end (EIP-161). `forGood`: a revert does not take it back. */
  touch(address: Uint8Array, forGood: boolean): void {
    const entry = this.#known(address);
    if (entry.touchedAt === this.#generation) return;
    if (!forGood) this.#log(entry, TOUCHED, entry.touchedAt);
    entry.touchedAt = this.#generation;
    this.#touched.push(entry);
  }

  /** Removes touched accounts that are empty (EIP-161). */
  async removeEmpty(): Promise<void> {
    for (const entry of this.#touched) {
      if (entry.touchedAt !== this.#generation) continue; // taken back
      if (!entry.isLoaded) await this.#entry(entry.address);
      const { account } = entry;
      const isEmpty =
        account !== undefined &&
        account.nonce === 0n &&
        account.balance === 0n &&
        equalBytes(account.codeHash, emptyCodeHash);
      if (isEmpty) this.#remove(entry);
    }
  }

  async checkpoint(): Promise<void> {
    this.mark();
  }

  async commit(): Promise<void> {
    this.keep();
  }

  async revert(): Promise<void> {
    this.undo();
  }

  /** What changes from here on can be undone. */
  mark(): void {
    this.#marks.push(this.#undo.length);
  }

  /** What changed since the last mark stays, as far as the marks before it do. */
  keep(): void {
    this.#marks.pop();
    // nothing can be undone below the first mark any more
    if (this.#marks.length === 0) this.#undo.length = 0;
  }

  undo(): void {
    const mark = this.#marks.pop() ?? 0;
    const undo = this.#undo;
    for (let at = undo.length - UNDO_SIZE; at >= mark; at -= UNDO_SIZE)
      undoStep(undo[at] as Entry, undo[at + 1] as Step | string, undo[at + 2]); // as #log pushed them
    undo.length = mark;
  }

  clearCaches(): void {}
  async getStateRoot(): Promise<Uint8Array> {
    throw VmError("UNSUPPORTED", { what: "a state root inside the EVM" });
  }
  async setStateRoot(): Promise<void> {
    throw VmError("UNSUPPORTED", { what: "another state root inside the EVM" });
  }
  async hasStateRoot(): Promise<boolean> {
    return false;
  }
  shallowCopy(): StateManagerInterface {
    throw VmError("UNSUPPORTED", { what: "copying the EVM's state" });
  }

  /** What differs from the reader's state now. */
  diff(): StateDiff {
    const accounts: AccountDiff[] = [];
    for (const entry of this.#changed) {
      const row = diffOf(entry);
      if (row !== undefined) accounts.push(row);
    }
    return { accounts };
  }
}

function load(entry: Entry, account: Account | undefined): Entry {
  if (entry.isLoaded) return entry; // somebody else asked too
  entry.base = entry.account = account;
  entry.isLoaded = true;
  return entry;
}

function keepSlot(entry: Entry, key: string, value: Uint8Array): Uint8Array {
  entry.baseStorage ??= new Map();
  entry.baseStorage.set(key, value);
  return value;
}

/** The casts say what `#log` was given with that step. */
function undoStep(entry: Entry, step: Step | string, before: unknown): void {
  if (typeof step === "string") {
    if (before === undefined) entry.written?.delete(step);
    else entry.written?.set(step, before as Uint8Array);
    return;
  }
  switch (step) {
    case ACCOUNT:
      entry.account = before as Account | undefined;
      return;
    case STORAGE:
      entry.written = before as Map<string, Uint8Array> | undefined;
      return;
    case CLEARED:
      entry.cleared = before as boolean;
      return;
    case CODE:
      entry.code = before as Uint8Array | undefined;
      return;
    case WARM:
      entry.warmAt = before as number;
      return;
    case TOUCHED:
      entry.touchedAt = before as number;
      return;
    case WARM_SLOT:
      entry.warmSlots?.delete(before as string);
  }
}

function diffOf(entry: Entry): AccountDiff | undefined {
  const { address, base, account, cleared } = entry;
  if (account === undefined) {
    return base === undefined
      ? undefined
      : { address, account: undefined, storageRoot: base.storageRoot, storageCleared: true, storage: [] };
  }
  const storage: [Uint8Array, Uint8Array][] = [];
  for (const [key, value] of entry.written ?? []) {
    const before = cleared || base === undefined ? NOTHING : entry.baseStorage?.get(key);
    if (before === undefined || !equalBytes(before, value)) storage.push([bytesOf(key), value]);
  }
  const { nonce, balance, codeHash } = account;
  const hasNewCode = base === undefined || !equalBytes(base.codeHash, codeHash);
  const voided = cleared && base !== undefined && !equalBytes(base.storageRoot, emptyRoot);
  const isSame = base !== undefined && base.nonce === nonce && base.balance === balance && !hasNewCode;
  if (isSame && storage.length === 0 && !voided) return undefined;
  const code = hasNewCode && entry.code !== undefined && entry.code.length > 0 ? entry.code : undefined;
  return {
    address,
    account: { nonce, balance, codeHash },
    storageRoot: base?.storageRoot,
    storageCleared: voided,
    storage,
    code,
  };
}
