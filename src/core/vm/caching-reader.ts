import { keyOf } from "./byte-key.ts";
import type { Account, MaybePromise, StateReader } from "./state-reader.ts";

/** Remembers what the reader said, for runs that repeat (gas estimation). BOUNDED by the gas of the runs. */
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
    storage: (address, slot) =>
      remember(slots, keyOf(address) + keyOf(slot), () => reader.storage(address, slot)),
    code: (address, codeHash) => remember(codes, keyOf(codeHash), () => reader.code(address, codeHash)),
  };
}
