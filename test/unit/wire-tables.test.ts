import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { les2, les3, les4 } from "#les/protocol";
import { decodeAs, encodeAs, RlpError, type Schema } from "#rlp";
import { equalBytes, GlimError, toHex } from "#util";
import { encodingsOf, isLossy } from "../kit/rlp-arbitrary.ts";

const SEED = 0x5eed;

/** Decodes and encodes: the same bytes, or an error that blames the sender. Anything else is a bug. */
function identityOrRefusal(schema: Schema<unknown>, input: Uint8Array): "same" | "refused" {
  let value: unknown;
  try {
    value = decodeAs(schema, input);
  } catch (error) {
    if (error instanceof GlimError && error.blame === "peer") return "refused";
    throw error;
  }
  const again = encodeAs(schema, value);
  if (isLossy(schema)) expect(encodeAs(schema, decodeAs(schema, again))).toEqual(again);
  else if (!equalBytes(again, input)) throw new Error(`read ${toHex(input)}, wrote ${toHex(again)}`);
  return "same";
}

describe.each([les2, les3, les4])("RL-05 les/$version: every row of the table", ({ messages }) => {
  test.each(Object.entries(messages))("%s", (_, { body }) => {
    const schema = body as Schema<unknown>; // rows differ in type, and none of it matters here
    let same = 0;
    fc.assert(
      fc.property(encodingsOf(schema), fc.nat(), fc.nat(255), (bytes, place, mask) => {
        if (identityOrRefusal(schema, bytes) === "same") same++;
        const at = place % bytes.length;
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        identityOrRefusal(schema, flipped);
        identityOrRefusal(schema, bytes.subarray(0, at));
      }),
      { seed: SEED, numRuns: 60 },
    );
    expect(same).toBeGreaterThan(0);
  });
  test.each(Object.entries(messages))("%s: random bytes", (_, { body }) => {
    const schema = body as Schema<unknown>;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        identityOrRefusal(schema, bytes);
      }),
      { seed: SEED, numRuns: 60 },
    );
    expect(() => decodeAs(schema, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: RlpError("EMPTY").code }),
    );
  });
});
