import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account as EvmAccount, type Address } from "@ethereumjs/util";
import { keccak256 } from "#crypto";
import { emptyCodeHash, emptyTxRoot } from "#core/types";
import { equalBytes } from "#util";
import { VmError } from "./errors.ts";
import type { AccountDiff, StateDiff } from "./state-diff.ts";
import type { Account, MaybePromise, StateReader } from "./state-reader.ts";

const NOTHING = new Uint8Array(0);
const emptyRoot = emptyTxRoot;

const keyOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
const bytesOf = (key: string): Uint8Array => new Uint8Array(Buffer.from(key, "latin1"));

/** One address: what the reader said, and what execution made of it. */
interface Entry {
  readonly address: Uint8Array;
  isLoaded: boolean;
  base: Account | undefined;
  account: Account | undefined;
  /** The reader's storage is void. */
  cleared: boolean;
  /** Slots written since `cleared`. */
  written: Map<string, Uint8Array>;
  readonly baseStorage: Map<string, Uint8Array>;
  /** Code set here; undefined: the base's. */
  code: Uint8Array | undefined;
  baseCode: Uint8Array | undefined;
}

function minimal(value: Uint8Array): Uint8Array {
  let zeros = 0;
  while (zeros < value.length && value[zeros] === 0) zeros++;
  // a copy in any case: the EVM may hand out a view of its memory
  return value.slice(zeros);
}

/**
 * Changes on top of a StateReader, undone by an undo log: what ethereumjs calls a state manager. Nothing is written
 * through; `diff()` tells what changed. One per EVM, set to a new reader for each run.
 *
 * BOUNDED by gas: an entry costs at least one account access, a slot one SLOAD.
 */
export class OverlayState implements StateManagerInterface {
  #reader: StateReader | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<Entry>();
  readonly #undo: (() => void)[] = [];
  readonly #marks: number[] = [];
  readonly #original = new Map<string, Uint8Array>();

  /** Values at the start of the transaction (EIP-1283, 2200): first asked before the first write. */
  readonly originalStorageCache = {
    get: async (address: Address, slot: Uint8Array): Promise<Uint8Array> => {
      const key = keyOf(address.bytes) + keyOf(slot);
      const known = this.#original.get(key);
      if (known !== undefined) return known;
      const value = await this.getStorage(address, slot);
      this.#original.set(key, value);
      return value;
    },
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
  }

  #base(): StateReader {
    if (this.#reader === undefined) throw VmError("FINISHED");
    return this.#reader;
  }

