import { fromHex, toHex } from "#util";
import { invalidParams, RpcError, rpcCodes } from "./errors.ts";

/**
 * One JSON value, both ways: parameters are decoded (and refused with −32602 and their path), results are encoded.
 *
 * @typeParam Out - what `decode` gives a handler
 * @typeParam In - what a handler may return for `encode`; wider than Out where that is handy (quantity takes numbers)
 */
export interface Codec<Out, In = Out> {
  /** For docs and messages: `quantity`, `32 bytes`, `list of address`. */
  readonly doc: string;
  /** True if the parameter may be left out at the end of the list, or be null. */
  readonly isOptional?: boolean;
  /** @throws RpcError −32602 naming `path` */
  decode(value: unknown, path: string): Out;
  /** A JSON-able value (bigint allowed: written as a bare number). */
  encode(value: In): unknown;
  /** Fast path: the JSON text itself. */
  write?(value: In): string;
}

/** Any codec, whatever its types. */
export type AnyCodec = Codec<unknown, never>;
/** What a codec hands to a handler. */
export type Decoded<C> = C extends Codec<infer Out, never> ? Out : never;
/** What a codec takes from a handler. */
export type Encodable<C> = C extends { encode(value: infer In): unknown } ? In : never;

/** Names a JSON value's kind for a message, never its content. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

const QUANTITY = /^0[xX](?:0|[1-9a-fA-F][0-9a-fA-F]*)$/;

/** Checks shape and length before any conversion (RP-11): `0x`, no leading zeros, at most `bits`. */
function quantityText(value: unknown, path: string, bits: number): string {
  if (typeof value !== "string")
    throw invalidParams(path, `want a quantity as hex text, got ${kindOf(value)}`);
  if (value.length > 2 + bits / 4) throw invalidParams(path, `hex number > ${bits} bits`);
  if (!/^0[xX]/.test(value)) throw invalidParams(path, "hex string without 0x prefix");
  if (value.length === 2) throw invalidParams(path, 'hex string "0x"');
  if (!QUANTITY.test(value)) {
    throw invalidParams(
      path,
      value[2] === "0" ? "hex number with leading zero digits" : "invalid hex string",
    );
  }
  return value;
}

function quantityCodec(bits: number): Codec<bigint, bigint | number> {
  return {
    doc: bits === 256 ? "quantity" : `quantity of ${bits} bits`,
    decode: (value, path) => BigInt(quantityText(value, path, bits)),
    encode: (value) => `0x${value.toString(16)}`,
    write: (value) => `"0x${value.toString(16)}"`,
  };
}

/** `0x`-hex without leading zeros, up to 256 bits → bigint. Encodes bigint and whole numbers. */
export const quantity: Codec<bigint, bigint | number> = quantityCodec(256);
/** The same up to 64 bits. */
export const uint64: Codec<bigint, bigint | number> = quantityCodec(64);

/** A quantity up to 2⁵³−1 → number: block numbers, counts, indexes, times. */
export const uint53: Codec<number> = {
  doc: "quantity below 2^53",
  decode(value, path) {
    const number = Number(quantityText(value, path, 64));
    if (!Number.isSafeInteger(number)) throw invalidParams(path, "hex number > 53 bits");
    return number;
  },
  encode: (value) => `0x${value.toString(16)}`,
  write: (value) => `"0x${value.toString(16)}"`,
};

/** A count that may come as hex quantity, decimal text or JSON number (geth's HexOrDecimal64), up to 2⁵³−1. */
export const hexOrDecimal: Codec<number> = {
  doc: "count, hex or decimal",
  decode(value, path) {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    if (typeof value === "string" && /^[0-9]{1,16}$/.test(value) && Number.isSafeInteger(Number(value)))
      return Number(value);
    return uint53.decode(value, path);
  },
  encode: (value) => uint53.encode(value),
};

