/** Text form of bytes: `0x` and two lower-case digits a byte. */
export type Hex = `0x${string}`;

const DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

const NO_DIGIT = "hex text has a character that is no hex digit";
/** From so many bytes the runtime's own conversion is taken, four times quicker at a megabyte. Below, its arrays would share memory. */
const NATIVE_BYTES = 8192;

/** Bytes → `0x…`, lower case. Empty bytes give `0x`. */
export function toHex(bytes: Uint8Array): Hex {
  if (bytes.length >= NATIVE_BYTES)
    return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
  let text = "0x";
  for (const byte of bytes) text += DIGITS[byte] ?? "";
  return text as Hex; // built digit by digit above
}

function nibble(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * `0x…` (or bare digits) → bytes. Strict: an even number of hex digits, nothing else.
 * @throws RangeError if the text is not hex; the text itself is not repeated in the message.
 */
export function fromHex(text: string): Uint8Array {
  const start = text.startsWith("0x") || text.startsWith("0X") ? 2 : 0;
  const digits = text.length - start;
  if (digits % 2 !== 0) throw new RangeError("hex text has an odd number of digits");
  if (digits >= 2 * NATIVE_BYTES) return manyFromHex(text.slice(start));
  const bytes = new Uint8Array(digits / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = nibble(text.charCodeAt(start + 2 * i));
    const low = nibble(text.charCodeAt(start + 2 * i + 1));
    if (high < 0 || low < 0) throw new RangeError(NO_DIGIT);
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** The runtime takes 5,610 other characters for digits (it looks at their low byte alone), and stops at the rest without a word. */
function manyFromHex(digits: string): Uint8Array {
  if (!/^[0-9a-f]*$/i.test(digits)) throw new RangeError(NO_DIGIT);
  const { buffer, byteOffset, length } = Buffer.from(digits, "hex");
  return new Uint8Array(buffer, byteOffset, length);
}

/** True if both hold the same bytes. Not constant time: for secrets see `#crypto`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** One new array holding all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One EVM word, put together through 64-bit views: several times faster than by text. */
const WORD = 32;
const word = new Uint8Array(WORD);
const wordView = new DataView(word.buffer);
const MAX_QUARTER = (1n << 64n) - 1n;
const MAX_WORD = (1n << 256n) - 1n;

/** Big-endian bytes → bigint; empty bytes are 0. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  const { length } = bytes;
  if (length <= 6) return BigInt(bytesToNumber(bytes));
  if (length > WORD) return BigInt(toHex(bytes));
  word.fill(0, 0, WORD - length);
  word.set(bytes, WORD - length);
  const low = wordView.getBigUint64(24);
  if (length <= 8) return low;
  const lower = (wordView.getBigUint64(16) << 64n) | low;
  if (length <= 16) return lower;
  return (wordView.getBigUint64(0) << 192n) | (wordView.getBigUint64(8) << 128n) | lower;
}

/** Big-endian bytes → number. The caller bounds the length: at most 6 bytes are exact. */
export function bytesToNumber(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

/**
 * Bigint → big-endian bytes: minimal (0 is empty), or left-padded to `length`.
 * @throws RangeError if the value is negative or does not fit `length`.
 */
export function bigintToBytes(value: bigint, length?: number): Uint8Array {
  if (value < 0n) throw new RangeError("negative value has no byte form");
  if (value <= MAX_WORD && (length ?? WORD) <= WORD) return wordToBytes(value, length);
  const digits = value.toString(16);
  const minimal = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  if (length === undefined) return minimal;
  if (minimal.length > length) throw new RangeError(`value does not fit ${length} bytes`);
  const padded = new Uint8Array(length);
  padded.set(minimal, length - minimal.length);
  return padded;
}

function wordToBytes(value: bigint, length: number | undefined): Uint8Array {
  if (value <= MAX_QUARTER) {
    word.fill(0, 0, 24);
    wordView.setBigUint64(24, value);
  } else {
    wordView.setBigUint64(24, value & MAX_QUARTER);
    wordView.setBigUint64(16, (value >> 64n) & MAX_QUARTER);
    wordView.setBigUint64(8, (value >> 128n) & MAX_QUARTER);
    wordView.setBigUint64(0, value >> 192n);
  }
  if (length === WORD) return word.slice();
  let zeros = 0;
  while (zeros < WORD && word[zeros] === 0) zeros++;
  if (length === undefined) return word.slice(zeros);
  if (WORD - zeros > length) throw new RangeError(`value does not fit ${length} bytes`);
  return word.slice(WORD - length);
}

/** Safe integer → big-endian bytes, minimal (0 is empty) or left-padded to `length`. */
export function numberToBytes(value: number, length?: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError("not a safe non-negative integer");
  let size = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) size++;
  if (length !== undefined && size > length) throw new RangeError(`value does not fit ${length} bytes`);
  const bytes = new Uint8Array(length ?? size);
  for (let i = bytes.length - 1, rest = value; rest > 0; i--, rest = Math.floor(rest / 256))
    bytes[i] = rest % 256;
  return bytes;
}

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** Text → UTF-8 bytes. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8 bytes → text, or undefined if the bytes are not UTF-8. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
