import { utf8Encode } from "#util";
import { RlpError } from "./errors.ts";
import { type RlpItem, type RlpValue, readItem, writeValue } from "./item.ts";
import { type Budget, DEFAULT_MAX_DEPTH, RlpReader } from "./reader.ts";
import { type RlpWriter, writeWith } from "./writer.ts";

/** What a schema is, as data: for generated tests, limits and docs. */
export type Shape =
  | { readonly kind: "bytes"; readonly min: number; readonly max: number }
  | { readonly kind: "uint"; readonly bits: number; readonly type: "number" | "bigint" }
  | { readonly kind: "bool" | "empty" | "raw" | "item" }
  | { readonly kind: "utf8"; readonly max: number; readonly invalid: "refuse" | "replace" }
  | { readonly kind: "list"; readonly of: Schema<unknown>; readonly max: number }
  | { readonly kind: "struct"; readonly fields: readonly FieldShape[]; readonly extra: "refuse" | "ignore" }
  | { readonly kind: "choice"; readonly of: readonly Schema<unknown>[] }
  | { readonly kind: "mapped"; readonly of: Schema<unknown> };

export interface FieldShape {
  readonly name: string;
  readonly schema: Schema<unknown>;
  readonly isOptional: boolean;
}

/**
 * Reads and writes one item of one shape. Made by the functions of this room; a shape of your own is `mapped(...)` over them.
 * `read` leaves the cursor behind the item; `write` writes backwards, see `RlpWriter`.
 */
export interface Schema<T> {
  readonly shape: Shape;
  read(reader: RlpReader): T;
  write(writer: RlpWriter, value: T): void;
}

/** The value a schema reads. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

/**
 * Decodes exactly one item of that schema; nothing may follow.
 * @throws RLP_* (blame: peer), never anything else
 */
export function decodeAs<T>(schema: Schema<T>, bytes: Uint8Array, budget?: Budget): T {
  const reader = new RlpReader(bytes, budget);
  const value = schema.read(reader);
  reader.finish();
  return value;
}

/**
 * Encodes into one exact allocation.
 * @throws RLP_ENCODE (blame: caller) if the schema cannot carry the value
 */
export function encodeAs<T>(schema: Schema<T>, value: T): Uint8Array {
  return writeWith((writer) => schema.write(writer, value));
}

/** A byte string of `min` to `max` bytes, as a view. */
export function bytes({
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
}: {
  min?: number;
  max?: number;
} = {}): Schema<Uint8Array> {
  const want = min === max ? `${max}` : `${min} to ${max}`;
  return {
    shape: { kind: "bytes", min, max },
    read(reader) {
      const length = reader.nextBytes();
      if (length < min || length > max) throw RlpError("LENGTH", { offset: reader.start, length, want });
      return reader.view();
    },
    write(writer, value) {
      if (value.length < min || value.length > max)
        throw RlpError("ENCODE", { reason: `${value.length} bytes where ${want} are allowed` });
      writer.bytes(value);
    },
  };
}

/** Exactly `length` bytes. */
export const fixed = (length: number): Schema<Uint8Array> => bytes({ min: length, max: length });
/** 32 bytes. */
export const hash: Schema<Uint8Array> = fixed(32);
/** 20 bytes. */
export const address: Schema<Uint8Array> = fixed(20);

function readUint(reader: RlpReader, maxBytes: number): number {
  const length = reader.nextBytes();
  if (length > maxBytes) throw RlpError("INTEGER", { offset: reader.start, reason: "too large" });
  if (length > 0 && reader.bytes[reader.start] === 0)
    throw RlpError("INTEGER", { offset: reader.start, reason: "leading zero" });
  let value = 0;
  // exact up to 6 bytes, which is as far as its callers rely on it without a look of their own
  for (let i = reader.start; i < reader.stop; i++) value = value * 256 + (reader.bytes[i] ?? 0);
  return value;
}

/** An integer up to 2^53 − 1: counts, block numbers, times. Larger ones are refused. */
export const uint53: Schema<number> = {
  shape: { kind: "uint", bits: 53, type: "number" },
  read(reader) {
    const value = readUint(reader, 7);
    if (value > Number.MAX_SAFE_INTEGER)
      throw RlpError("INTEGER", { offset: reader.start, reason: "too large" });
    return value;
  },
  write: (writer, value) => writer.number(value),
};

