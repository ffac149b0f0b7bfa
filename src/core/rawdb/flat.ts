import type { KeyValueStore } from "#ethdb";
import type { Reader, Writer } from "./chain.ts";
import { RawdbError } from "./errors.ts";
import { fixedKeys, flatAccountRange, flatSlotRange, keys } from "./keys.ts";

const KEY_BYTES = 33;
const SLOT_KEY_BYTES = 65;

/**
 * Which state the flat rows are of. `to`: some rows are already of that state. "stale": of none any more, and they have to
 * go. undefined: there are none.
 */
export type FlatPlace =
  | { readonly root: Uint8Array; readonly to: Uint8Array | undefined }
  | "stale"
  | undefined;

export function readFlatPlace(db: Reader): FlatPlace {
  const value = db.get(fixedKeys.flatRoot);
  if (value === undefined) return undefined;
  if (value.length === 0) return "stale";
  if (value.length !== 32 && value.length !== 64)
    throw RawdbError("CORRUPT", { what: "root of the flat state", key: "FlatRoot" });
  return { root: value.subarray(0, 32), to: value.length === 64 ? value.subarray(32) : undefined };
}

export function writeFlatPlace(db: Writer, place: Exclude<FlatPlace, undefined>): void {
  if (place === "stale") return db.put(fixedKeys.flatRoot, new Uint8Array(0));
  const { root, to } = place;
  const value = new Uint8Array(to === undefined ? 32 : 64);
  value.set(root);
  if (to !== undefined) value.set(to, 32);
  db.put(fixedKeys.flatRoot, value);
}

/** RLP of an account, by the hash of its address. */
export function readFlatAccount(db: Reader, account: Uint8Array): Uint8Array | undefined {
  return db.get(keys.flatAccount(account));
}

export function writeFlatAccount(db: Writer, account: Uint8Array, encoded: Uint8Array): void {
  db.put(keys.flatAccount(account), encoded);
}

export function deleteFlatAccount(db: Writer, account: Uint8Array): void {
  db.delete(keys.flatAccount(account));
}

/** Minimal value of a slot, by the hashes of address and slot. */
export function readFlatSlot(db: Reader, account: Uint8Array, slot: Uint8Array): Uint8Array | undefined {
  return db.get(keys.flatSlot(account, slot));
}

export function writeFlatSlot(db: Writer, account: Uint8Array, slot: Uint8Array, value: Uint8Array): void {
  db.put(keys.flatSlot(account, slot), value);
}

export function deleteFlatSlot(db: Writer, account: Uint8Array, slot: Uint8Array): void {
  db.delete(keys.flatSlot(account, slot));
}

/** Hashes of the slots of an account that have a row. */
export async function* iterateFlatSlotKeys(
  db: KeyValueStore,
  account: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const gte = keys.flatSlot(account, new Uint8Array(0));
  const lt = keys.flatSlot(account, new Uint8Array(33).fill(0xff));
  for await (const [key] of db.iterate({ gte, lt }))
    if (key.length === SLOT_KEY_BYTES) yield key.subarray(KEY_BYTES);
}

/** Database keys of all flat rows. */
export async function* iterateFlatKeys(db: KeyValueStore): AsyncGenerator<Uint8Array> {
  for await (const [key] of db.iterate(flatAccountRange)) if (key.length === KEY_BYTES) yield key;
  for await (const [key] of db.iterate(flatSlotRange)) if (key.length === SLOT_KEY_BYTES) yield key;
}
