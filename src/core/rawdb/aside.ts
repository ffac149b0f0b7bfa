import type { KeyValueStore } from "#ethdb";
import { concatBytes, toHex } from "#util";
import type { BlockPlace, Writer } from "./chain.ts";
import { asideRange, decodeNumber, encodeNumber, keys } from "./keys.ts";
import { RawdbError } from "./errors.ts";

/** A block of a side branch that is kept and was never executed. */
export interface AsideRow extends BlockPlace {
  readonly parentHash: Uint8Array;
  /** Bytes that its header and body take. */
  readonly sizeBytes: number;
}

/** iA + number(8) + hash */
const KEY_BYTES = 42;
/** size(8) + parent's hash */
const VALUE_BYTES = 40;

export function writeAside(db: Writer, { number, hash, parentHash, sizeBytes }: AsideRow): void {
  db.put(keys.aside(number, hash), concatBytes(encodeNumber(sizeBytes), parentHash));
}

export function deleteAside(db: Writer, { number, hash }: BlockPlace): void {
  db.delete(keys.aside(number, hash));
}

/** Every block put aside, by number; `fromAbove`: the highest first. @throws RAWDB_CORRUPT */
export async function* iterateAside(db: KeyValueStore, { fromAbove = false } = {}): AsyncGenerator<AsideRow> {
  for await (const [key, value] of db.iterate({ ...asideRange, reverse: fromAbove })) {
    if (key.length !== KEY_BYTES) continue; // a trie node whose hash begins with the same bytes
    const number = decodeNumber(key.subarray(2, 10));
    const sizeBytes = value.length === VALUE_BYTES ? decodeNumber(value.subarray(0, 8)) : undefined;
    if (number === undefined || sizeBytes === undefined)
      throw RawdbError("CORRUPT", { what: "row of a block put aside", key: toHex(key) });
    yield { number, hash: key.slice(10), parentHash: value.slice(8), sizeBytes };
  }
}
