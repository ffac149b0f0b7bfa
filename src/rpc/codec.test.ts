import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  address,
  type AnyCodec,
  bool,
  bytes,
  bytesUpTo,
  fixedBytes,
  hash,
  hexOrDecimal,
  json,
  literal,
  number,
  quantity,
  slot,
  text,
  uint53,
  uint64,
} from "./codec.ts";
import { RpcError } from "./errors.ts";
import {
  blockNumberOrHash,
  blockTag,
  either,
  list,
  nullable,
  object,
  oneOrMany,
  optional,
} from "./shapes.ts";

const hex = (n: number) => `0x${"ab".repeat(n)}`;

function refusal(codec: AnyCodec, value: unknown): string {
  try {
    codec.decode(value, "0");
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: -32602 });
    return (error as RpcError).message;
  }
  throw new Error(`accepted ${String(value).slice(0, 80)}`);
}

describe("RP-11 hex parameters", () => {
  test("quantities: exactly 0x, no leading zeros, at most 256 bits", () => {
    expect(quantity.decode("0x0", "0")).toBe(0n);
    expect([quantity.decode("0X2a", "0"), uint53.decode("0X2A", "0")]).toEqual([42n, 42]); // as Go reads it
    expect(quantity.decode(`0x${"f".repeat(64)}`, "0")).toBe(2n ** 256n - 1n);
    for (const bad of [
      "0x",
      "0x00",
      "0x01",
      "01",
      "1",
      "-0x1",
      "0xg",
      "0x 1",
      "",
      " 0x1",
      "0x1 ",
      `0x1${"0".repeat(64)}`,
      1,
      null,
      {},
      ["0x1"],
      true,
    ]) {
      refusal(quantity, bad);
    }
  });

  test("a million digits are refused by their length, before BigInt", () => {
    for (const codec of [quantity, uint64, uint53, hash, address, slot, hexOrDecimal])
      refusal(codec, `0x${"f".repeat(1_000_000)}`);
    refusal(hexOrDecimal, "9".repeat(1_000_000));
    refusal(bytesUpTo(32), `0x${"f".repeat(1_000_000)}`);
  });

  test("uint53 stops at 2^53 - 1, uint64 at 2^64 - 1", () => {
    expect(uint53.decode("0x1fffffffffffff", "0")).toBe(Number.MAX_SAFE_INTEGER);
    refusal(uint53, "0x20000000000000");
    expect(uint64.decode("0xffffffffffffffff", "0")).toBe(2n ** 64n - 1n);
    refusal(uint64, "0x10000000000000000");
  });

  test("bytes: even digits, exact length where fixed", () => {
    expect(bytes.decode("0x", "0")).toEqual(new Uint8Array());
    expect(fixedBytes(3).decode("0xABcdef", "0")).toEqual(Uint8Array.of(0xab, 0xcd, 0xef));
    for (const bad of ["0x1", "abcd", "0xzz", 5, null]) refusal(bytes, bad);
    for (const length of [19, 21]) refusal(address, hex(length));
    for (const length of [31, 33]) refusal(hash, hex(length));
  });

  test("storage slots: short and odd ones are padded, oversize is refused", () => {
    expect(slot.decode("0x1", "0").at(-1)).toBe(1);
    expect(slot.decode(hex(32), "0")).toHaveLength(32);
    refusal(slot, hex(33));
    refusal(slot, "0xzz");
  });

  test("what is encoded decodes to the same", () => {
    const bigint = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
    fc.assert(
      fc.property(bigint, (value) => quantity.decode(quantity.encode(value), "0") === value),
      { seed: 20261124 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(bytes.decode(bytes.encode(value), "0")).toEqual(value);
      }),
      { seed: 20261124 },
    );
  });

  test("write is the JSON text of encode", () => {
    expect(quantity.write?.(255)).toBe(JSON.stringify(quantity.encode(255n)));
    expect(bytes.write?.(Uint8Array.of(1, 2))).toBe(JSON.stringify(bytes.encode(Uint8Array.of(1, 2))));
  });
});

describe("shapes", () => {
  test("a refusal names the place", () => {
    const filter = object({
      address: optional(oneOrMany(address)),
      topics: optional(list(nullable(oneOrMany(hash)), { max: 4 })),
    });
    expect(refusal(filter, { topics: [null, ["0x12"]] })).toContain("invalid argument 0.topics[1][0]: ");
    expect(refusal(filter, { address: 5 })).toContain("invalid argument 0.address: ");
    expect(refusal(filter, [])).toContain("invalid argument 0: want an object");
    expect(refusal(filter, { topics: Array(5).fill(null) })).toContain("more than 4 items");
    expect(filter.decode({ topics: [null] }, "0")).toEqual({ topics: [undefined] });
    expect(filter.decode({ unknown: 1, address: null }, "0")).toEqual({});
  });

  test("a missing member is named", () => {
    expect(refusal(object({ to: address }), {})).toContain("0.to: missing value");
  });

  test("RP-09 inherited members and __proto__ are not read", () => {
    const codec = object({ constructor: optional(json), toString: optional(json), value: optional(text) });
    expect(Object.keys(codec.decode({}, "0"))).toEqual([]);
    const hostile: unknown = JSON.parse('{"__proto__":{"value":"polluted"},"x":1}');
    expect(object({ value: optional(text) }).decode(hostile, "0")).toEqual({});
    expect(({} as { value?: string }).value).toBeUndefined();
  });

  test("block tags, EIP-1898 and bare hashes", () => {
    for (const tag of ["latest", "earliest", "pending", "safe", "finalized"] as const)
      expect(blockTag.decode(tag, "0")).toBe(tag);
    expect(blockTag.decode("0x10", "0")).toBe(16);
    for (const bad of ["LATEST", "0x010", "10", 16, null, "toString", "__proto__"]) refusal(blockTag, bad);
    const blockHash = fixedBytes(32).decode(hex(32), "0");
    expect(blockNumberOrHash.decode(hex(32), "0")).toEqual({ blockHash, requireCanonical: false });
    expect(blockNumberOrHash.decode({ blockHash: hex(32), requireCanonical: true }, "0")).toEqual({
      blockHash,
      requireCanonical: true,
    });
    expect(blockNumberOrHash.decode({ blockNumber: "0x1" }, "0")).toBe(1);
    expect(refusal(blockNumberOrHash, { blockNumber: "0x1", blockHash: hex(32) })).toContain(
      "cannot specify both",
    );
    expect(refusal(blockNumberOrHash, {})).toContain("neither block nor hash");
  });

  test("the rest", () => {
    expect(either(uint53, text).decode("hello", "0")).toBe("hello");
    expect(literal("a", "b").decode("b", "0")).toBe("b");
    refusal(literal("a", "b"), "toString");
    refusal(bool, 1);
    refusal(number, "1");
    refusal(text, 1);
    expect([
      hexOrDecimal.decode("0xa", "0"),
      hexOrDecimal.decode("10", "0"),
      hexOrDecimal.decode(10, "0"),
    ]).toEqual([10, 10, 10]);
    expect(nullable(uint53).encode(undefined)).toBeNull();
    expect(object({ a: uint53, b: optional(text) }).encode({ a: 1 })).toEqual({ a: "0x1" });
  });
});
