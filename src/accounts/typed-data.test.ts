import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { hashTypedData as viemHash } from "viem";
import { describe, expect, test } from "vitest";
import { fromHex, toHex, utf8Encode } from "#util";
import { hashTypedData, type TypedData } from "./typed-data.ts";
import { textHash, typedDataDigest } from "./wallet.ts";

const digest = (data: TypedData) => toHex(typedDataDigest(hashTypedData(data)));

/** The example of the EIP. */
const mail: TypedData = {
  types: {
    EIP712Domain: [
      { name: "name", type: "string" },
      { name: "version", type: "string" },
      { name: "chainId", type: "uint256" },
      { name: "verifyingContract", type: "address" },
    ],
    Person: [
      { name: "name", type: "string" },
      { name: "wallet", type: "address" },
    ],
    Mail: [
      { name: "from", type: "Person" },
      { name: "to", type: "Person" },
      { name: "contents", type: "string" },
    ],
  },
  primaryType: "Mail",
  domain: {
    name: "Ether Mail",
    version: "1",
    chainId: 1,
    verifyingContract: "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
  },
  message: {
    from: { name: "Cow", wallet: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
    to: { name: "Bob", wallet: "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
    contents: "Hello, Bob!",
  },
};

const withMessage = (type: string, value: unknown, more: TypedData["types"] = {}): TypedData => ({
  types: { A: [{ name: "a", type }], ...more },
  primaryType: "A",
  domain: {},
  message: { a: value },
});

describe("EIP-712", () => {
  test("the example of the EIP", () => {
    const { domainHash, messageHash } = hashTypedData(mail);
    expect(toHex(domainHash)).toBe("0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
    expect(toHex(messageHash)).toBe("0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    expect(digest(mail)).toBe("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
  });

  test("1,025 published structures", () => {
    const cases = JSON.parse(
      gunzipSync(readFileSync("test/vectors/accounts/eip712.json.gz")).toString(),
    ) as readonly (TypedData & {
      readonly name: string;
      readonly data: TypedData["message"];
      readonly digest: string;
    })[];
    expect(cases).toHaveLength(1_025);
    for (const one of cases) expect(digest({ ...one, message: one.data }), one.name).toBe(one.digest);
  });

  test("numbers and nested lists as viem hashes them", () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 127n), 2n ** 127n - 1n),
        fc.array(fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 2, maxLength: 2 }), {
          maxLength: 3,
        }),
        fc.string(),
        (number, rows, text) => {
          const types = {
            Row: [
              { name: "cells", type: "bytes4[2][]" },
              { name: "n", type: "int128" },
            ],
            Sheet: [
              { name: "rows", type: "Row[1]" },
              { name: "title", type: "string" },
            ],
          };
          const message = {
            rows: [{ cells: rows.map((row) => row.map(toHex)), n: number.toString() }],
            title: text,
          };
          const domain = { name: "x", chainId: 7 };
          const viem = viemHash({
            types,
            primaryType: "Sheet",
            domain: { name: "x", chainId: 7n },
            message: { ...message, rows: [{ ...message.rows[0], n: number }] },
          } as never);
          expect(digest({ types, primaryType: "Sheet", domain, message })).toBe(viem);
        },
      ),
      { seed: 712, numRuns: 200 },
    );
  });

  test.each([
    ["uint8", 256, "does not fit uint8"],
    ["uint8", -1, "does not fit uint8"],
    ["int8", 128, "does not fit int8"],
    ["uint7", 1, "no type"],
    ["uint264", 1, "no type"],
    ["bytes33", "0x", "no type"],
    ["bytes01", "0x00", "no type"],
    ["bytes4", "0x000000", "want 4 bytes, got 3"],
    ["bytes", "00", "want bytes in hex"],
    ["address", "0x00", "want 20 bytes"],
    ["bool", 1, "want true or false"],
    ["string", 1, "want text"],
    ["uint256", 1.5, "want a whole number"],
    ["uint256", 2 ** 53, "want a whole number"],
    ["uint256", "1e3", "want a whole number"],
    ["uint256", undefined, "missing value"],
    ["uint256[2]", [1], "want 2 items, got 1"],
    ["uint256[]", 1, "want a list"],
    ["uint256[x]", [1], "bad type"],
    ["Missing", {}, "no type"],
  ])("%s of %j is refused", (type, value, why) => {
    expect(() => hashTypedData(withMessage(type, value))).toThrow(
      expect.objectContaining({ code: "ACCOUNTS_TYPED_DATA", message: expect.stringContaining(why) }),
    );
  });

  test("a member that the type does not have is refused: nobody would sign it", () => {
    const data = { ...mail, message: { ...mail.message, cc: "x" } };
    expect(() => hashTypedData(data)).toThrow("message: cc is no member of Mail");
  });

  test("a structure that holds itself ends with null, and is bounded", () => {
    const types = { A: [{ name: "a", type: "A" }] };
    expect(
      hashTypedData({ types, primaryType: "A", domain: {}, message: { a: null } }).messageHash,
    ).toHaveLength(32);
    let deep: Record<string, unknown> = { a: null };
    for (let i = 0; i < 100; i++) deep = { a: deep };
    expect(() => hashTypedData({ types, primaryType: "A", domain: {}, message: deep })).toThrow(
      "nested deeper",
    );
  });

  test.each([
    [{ "A b": [] }, "bad name"],
    [{ A: "x" }, "want a list"],
    [{ A: [{ name: "a" }] }, "want {name, type}"],
    [
      {
        A: [
          { name: "a", type: "bool" },
          { name: "a", type: "bool" },
        ],
      },
      "a twice",
    ],
    [5, "types: want an object"],
  ])("types %j are refused", (types, why) => {
    const data = { types, primaryType: "A", domain: {}, message: { a: true } } as unknown as TypedData;
    expect(() => hashTypedData(data)).toThrow(why);
  });
});

test("EIP-191: a text is signed behind its prefix and length", () => {
  // https://docs.ethers.org: hashMessage("hello world")
  expect(toHex(textHash(utf8Encode("hello world")))).toBe(
    "0xd9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68",
  );
  expect(toHex(textHash(fromHex("0x")))).toBe(
    "0x5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad",
  );
});