const word = new DataView(new ArrayBuffer(32));
const wordBytes = new Uint8Array(word.buffer);

/** Up to 32 big-endian bytes, by machine words: a third of the time that a text in between takes. */
function wordToBigint(bytes: Uint8Array, start: number, stop: number): bigint {
  const first = start - stop + 32; // where the value begins, right-aligned
  const used = first & ~7;
  for (let i = used; i < first; i++) wordBytes[i] = 0;
  for (let i = start, to = first; i < stop; i++, to++) wordBytes[to] = bytes[i] ?? 0;
  let value = word.getBigUint64(used);
  for (let i = used + 8; i < 32; i += 8) value = (value << 64n) | word.getBigUint64(i);
  return value;
}

function bigUint(bits: number): Schema<bigint> {
  const maxBytes = bits / 8;
  const limit = 1n << BigInt(bits);
  return {
    shape: { kind: "uint", bits, type: "bigint" },
    read(reader) {
      const value = readUint(reader, maxBytes);
      return reader.stop - reader.start <= 6
        ? BigInt(value)
        : wordToBigint(reader.bytes, reader.start, reader.stop);
    },
    write(writer, value) {
      if (value >= limit) throw RlpError("ENCODE", { reason: `integer above ${bits} bits` });
      writer.bigint(value);
    },
  };
}

/** An integer below 2^64, as bigint. */
export const uint64: Schema<bigint> = bigUint(64);
/** An integer below 2^256, as bigint. */
export const uint256: Schema<bigint> = bigUint(256);

/** 0x80 is false, 0x01 true, nothing else is either. */
export const bool: Schema<boolean> = {
  shape: { kind: "bool" },
  read(reader) {
    const length = reader.nextBytes();
    if (length === 0) return false;
    if (length !== 1 || reader.bytes[reader.start] !== 1)
      throw RlpError("VALUE", { offset: reader.start, reason: "neither true nor false" });
    return true;
  },
  write: (writer, value) => writer.number(value ? 1 : 0),
};

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const looseUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Text of at most `max` bytes of UTF-8. Invalid UTF-8 is refused, or, with `invalid: "replace"`, read with U+FFFD in its place (geth
 * checks no text, so names from strangers are best read that way).
 */
export function utf8(
  max: number,
  { invalid = "refuse" }: { invalid?: "refuse" | "replace" } = {},
): Schema<string> {
  return {
    shape: { kind: "utf8", max, invalid },
    read(reader) {
      const length = reader.nextBytes();
      if (length > max) throw RlpError("LENGTH", { offset: reader.start, length, want: `0 to ${max}` });
      if (invalid === "replace") return looseUtf8.decode(reader.view());
      try {
        return strictUtf8.decode(reader.view());
      } catch (cause) {
        throw RlpError("VALUE", { offset: reader.start, reason: "invalid UTF-8" }, { cause });
      }
    },
    write(writer, value) {
      const encoded = utf8Encode(value);
      if (encoded.length > max)
        throw RlpError("ENCODE", { reason: `${encoded.length} bytes of text, ${max} allowed` });
      writer.bytes(encoded);
    },
  };
}

/** One whole item with its header, not looked into. */
export const raw: Schema<Uint8Array> = {
  shape: { kind: "raw" },
  read(reader) {
    const from = reader.pos;
    reader.next();
    return reader.bytes.subarray(from, reader.stop);
  },
  write: (writer, value) => writer.raw(value),
};

/** Any item as a tree, at most 64 deep. Takes what `RlpValue` allows when writing. */
export const item: Schema<RlpItem> = {
  shape: { kind: "item" },
  read: (reader) => readItem(reader, DEFAULT_MAX_DEPTH),
  write: (writer, value) => writeValue(writer, value as RlpValue),
};

/** The empty list, whose value is `undefined`. */
export const empty: Schema<undefined> = {
  shape: { kind: "empty" },
  read(reader) {
    reader.leave(reader.enter(0));
    return undefined;
  },
  write: (writer) => writer.closeList(writer.written),
};
