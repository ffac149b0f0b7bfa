import { keccak256 } from "#crypto";
import { emptyCodeHash, emptyTxRoot } from "#core/types";
import { ByteMap, equalBytes } from "#util";
import { saysNothing } from "./overrides.ts";
import type { AccountDiff, StateDiff } from "./state-diff.ts";
import type { Account, StateReader } from "./state-reader.ts";
import type { AccountOverride } from "./types.ts";

/** Stands for "has storage": only its difference from the empty root is looked at. */
const SOME_ROOT = new Uint8Array(32).fill(1);
const NOTHING = new Uint8Array(0);

interface Layer {
  account: AccountDiff["account"];
  /** The base's storage is void. */
  isCleared: boolean;
  storage: ByteMap<Uint8Array>;
  code: Uint8Array | undefined;
}

/** A state with the changes of further blocks on top, in memory. BOUNDED by the gas of what made them. */
export class LayeredState {
  readonly #base: StateReader;
  readonly #layers = new ByteMap<Layer>();
  readonly reader: StateReader;

  constructor(base: StateReader) {
    this.#base = base;
    this.reader = {
      account: (address) => this.#account(address),
      storage: (address, slot) => this.#storage(address, slot),
      code: (address, codeHash) => {
        const code = this.#layers.get(address)?.code;
        return code !== undefined && equalBytes(keccak256(code), codeHash)
          ? code
          : this.#base.code(address, codeHash);
      },
    };
  }

  add({ accounts }: StateDiff): void {
    for (const { address, account, storageCleared, storage, code } of accounts) {
      const before = this.#layers.get(address);
      const isNew = before === undefined || storageCleared || account === undefined;
      const layer: Layer = {
        account,
        isCleared: storageCleared || account === undefined || (before?.isCleared ?? false),
        storage: isNew ? new ByteMap() : before.storage,
        code: code ?? (account === undefined ? undefined : before?.code),
      };
      for (const [slot, value] of storage) layer.storage.set(slot, value);
      this.#layers.set(address, layer);
    }
  }

  async #account(address: Uint8Array): Promise<Account | undefined> {
    const layer = this.#layers.get(address);
    if (layer === undefined) return this.#base.account(address);
    if (layer.account === undefined) return undefined;
    const base = layer.isCleared ? undefined : await this.#base.account(address);
    const storageRoot = layer.storage.size > 0 ? SOME_ROOT : (base?.storageRoot ?? emptyTxRoot);
    return { ...layer.account, storageRoot };
  }

  async #storage(address: Uint8Array, slot: Uint8Array): Promise<Uint8Array> {
    const layer = this.#layers.get(address);
    const value = layer?.storage.get(slot);
    if (value !== undefined) return value;
    if (layer?.isCleared === true) return NOTHING;
    const base = layer === undefined ? undefined : await this.#base.account(address);
    // the base is never asked for an account without storage
    if (layer !== undefined && (base === undefined || equalBytes(base.storageRoot, emptyTxRoot)))
      return NOTHING;
    return this.#base.storage(address, slot);
  }
}

function minimal(value: Uint8Array): Uint8Array {
  let zeros = 0;
  while (zeros < value.length && value[zeros] === 0) zeros++;
  return value.subarray(zeros);
}

/** geth's state overrides as the change of state that they are. */
export async function overrideDiff(
  reader: StateReader,
  overrides: readonly AccountOverride[],
): Promise<StateDiff> {
  const accounts: AccountDiff[] = [];
  for (const row of overrides) {
    const { address, nonce, balance, code, state, stateDiff } = row;
    const base = await reader.account(address);
    if (base === undefined && saysNothing(row)) continue;
    accounts.push({
      address,
      account: {
        nonce: nonce ?? base?.nonce ?? 0n,
        balance: balance ?? base?.balance ?? 0n,
        codeHash: code === undefined ? (base?.codeHash ?? emptyCodeHash) : keccak256(code),
      },
      storageRoot: base?.storageRoot,
      storageCleared: state !== undefined,
      storage: (state ?? stateDiff ?? []).map(([slot, value]) => [slot, minimal(value)] as const),
      code,
    });
  }
  return { accounts };
}
