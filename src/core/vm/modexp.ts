import type { PrecompileFunc, PrecompileInput } from "@ethereumjs/evm";
import { bigintToBytes, bytesToBigint } from "#util";

const HEAD_BYTES = 96;
/** Exponents longer than this are ours: below, what is wrong with the library's way does not show. */
const LONG_EXPONENT = 64;
const WINDOW_BITS = 4;

/** base ^ exponent mod modulus, by windows of four bits from the front. `modulus` > 0; `exponent` big-endian. */
export function powerModulo(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  if (modulus === 1n) return 0n;
  const powers = [1n];
  const reduced = base % modulus;
  for (let i = 1; i < 1 << WINDOW_BITS; i++) powers.push(((powers[i - 1] ?? 0n) * reduced) % modulus);
  let result = 1n;
  for (const byte of exponent)
    for (const digit of [byte >> WINDOW_BITS, byte & 15]) {
      if (result !== 1n) for (let i = 0; i < WINDOW_BITS; i++) result = (result * result) % modulus;
      if (digit !== 0) result = (result * (powers[digit] ?? 0n)) % modulus;
    }
  return result;
}

/** Bytes that the largest number takes (2^30 bits). */
const LONGEST = 1 << 27;
/** So much of the exponent says what it costs. */
const PRICED_BYTES = 32;

interface Lengths {
  readonly base: number;
  readonly exponent: number;
  readonly modulus: number;
}

/** Undefined where the library's way is good enough, or refuses. */
function longLengths(input: Uint8Array): Lengths | undefined {
  const word = (at: number) => {
    const bytes = new Uint8Array(32);
    bytes.set(input.subarray(at, at + 32));
    return bytesToBigint(bytes);
  };
  const lengths = [word(0), word(32), word(64)];
  if (lengths.some((length) => length > LONGEST)) return undefined;
  const [base = 0, exponent = 0, modulus = 0] = lengths.map(Number);
  return exponent <= LONG_EXPONENT || modulus === 0 ? undefined : { base, exponent, modulus };
}

/** Bytes of the input; what it does not have is zeros. */
function part(input: Uint8Array, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(input.subarray(start, start + length));
  return bytes;
}

/**
 * MODEXP without the library's quadratic walk over the exponent: 128 KiB of it, 350,000 gas, took 8 s there. Gas and errors
 * stay the library's: it is asked first, about an input that ends before the modulus, with which it computes nothing. Operands
 * are looked at when they are paid for: their lengths cost nothing to name.
 */
export function withOwnPower(library: PrecompileFunc): PrecompileFunc {
  return async (input: PrecompileInput) => {
    const { data } = input;
    const lengths = longLengths(data);
    if (lengths === undefined) return library(input);
    const exponentAt = HEAD_BYTES + lengths.base;
    const priced = await library({ ...input, data: data.subarray(0, exponentAt + PRICED_BYTES) });
    if (priced.exceptionError !== undefined) return priced;
    const modulusAt = exponentAt + lengths.exponent;
    const modulus = bytesToBigint(part(data, modulusAt, lengths.modulus));
    if (modulus === 0n) return priced;
    const base = bytesToBigint(part(data, HEAD_BYTES, lengths.base));
    const power = powerModulo(base, part(data, exponentAt, lengths.exponent), modulus);
    return { ...priced, returnValue: bigintToBytes(power, lengths.modulus) };
  };
}