function hexText(value: unknown, path: string, maxBytes: number): Uint8Array {
  if (typeof value !== "string") throw invalidParams(path, `want hex text, got ${kindOf(value)}`);
  if (value.length > 2 + 2 * maxBytes)
    throw invalidParams(path, `hex string has more than ${maxBytes} bytes`);
  if (!value.startsWith("0x") && !value.startsWith("0X"))
    throw invalidParams(path, "hex string without 0x prefix");
  try {
    return fromHex(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidParams(path, value.length % 2 === 1 ? "hex string of odd length" : "invalid hex string");
  }
}

/** Code and call results can be large: Buffer's hex is several times faster than ours. */
const writeHex = (value: Uint8Array) =>
  `"0x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}"`;

/** `0x`-hex of at most `max` bytes. */
export function bytesUpTo(max: number): Codec<Uint8Array> {
  return {
    doc: `up to ${max} bytes`,
    decode: (value, path) => hexText(value, path, max),
    encode: toHex,
    write: writeHex,
  };
}

/** `0x`-hex of any length a message can hold. */
export const bytes: Codec<Uint8Array> = { ...bytesUpTo(16 * 1024 * 1024), doc: "bytes" };

/** `0x`-hex of exactly `length` bytes. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  return {
    doc: `${length} bytes`,
    decode(value, path) {
      const decoded = hexText(value, path, length);
      if (decoded.length !== length)
        throw invalidParams(path, `hex string has ${decoded.length} bytes, want ${length}`);
      return decoded;
    },
    encode: toHex,
    write: writeHex,
  };
}

/** 32 bytes. */
export const hash: Codec<Uint8Array> = fixedBytes(32);
/** 20 bytes; any letter case in, lower case out. */
export const address: Codec<Uint8Array> = fixedBytes(20);

/** What is told back of a text that was not understood. */
const MAX_ECHO = 128;

/** A storage slot: up to 32 bytes of hex, odd length allowed, left-padded to 32 bytes (geth's decodeStorageKey, with its texts). */
export const slot: Codec<Uint8Array> = {
  doc: "storage slot",
  decode(value, path) {
    if (typeof value !== "string") throw invalidParams(path, `want hex text, got ${kindOf(value)}`);
    const digits = /^0[xX]/.test(value.slice(0, 2)) ? value.slice(2) : value;
    const refuse = (why: string) =>
      new RpcError(rpcCodes.invalidParams, `${why}: ${JSON.stringify(value.slice(0, MAX_ECHO))}`);
    if (digits.length > 64) throw refuse("storage key too long (want at most 32 bytes)");
    if (!/^[0-9a-fA-F]*$/.test(digits)) throw refuse("invalid hex in storage key");
    return fromHex(`0x${digits.padStart(64, "0")}`);
  },
  encode: toHex,
  write: writeHex,
};

export const bool: Codec<boolean> = {
  doc: "true or false",
  decode(value, path) {
    if (typeof value !== "boolean") throw invalidParams(path, `want true or false, got ${kindOf(value)}`);
    return value;
  },
  encode: (value) => value,
  write: (value) => (value ? "true" : "false"),
};

/** A JSON string of at most `max` characters. */
export function textUpTo(max: number): Codec<string> {
  return {
    doc: "text",
    decode(value, path) {
      if (typeof value !== "string") throw invalidParams(path, `want text, got ${kindOf(value)}`);
      if (value.length > max) throw invalidParams(path, `text of more than ${max} characters`);
      return value;
    },
    encode: (value) => value,
  };
}

/** A JSON string. */
export const text: Codec<string> = textUpTo(1_048_576);

/** A plain finite JSON number. */
export const number: Codec<number> = {
  doc: "number",
  decode(value, path) {
    if (typeof value !== "number" || !Number.isFinite(value))
      throw invalidParams(path, `want a number, got ${kindOf(value)}`);
    return value;
  },
  encode: (value) => value,
};

/** Any JSON. As a result it may hold bigint (written as a bare number) but no cycles. */
export const json: Codec<unknown> = { doc: "any JSON", decode: (value) => value, encode: (value) => value };

/** Always null: methods that only do something. */
export const none: Codec<undefined, unknown> = {
  doc: "null",
  decode: () => undefined,
  encode: () => null,
  write: () => "null",
};

/** One of some texts. */
export function literal<const Texts extends readonly string[]>(...texts: Texts): Codec<Texts[number]> {
  const allowed: ReadonlySet<unknown> = new Set(texts);
  const isOne = (value: unknown): value is Texts[number] => allowed.has(value);
  return {
    doc: texts.map((one) => `"${one}"`).join(" | "),
    decode(value, path) {
      if (!isOne(value)) throw invalidParams(path, `want ${texts.map((one) => `"${one}"`).join(" or ")}`);
      return value;
    },
    encode: (value) => value,
  };
}
