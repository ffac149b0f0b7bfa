import { keccak256 } from "#crypto";
import { emptyCodeHash, emptyTxRoot } from "#core/types";
import { ByteMap, equalBytes } from "#util";
import type { Account, StateReader } from "./state-reader.ts";
import type { AccountOverride } from "./types.ts";

/** Stands for "has storage": only its difference from the empty root is looked at. */
const SOME_ROOT = new Uint8Array(32).fill(1);
const NOTHING = new Uint8Array(0);

function minimal(value: Uint8Array): Uint8Array {
  let zeros = 0;
  while (zeros < value.length && value[zeros] === 0) zeros++;
  return value.subarray(zeros);
}

const slotsOf = (rows: AccountOverride["state"]): ByteMap<Uint8Array> => {
  const slots = new ByteMap<Uint8Array>();
  for (const [slot, value] of rows ?? []) slots.set(slot, minimal(value));
  return slots;
};

/** Says nothing of the account: only where a precompile is to answer. */
export const saysNothing = ({ nonce, balance, code, state, stateDiff }: AccountOverride) =>
  (nonce ?? balance ?? code ?? state ?? stateDiff?.[0]) === undefined;

/** A reader that says of some accounts what the caller wants to hear (geth's state overrides, eth_call's third parameter). */
export function overrideReader(reader: StateReader, overrides: readonly AccountOverride[]): StateReader {
  if (overrides.length === 0) return reader;
  const rows = new ByteMap<AccountOverride & { slots: ByteMap<Uint8Array> }>();
  for (const row of overrides) rows.set(row.address, { ...row, slots: slotsOf(row.state ?? row.stateDiff) });
  return {
    async account(address): Promise<Account | undefined> {
      const row = rows.get(address);
      const base = await reader.account(address);
      if (row === undefined || (base === undefined && saysNothing(row))) return base;
      const codeHash = row.code === undefined ? (base?.codeHash ?? emptyCodeHash) : keccak256(row.code);
      const baseRoot = row.state === undefined ? (base?.storageRoot ?? emptyTxRoot) : emptyTxRoot;
      return {
        nonce: row.nonce ?? base?.nonce ?? 0n,
        balance: row.balance ?? base?.balance ?? 0n,
        codeHash,
        storageRoot: row.slots.size > 0 ? SOME_ROOT : baseRoot,
      };
    },
    async storage(address, slot) {
      const row = rows.get(address);
      const value = row?.slots.get(slot);
      if (value !== undefined) return value;
      if (row === undefined) return reader.storage(address, slot);
      const base = row.state === undefined ? await reader.account(address) : undefined;
      return base === undefined || equalBytes(base.storageRoot, emptyTxRoot)
        ? NOTHING
        : reader.storage(address, slot);
    },
    code: (address, codeHash) => rows.get(address)?.code ?? reader.code(address, codeHash),
  };
}