  async #entry(address: Uint8Array): Promise<Entry> {
    const entry = this.#slotFor(address);
    if (!entry.isLoaded) await this.#load(entry);
    return entry;
  }

  #slotFor(address: Uint8Array): Entry {
    const key = keyOf(address);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = {
        address: address.slice(),
        isLoaded: false,
        base: undefined,
        account: undefined,
        cleared: false,
        written: new Map(),
        baseStorage: new Map(),
        code: undefined,
        baseCode: undefined,
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  async #load(entry: Entry): Promise<void> {
    const read = this.#base().account(entry.address);
    entry.base = entry.account = read instanceof Promise ? await read : read;
    entry.isLoaded = true;
  }

  #set(entry: Entry, account: Account | undefined): void {
    const before = entry.account;
    this.#undo.push(() => {
      entry.account = before;
    });
    this.#changed.add(entry);
    entry.account = account;
  }

  #clear(entry: Entry): void {
    const { cleared, written } = entry;
    this.#undo.push(() => {
      entry.cleared = cleared;
      entry.written = written;
    });
    this.#changed.add(entry);
    entry.cleared = true;
    entry.written = new Map();
  }

  #setCode(entry: Entry, code: Uint8Array | undefined): void {
    const before = entry.code;
    this.#undo.push(() => {
      entry.code = before;
    });
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
    const entry = await this.#entry(address.bytes);
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

  async putCode(address: Address, code: Uint8Array): Promise<void> {
    const entry = await this.#entry(address.bytes);
    const kept = code.slice();
    const codeHash = kept.length === 0 ? emptyCodeHash : keccak256(kept);
    const account = entry.account ?? { nonce: 0n, balance: 0n, storageRoot: emptyRoot, codeHash };
    this.#set(entry, { ...account, codeHash });
    this.#setCode(entry, kept);
  }

  async getCode(address: Address): Promise<Uint8Array> {
    const entry = await this.#entry(address.bytes);
    if (entry.account === undefined) return NOTHING;
    if (entry.code !== undefined) return entry.code;
    if (entry.base === undefined || equalBytes(entry.account.codeHash, emptyCodeHash)) return NOTHING;
    entry.baseCode ??= await this.#base().code(entry.address, entry.base.codeHash);
    return entry.baseCode;
  }

  async getCodeSize(address: Address): Promise<number> {
    return (await this.getCode(address)).length;
  }

  async getStorage(address: Address, slot: Uint8Array): Promise<Uint8Array> {
    const entry = await this.#entry(address.bytes);
    const key = keyOf(slot);
    const written = entry.written.get(key);
    if (written !== undefined) return written;
    if (entry.cleared || entry.base === undefined || equalBytes(entry.base.storageRoot, emptyRoot)) return NOTHING;
    return entry.baseStorage.get(key) ?? this.#readStorage(entry, key, slot);
  }

  async #readStorage(entry: Entry, key: string, slot: Uint8Array): Promise<Uint8Array> {
    const value = await this.#base().storage(entry.address, slot);
    entry.baseStorage.set(key, value);
    return value;
  }

  async putStorage(address: Address, slot: Uint8Array, value: Uint8Array): Promise<void> {
    const entry = await this.#entry(address.bytes);
    const { written } = entry;
    const key = keyOf(slot);
    const before = written.get(key);
    this.#undo.push(() => {
      if (before === undefined) written.delete(key);
      else written.set(key, before);
    });
    this.#changed.add(entry);
    written.set(key, minimal(value));
  }

  async clearStorage(address: Address): Promise<void> {
    const entry = await this.#entry(address.bytes);
    this.#clear(entry);
    if (entry.account !== undefined) this.#set(entry, { ...entry.account, storageRoot: emptyRoot });
  }

  async checkpoint(): Promise<void> {
    this.#marks.push(this.#undo.length);
  }

  async commit(): Promise<void> {
    this.#marks.pop();
    // nothing can be undone below the first checkpoint any more
    if (this.#marks.length === 0) this.#undo.length = 0;
  }

  async revert(): Promise<void> {
    const mark = this.#marks.pop() ?? 0;
    while (this.#undo.length > mark) this.#undo.pop()?.();
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

function diffOf(entry: Entry): AccountDiff | undefined {
  const { address, base, account, cleared } = entry;
  if (account === undefined) {
    return base === undefined ? undefined : { address, account: undefined, storageCleared: true, storage: [] };
  }
  const storage: [Uint8Array, Uint8Array][] = [];
  for (const [key, value] of entry.written) {
    const before = cleared || base === undefined ? NOTHING : entry.baseStorage.get(key);
    if (before === undefined || !equalBytes(before, value)) storage.push([bytesOf(key), value]);
  }
  const { nonce, balance, codeHash } = account;
  const hasNewCode = base === undefined || !equalBytes(base.codeHash, codeHash);
  const voided = cleared && base !== undefined && !equalBytes(base.storageRoot, emptyRoot);
  const isSame = base !== undefined && base.nonce === nonce && base.balance === balance && !hasNewCode;
  if (isSame && storage.length === 0 && !voided) return undefined;
  const code = hasNewCode && entry.code !== undefined && entry.code.length > 0 ? entry.code : undefined;
  return { address, account: { nonce, balance, codeHash }, storageCleared: voided, storage, code };
}

/** Remembers what the reader said, for runs that repeat (gas estimation). BOUNDED by the gas of the first run. */
export function cachingReader(reader: StateReader): StateReader {
  const accounts = new Map<string, MaybePromise<Account | undefined>>();
  const slots = new Map<string, MaybePromise<Uint8Array>>();
  const codes = new Map<string, MaybePromise<Uint8Array>>();
  const remember = <T>(cache: Map<string, T>, key: string, read: () => T): T => {
    const known = cache.get(key);
    if (known !== undefined || cache.has(key)) return known as T; // has() tells a known undefined from an unknown one
    const value = read();
    cache.set(key, value);
    return value;
  };
  return {
    account: (address) => remember(accounts, keyOf(address), () => reader.account(address)),
    storage: (address, slot) => remember(slots, keyOf(address) + keyOf(slot), () => reader.storage(address, slot)),
    code: (address, codeHash) => remember(codes, keyOf(codeHash), () => reader.code(address, codeHash)),
  };
}
