import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { fromHex, GlimError, toHex, utf8Encode } from "#util";
import {
  address,
  bool,
  byShape,
  bytes,
  decodeAs,
  empty,
  encode,
  encodeAs,
  fixed,
  hash,
  hashOrNumber,
  type Infer,
  item,
  list,
  mapped,
  optional,
  raw,
  type RlpValue,
  type Schema,
  struct,
  tuple,
  uint256,
  uint53,
  uint64,
  utf8,
} from "./index.ts";

const SEED = 0x5eed;
const b = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof GlimError) return error.code;
    throw error;
  }
  return "none";
}
const decoding = <T>(schema: Schema<T>, value: RlpValue): string =>
  codeOf(() => decodeAs(schema, encode(value)));
const encoding = <T>(schema: Schema<T>, value: T): string => codeOf(() => encodeAs(schema, value));
const trip = <T>(schema: Schema<T>, value: T): T => decodeAs(schema, encodeAs(schema, value));

describe("RL-04 integers", () => {
  test.each<[string, Schema<unknown>, string, string]>([
    ["uint53 with a leading zero", uint53, "0x820001", "RLP_INTEGER"],
    ["zero as a byte", uint53, "0x00", "RLP_INTEGER"],
    ["uint53 of 2^53", uint53, "0x8720000000000000", "RLP_INTEGER"],
    ["uint53 of 8 bytes", uint53, "0x880100000000000000", "RLP_INTEGER"],
    ["uint53 as a list", uint53, "0xc0", "RLP_EXPECTED_BYTES"],
    ["uint64 of 9 bytes", uint64, "0x89010000000000000000", "RLP_INTEGER"],
    ["uint64 with a leading zero", uint64, "0x8800ffffffffffffff", "RLP_INTEGER"],
    ["uint256 of 33 bytes", uint256, `0xa1${"01".repeat(33)}`, "RLP_INTEGER"],
    ["uint256 with a leading zero", uint256, `0xa0${"00".repeat(32)}`, "RLP_INTEGER"],
    ["bool 2", bool, "0x02", "RLP_VALUE"],
    ["bool of a zero byte", bool, "0x00", "RLP_VALUE"],
    ["bool of two bytes", bool, "0x820101", "RLP_VALUE"],
    ["empty with an item", empty, "0xc101", "RLP_ITEMS"],
    ["empty as bytes", empty, "0x80", "RLP_EXPECTED_LIST"],
    ["hash of 31 bytes", hash, `0x9f${"01".repeat(31)}`, "RLP_LENGTH"],
    ["hash of 33 bytes", hash, `0xa1${"01".repeat(33)}`, "RLP_LENGTH"],
    ["address as list", address, "0xc0", "RLP_EXPECTED_BYTES"],
    ["struct as bytes", struct({ a: uint53 }), "0x80", "RLP_EXPECTED_LIST"],
    ["bytes after the message", uint53, "0x0101", "RLP_TRAILING"],
    ["no bytes", uint53, "0x", "RLP_EMPTY"],
  ])("%s", (_, schema, text, code) => {
    expect(codeOf(() => decodeAs(schema, fromHex(text)))).toBe(code);
  });

  test("edges round-trip", () => {
    for (const n of [
      0,
      1,
      127,
      128,
      255,
      256,
      65535,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 48,
      Number.MAX_SAFE_INTEGER,
    ]) {
      expect(trip(uint53, n)).toBe(n);
      expect(trip(uint64, BigInt(n))).toBe(BigInt(n));
    }
    for (const n of [(1n << 53n) - 1n, 1n << 53n, 1n << 56n, (1n << 64n) - 1n])
      expect(trip(uint64, n)).toBe(n);
    for (const n of [1n << 64n, 1n << 248n, (1n << 256n) - 1n]) expect(trip(uint256, n)).toBe(n);
    expect(trip(bool, true)).toBe(true);
    expect(trip(bool, false)).toBe(false);
    expect(trip(empty, undefined)).toBeUndefined();
  });

  test("integers of any size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), (n) => {
        expect(trip(uint256, n)).toBe(n);
        if (n < 1n << 64n) expect(trip(uint64, n)).toBe(n);
        expect(toHex(encodeAs(uint256, n))).toBe(toHex(encode(n)));
      }),
      { seed: SEED },
    );
  });

  test("values that do not fit are the caller's error", () => {
    expect(encoding(uint64, 1n << 64n)).toBe("RLP_ENCODE");
    expect(encoding(uint256, 1n << 256n)).toBe("RLP_ENCODE");
    expect(encoding(uint53, -1)).toBe("RLP_ENCODE");
    expect(encoding(hash, b(1))).toBe("RLP_ENCODE");
    expect(encoding(list(uint53, { max: 1 }), [1, 2])).toBe("RLP_ENCODE");
    expect(encoding(utf8(2), "abc")).toBe("RLP_ENCODE");
  });
});

