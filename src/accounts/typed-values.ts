import { keccak256 } from "#crypto";
import { bigintToBytes, fromHex, utf8Encode } from "#util";
import { AccountsError } from "./errors.ts";

const refuse = (why: string) => AccountsError("TYPED_DATA", { why });

function integer(value: unknown, path: string): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && value.length <= 80 && /^-?(?:0x[0-9a-f]+|[0-9]+)$/i.test(value))
    return value.startsWith("-") ? -BigInt(value.slice(1)) : BigInt(value);
  throw refuse(`${path}: want a whole number: text, or a number below 2^53`);
}

function bytesOf(value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string" && value.startsWith("0x")) {
    try {
      return fromHex(value);
    } catch {
      // told below
    }
  }
  throw refuse(`${path}: want bytes in hex`);
}

function encodeInteger(value: bigint, bits: number, isSigned: boolean, path: string): Uint8Array {
  const size = BigInt(bits);
  const min = isSigned ? -(1n << (size - 1n)) : 0n;
  const max = (1n << (isSigned ? size - 1n : size)) - 1n;
  if (value < min || value > max) throw refuse(`${path}: does not fit ${isSigned ? "" : "u"}int${bits}`);
  return bigintToBytes(BigInt.asUintN(256, value), 32);
}

function padded(bytes: Uint8Array, at: number): Uint8Array {
  const word = new Uint8Array(32);
  word.set(bytes, at);
  return word;
}

/** A value that is no structure and no list → 32 bytes. @throws ACCOUNTS_TYPED_DATA */
export function encodeAtom(type: string, value: unknown, path: string): Uint8Array {
  if (value === undefined || value === null) throw refuse(`${path}: missing value`);
  switch (type) {
    case "string":
      if (typeof value !== "string") throw refuse(`${path}: want text`);
      return keccak256(utf8Encode(value));
    case "bytes":
      return keccak256(bytesOf(value, path));
    case "bool":
      if (typeof value !== "boolean") throw refuse(`${path}: want true or false`);
      return padded(Uint8Array.of(value ? 1 : 0), 31);
    case "address": {
      const address = bytesOf(value, path);
      if (address.length !== 20) throw refuse(`${path}: want 20 bytes`);
      return padded(address, 12);
    }
    default:
      return encodeSized(type, value, path);
  }
}

function encodeSized(type: string, value: unknown, path: string): Uint8Array {
  const [, kind, digits = ""] = /^(bytes|uint|int)([0-9]{0,3})$/.exec(type) ?? [];
  const size = digits === "" ? 256 : Number(digits);
  if (kind === "bytes" && digits !== "" && size >= 1 && size <= 32 && String(size) === digits) {
    const bytes = bytesOf(value, path);
    if (bytes.length !== size) throw refuse(`${path}: want ${size} bytes, got ${bytes.length}`);
    return padded(bytes, 0);
  }
  const isInteger = kind === "uint" || kind === "int";
  if (isInteger && size >= 8 && size <= 256 && size % 8 === 0)
    return encodeInteger(integer(value, path), size, kind === "int", path);
  throw refuse(`${path}: no type ${JSON.stringify(type.slice(0, 40))}`);
}
