import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { equalBytes, toHex } from "#util";
import {
  address,
  bool,
  bytes,
  decode,
  decodeAs,
  encode,
  encodeAs,
  fixed,
  hash,
  hashOrNumber,
  list,
  optional,
  RlpError,
  type Schema,
  struct,
  uint256,
  uint53,
  uint64,
  utf8,
} from "./index.ts";

const SEED = 0x5eed;

/** Every kind of field once, as wire messages have them. */
const message = struct({
  id: uint64,
  origin: hashOrNumber,
  isReverse: bool,
  name: utf8(16),
  to: address,
  items: list(struct({ key: bytes({ max: 8 }), value: uint256 }), { max: 4 }),
  tag: fixed(3),
  fee: optional(uint53),
  root: optional(hash),
});

const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const values = fc
  .record({
    id: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    origin: fc.oneof(fc.maxSafeNat(), exactly(32)),
    isReverse: fc.boolean(),
    name: fc.string({ maxLength: 5 }),
    to: exactly(20),
    items: fc.array(
      fc.record({
        key: fc.uint8Array({ maxLength: 8 }),
        value: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
      }),
      { maxLength: 3 },
    ),
    tag: exactly(3),
    fee: fc.option(fc.maxSafeNat(), { nil: undefined }),
    root: fc.option(exactly(32), { nil: undefined }),
  })
  .map((value) => (value.fee === undefined ? { ...value, root: undefined } : value));

/** Identity or an RLP error; anything else is a bug. */
function identityOrRefusal<T>(schema: Schema<T>, input: Uint8Array): "same" | "refused" {
  let value: T;
  try {
    value = decodeAs(schema, input);
  } catch (error) {
    if (RlpError.is(error)) return "refused";
    throw error;
  }
  // not `expect`: it would be most of the time of a million calls
  if (!equalBytes(encodeAs(schema, value), input)) throw new Error(`no identity: ${toHex(input)}`);
  return "same";
}

function genericIdentity(input: Uint8Array): void {
  try {
    if (!equalBytes(encode(decode(input)), input)) throw new Error(`no identity: ${toHex(input)}`);
  } catch (error) {
    if (!RlpError.is(error)) throw error;
  }
}

describe("RL-05 golden messages", () => {
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0; // some 300,000 errors, whose stacks nobody reads
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  const golden = fc.sample(values, { seed: SEED, numRuns: 1000 }).map((value) => encodeAs(message, value));

  test("each decodes to itself", () => {
    for (const bytes of golden) expect(identityOrRefusal(message, bytes)).toBe("same");
  });

  test("every prefix is refused", () => {
    for (const bytes of golden)
      for (let i = 0; i < bytes.length; i++) {
        if (identityOrRefusal(message, bytes.subarray(0, i)) !== "refused")
          expect.unreachable(`prefix ${i} of ${toHex(bytes)}`);
      }
  });

  test("every flip of one bit decodes to itself or is refused", () => {
    for (const [number, bytes] of golden.entries()) {
      const copy = bytes.slice();
      // the whole of some, every 17th bit of the others, starting elsewhere each time
      const step = number % 50 === 0 ? 1 : 17;
      for (let bit = number % step; bit < bytes.length * 8; bit += step) {
        const at = bit >> 3;
        copy[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        identityOrRefusal(message, copy);
        if (step === 1) genericIdentity(copy);
        copy[at] = bytes[at] ?? 0;
      }
    }
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        identityOrRefusal(message, bytes);
        identityOrRefusal(list(message), bytes);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});