describe("bytes and text", () => {
  test("bounds", () => {
    expect(decoding(bytes({ max: 2 }), b(1, 2))).toBe("none");
    expect(decoding(bytes({ max: 2 }), b(1, 2, 3))).toBe("RLP_LENGTH");
    expect(decoding(bytes({ min: 1, max: 2 }), b())).toBe("RLP_LENGTH");
    expect(decoding(fixed(0), b())).toBe("none");
  });
  test("text is counted in bytes and must be UTF-8", () => {
    expect(trip(utf8(8), "häuser")).toBe("häuser");
    expect(decoding(utf8(6), utf8Encode("häuser"))).toBe("RLP_LENGTH");
    expect(decoding(utf8(8), b(0xff, 0xfe))).toBe("RLP_VALUE");
    expect(decodeAs(utf8(8, { invalid: "replace" }), encode(b(0x61, 0xff)))).toBe("a\ufffd");
    expect(trip(utf8(8), "\ufeffx")).toBe("\ufeffx"); // a byte order mark is text like any other
  });
  test("raw keeps the header and does not look inside", () => {
    expect(toHex(decodeAs(list(raw), fromHex("0xc3c20102"))[0] as Uint8Array)).toBe("0xc20102");
    expect(toHex(decodeAs(list(raw), fromHex("0xc4c38105ff"))[0] as Uint8Array)).toBe("0xc38105ff");
    expect(toHex(encodeAs(list(raw), [fromHex("0xc20102"), b(5)]))).toBe("0xc4c2010205");
  });
  test("item is any tree, 64 deep", () => {
    expect(decodeAs(list(item), encode([[1, [2]], 3]))).toEqual([[b(1), [b(2)]], b(3)]);
    const deep = Array.from({ length: 65 }).reduce<RlpValue>((inner) => [inner], []);
    expect(decoding(list(item), [deep])).toBe("RLP_DEPTH");
    expect(trip(item, [b(1), [b(2)]])).toEqual([b(1), [b(2)]]);
  });
});

describe("lists", () => {
  test("RL-03 the cap is checked before items are made", () => {
    let made = 0;
    const counted = mapped(uint53, {
      decode: (n) => {
        made++;
        return n;
      },
      encode: (n: number) => n,
    });
    expect(decoding(list(counted, { max: 3 }), [1, 2, 3, 4])).toBe("RLP_ITEMS");
    expect(made).toBe(0);
    expect(decodeAs(list(counted, { max: 3 }), encode([1, 2, 3]))).toEqual([1, 2, 3]);
  });
  test("RL-03 the budget covers the whole message", () => {
    const schema = list(list(uint53));
    const message = encode([
      [1, 2],
      [3, 4],
    ]);
    expect(decodeAs(schema, message, { maxItems: 7 })).toHaveLength(2);
    expect(codeOf(() => decodeAs(schema, message, { maxItems: 6 }))).toBe("RLP_ITEMS");
  });
  test("RL-02 depth is what the schema says, and the budget's", () => {
    expect(codeOf(() => decodeAs(list(list(uint53)), encode([[1]]), { maxDepth: 1 }))).toBe("RLP_DEPTH");
    expect(decoding(list(list(uint53)), [[[1]]])).toBe("RLP_EXPECTED_BYTES");
  });
});

