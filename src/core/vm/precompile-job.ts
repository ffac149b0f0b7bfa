import { EVMError, type ExecResult } from "@ethereumjs/evm";

/** A precompiled contract's work as plain data: it can be done on any thread. */
export interface PrecompileJob {
  /** ethereumjs' name of the fork. */
  readonly fork: string;
  /** Its number: 1 … 0x11, 0x100. */
  readonly precompile: number;
  readonly input: Uint8Array;
  readonly gasLimit: bigint;
}

/** What came of it. `error`: the library's text. */
export interface PrecompileOutcome {
  readonly returnValue: Uint8Array;
  readonly gasUsed: bigint;
  readonly error?: string | undefined;
}

/** From this on (ms, `estimateMs`) a precompile is work for another thread. */
export const DEAR_MS = 10;
/** From this on the clock is looked at after it. */
export const NOTABLE_MS = 0.2;

const word = (input: Uint8Array, at: number): number => {
  let value = 0;
  for (let i = at; i < at + 32; i++) value = value * 256 + (input[i] ?? 0);
  return value;
};

/** A squaring modulo `words` × 8 bytes costs 0.2 µs and 16 ns a pair of words; a bit of the exponent one and a quarter. */
function modexpMs(input: Uint8Array): number {
  const words = Math.ceil(Math.max(word(input, 0), word(input, 64)) / 8);
  return ((word(input, 32) * 8 + 2) * (0.2 + words * words * 0.016) * 1.25) / 1000;
}

/** A round is one gas. */
function blake2Ms(input: Uint8Array, gasLimit: bigint): number {
  if (input.length !== 213) return 0;
  const rounds = new DataView(input.buffer, input.byteOffset).getUint32(0);
  return rounds > gasLimit ? 0 : rounds * 5e-4;
}

/**
 * What a precompile takes in JavaScript, in ms on the machine of bench/README.md; rough, to tell the dear from the
 * cheap. That the gas may not last for it is left out: the library sees that at once, wherever it runs.
 */
export function estimateMs(precompile: number, input: Uint8Array, gasLimit: bigint): number {
  const { length } = input;
  switch (precompile) {
    case 0x01:
      return 0.15;
    case 0x02:
      return length * 12e-6;
    case 0x03:
      return length * 35e-6;
    case 0x05:
      return modexpMs(input);
    case 0x07:
      return 4.5;
    case 0x08:
      return length < 192 ? 0 : 18 + (length / 192) * 9;
    case 0x09:
      return blake2Ms(input, gasLimit);
    case 0x0a:
      return length === 192 ? 35 : 0;
    case 0x0b:
    case 0x0d:
      return 4.5;
    case 0x0c:
      return (length / 160) * 4.5;
    case 0x0e:
      return (length / 288) * 16;
    case 0x0f:
      return 14 + (length / 384) * 20;
    case 0x10:
      return 3;
    case 0x11:
      return 20;
    case 0x100:
      return 4.5;
    default:
      return 0;
  }
}

/** An outcome in the library's words. */
export function toExecResult({ returnValue, gasUsed, error }: PrecompileOutcome): ExecResult {
  const result = { returnValue, executionGasUsed: gasUsed };
  // the text is the library's own
  return error === undefined
    ? result
    : { ...result, exceptionError: new EVMError(error as ConstructorParameters<typeof EVMError>[0]) };
}
