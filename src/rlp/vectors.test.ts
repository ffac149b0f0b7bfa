import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fromHex, toHex, utf8Encode } from "#util";
import { decode, encode, RlpError, type RlpItem, type RlpValue } from "./index.ts";

type Input = string | number | readonly Input[];
type Vectors = Readonly<Record<string, { readonly in: Input; readonly out: string }>>;
const load = (name: string): Vectors =>
  JSON.parse(
    readFileSync(new URL(`../../test/vectors/rlp/${name}.json`, import.meta.url), "utf8"),
  ) as Vectors;
const hex = (text: string): Uint8Array => fromHex(text.startsWith("0x") ? text : `0x${text}`);

function valueOf(input: Input): RlpValue {
  if (typeof input === "number") return input;
  if (typeof input !== "string") return input.map(valueOf);
  return input.startsWith("#") ? BigInt(input.slice(1)) : utf8Encode(input);
}

const equalTo = (item: RlpItem): string => toHex(encode(item));

describe("RL-01 valid vectors of ethereum/tests", () => {
  test.each(Object.entries(load("rlptest")))("%s", (_, vector) => {
    const wanted = hex(vector.out);
    expect(toHex(encode(valueOf(vector.in)))).toBe(toHex(wanted));
    expect(equalTo(decode(wanted))).toBe(toHex(wanted));
  });
  test.each(Object.entries(load("random-example")))("%s", (_, vector) => {
    expect(equalTo(decode(hex(vector.out)))).toBe(vector.out);
  });
});

describe("RL-01 invalid vectors of ethereum/tests", () => {
  test.each(Object.entries(load("invalidRLPTest")))("%s", (_, vector) => {
    let caught: unknown;
    try {
      decode(hex(vector.out));
    } catch (error) {
      caught = error;
    }
    expect(RlpError.is(caught)).toBe(true);
  });
});