describe("structs", () => {
  const header = struct({ number: uint53, parent: fixed(4), fee: optional(uint256), root: optional(hash) });

  test("types", () => {
    expectTypeOf<Infer<typeof header>>().toEqualTypeOf<{
      readonly number: number;
      readonly parent: Uint8Array;
      readonly fee?: bigint | undefined;
      readonly root?: Uint8Array | undefined;
    }>();
    const pair = tuple(uint64, utf8(3));
    expectTypeOf<Infer<typeof pair>>().toEqualTypeOf<readonly [bigint, string]>();
    expectTypeOf<Infer<typeof hashOrNumber>>().toEqualTypeOf<Uint8Array | number>();
    const nested = struct({ items: list(header, { max: 2 }) });
    expectTypeOf<Infer<typeof nested>["items"]>().toEqualTypeOf<readonly Infer<typeof header>[]>();
  });

  test("optional tail: there, half there, not there", () => {
    const parent = b(1, 2, 3, 4);
    const root = new Uint8Array(32).fill(1);
    expect(trip(header, { number: 1, parent })).toEqual({ number: 1, parent });
    expect(trip(header, { number: 1, parent, fee: 7n })).toEqual({ number: 1, parent, fee: 7n });
    expect(trip(header, { number: 1, parent, fee: 7n, root })).toEqual({ number: 1, parent, fee: 7n, root });
    expect(encoding(header, { number: 1, parent, root })).toBe("RLP_ENCODE"); // a hole
    expect(decoding(header, [1])).toBe("RLP_FIELDS");
    expect(decoding(header, [1, parent, 7, root, 1])).toBe("RLP_FIELDS");
  });

  test("a required field after an optional one is no schema", () => {
    expect(codeOf(() => struct({ a: optional(uint53), b: uint53 }))).toBe("RLP_ENCODE");
  });

  test("more fields than known are ignored only where asked", () => {
    const strict = struct({ a: uint53 });
    const growing = struct({ a: uint53 }, { extra: "ignore" });
    expect(decoding(strict, [1, 2])).toBe("RLP_FIELDS");
    expect(decodeAs(growing, encode([1, 2, [3]]))).toEqual({ a: 1 });
    expect(codeOf(() => decodeAs(growing, fromHex("0xc3018105")))).toBe("RLP_NON_CANONICAL");
  });

  test("a missing field inside a list does not borrow from what follows", () => {
    expect(decoding(list(struct({ a: uint53, b: uint53 })), [[1], [2, 3]])).toBe("RLP_FIELDS");
  });

  test("tuple and byShape", () => {
    const pair = tuple(uint53, bytes());
    expect(trip(pair, [1, b(2)])).toEqual([1, b(2)]);
    expect(decoding(pair, [1])).toBe("RLP_FIELDS");
    const either = byShape(
      { bytes: utf8(8), list: list(uint53) },
      { isBytes: (value): value is string => typeof value === "string" },
    );
    expect(trip(either, "text")).toBe("text");
    expect(trip(either, [1, 2])).toEqual([1, 2]);
    expect(codeOf(() => decodeAs(either, b()))).toBe("RLP_TRUNCATED");
  });

  test("hashOrNumber", () => {
    const of = new Uint8Array(32).fill(9);
    expect(trip(hashOrNumber, of)).toEqual(of);
    expect(trip(hashOrNumber, 0)).toBe(0);
    expect(trip(hashOrNumber, 2 ** 40)).toBe(2 ** 40);
    expect(decoding(hashOrNumber, new Uint8Array(31).fill(9))).toBe("RLP_INTEGER");
    expect(decoding(hashOrNumber, [])).toBe("RLP_EXPECTED_BYTES");
    expect(codeOf(() => decodeAs(list(hashOrNumber), fromHex("0xc1a0")))).toBe("RLP_TRUNCATED");
  });

  test("shapes tell what they are", () => {
    expect(header.shape).toMatchObject({
      kind: "struct",
      extra: "refuse",
      fields: [{ name: "number" }, { name: "parent" }, { name: "fee", isOptional: true }, { name: "root" }],
    });
    expect(list(uint53, { max: 3 }).shape).toMatchObject({
      kind: "list",
      max: 3,
      of: { shape: { kind: "uint", bits: 53 } },
    });
  });

  test("encoding inside encoding", () => {
    const sealed = mapped(bytes(), {
      decode: (inner) => decodeAs(list(uint53), inner),
      encode: (values: readonly number[]) => encodeAs(list(uint53), values),
    });
    expect(trip(list(sealed), [[1, 2], [3]])).toEqual([[1, 2], [3]]);
  });
});
