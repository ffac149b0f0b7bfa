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

interface Operands {
  readonly base: Uint8Array;
  readonly exponent: Uint8Array;
  readonly modulus: Uint8Array;
  /** Where the modulus stands, in bytes that reach to its end. */
  readonly at: number;
  readonly padded: Uint8Array;
}

/** Lengths that no memory holds are left to the library, which refuses them or runs out of gas first. */
const LONGEST = 1 << 24;

function operandsOf(input: Uint8Array): Operands | undefined {
  const word = (at: number) => {
    const bytes = new Uint8Array(32);
    bytes.set(input.subarray(at, at + 32));
    return bytesToBigint(bytes);
  };
  const lengths = [word(0), word(32), word(64)];
  if (lengths.some((length) => length > LONGEST)) return undefined;
  const [base = 0, exponent = 0, modulus = 0] = lengths.map(Number);
  if (exponent <= LONG_EXPONENT || modulus === 0) return undefined;
  const padded = new Uint8Array(HEAD_BYTES + base + exponent + modulus);
  padded.set(input.subarray(0, padded.length));
  const at = HEAD_BYTES + base + exponent;
  return {
    base: padded.subarray(HEAD_BYTES, HEAD_BYTES + base),
    exponent: padded.subarray(HEAD_BYTES + base, at),
    modulus: padded.subarray(at),
    at,
    padded,
  };
}

/**
 * MODEXP without the library's quadratic walk over the exponent: 128 KiB of it, 350,000 gas, took 8 s there. Gas and errors
 * stay the library's: it is asked about the same operands under a modulus of zero, with which it computes nothing.
 */
export function withOwnPower(library: PrecompileFunc): PrecompileFunc {
  return async (input: PrecompileInput) => {
    const operands = operandsOf(input.data);
    const modulus = operands === undefined ? 0n : bytesToBigint(operands.modulus);
    if (operands === undefined || modulus === 0n) return library(input);
    const priced = await library({ ...input, data: operands.padded.slice().fill(0, operands.at) });
    if (priced.exceptionError !== undefined || priced.returnValue.length === 0) return priced;
    const power = powerModulo(bytesToBigint(operands.base), operands.exponent, modulus);
    return { ...priced, returnValue: bigintToBytes(power, operands.modulus.length) };
  };
}
