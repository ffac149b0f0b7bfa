// long: published transactions, type by type
import { readFileSync } from "node:fs";
import { addressOf, parsePrivateKey, publicKeyOf } from "#crypto";
import { rulesAt } from "#params";
import { fromHex, GlimError, isError, toHex } from "#util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testConfig } from "../../../test/kit/state-tests.ts";
import {
  authorityOf,
  checkTransaction,
  decodeBody,
  decodeTransaction,
  encodeBody,
  encodeTransaction,
  effectiveGasPrice,
  intrinsicGas,
  senderOf,
  signTransaction,
  type Transaction,
  type TransactionFields,
  transactionSize,
} from "./index.ts";

interface Vector {
  name: string;
  txbytes: string;
  results: { forks: string[]; hash?: string; sender?: string; intrinsicGas?: string; exception?: string }[];
}
const vectors = JSON.parse(readFileSync("test/vectors/tx/transactions.json", "utf8")) as Vector[];
const rulesOf = (fork: string) => rulesAt(testConfig(fork), { number: 1, time: 1 });

/** undefined: valid. Only typed errors may come out. */
function judge(bytes: Uint8Array, fork: string): { tx?: Transaction; code?: string } {
  try {
    const tx = decodeTransaction(bytes);
    checkTransaction(tx, rulesOf(fork));
    return { tx };
  } catch (error) {
    if (error instanceof GlimError) return { code: error.code };
    throw error;
  }
}

test(`ethereum/tests TransactionTests: ${vectors.length} transactions, every fork`, () => {
  for (const { name, txbytes, results } of vectors)
    for (const { forks, hash, sender, intrinsicGas: gas, exception } of results)
      for (const fork of forks) {
        const { tx, code } = judge(fromHex(txbytes), fork);
        expect([name, fork, exception ?? "valid", code !== undefined]).toEqual([
          name,
          fork,
          exception ?? "valid",
          exception !== undefined,
        ]);
        if (tx === undefined) continue;
        expect([
          name,
          toHex(tx.hash),
          toHex(senderOf(tx, { allowHighS: true })),
          intrinsicGas(tx, rulesOf(fork)),
        ]).toEqual([name, hash, sender, BigInt(gas ?? 0)]);
        expect(toHex(encodeTransaction(tx))).toBe(txbytes);
      }
});

test("ethereum/tests BasicTests/txtest: signed as there", () => {
  const rows = JSON.parse(readFileSync("test/vectors/tx/txtest.json", "utf8")) as Record<
    string,
    string | number
  >[];
  for (const row of rows) {
    const tx = signTransaction(
      {
        type: 0,
        nonce: BigInt(row["nonce"] ?? 0),
        gasPrice: BigInt(row["gasprice"] ?? 0),
        gas: BigInt(row["startgas"] ?? 0),
        to: row["to"] === "" ? undefined : fromHex(String(row["to"])),
        value: BigInt(row["value"] ?? 0),
        input: fromHex(String(row["data"])),
      },
      parsePrivateKey(fromHex(String(row["key"]))),
    );
    // made before RFC 6979 was common: other signatures, same sender
    const given = decodeTransaction(fromHex(String(row["signed"])));
    expect(toHex(senderOf(given, { allowHighS: true }))).toBe(toHex(senderOf(tx)));
    expect({ ...given, v: 0n, r: 0n, s: 0n, hash: 0 }).toEqual({ ...tx, v: 0n, r: 0n, s: 0n, hash: 0 });
  }
});

const key = parsePrivateKey(fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const uint256 = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const accessList = fc.array(
  fc.record({ address: bytes(20), storageKeys: fc.array(bytes(32), { maxLength: 3 }) }),
  { maxLength: 3 },
);
const chainId = fc.bigInt({ min: 1n, max: 1n << 60n });
const base = { nonce: uint64, gas: uint64, value: uint256, input: fc.uint8Array({ maxLength: 80 }) };
const to = fc.option(bytes(20), { nil: undefined });
const market = { ...base, chainId, maxFeePerGas: uint256, maxPriorityFeePerGas: uint256, accessList };
const authorization = fc.record({
  chainId: uint256,
  address: bytes(20),
  nonce: uint64,
  yParity: fc.integer({ min: 0, max: 255 }),
  r: uint256,
  s: uint256,
});
const anyFields: fc.Arbitrary<TransactionFields> = fc.oneof(
  fc.record({ type: fc.constant(0 as const), ...base, to, gasPrice: uint256 }),
  fc.record({ type: fc.constant(0 as const), ...base, to, gasPrice: uint256, chainId }),
  fc.record({ type: fc.constant(1 as const), ...base, to, gasPrice: uint256, chainId, accessList }),
  fc.record({ type: fc.constant(2 as const), ...market, to }),
  fc.record({
    type: fc.constant(3 as const),
    ...market,
    to: bytes(20),
    maxFeePerBlobGas: uint256,
    blobVersionedHashes: fc.array(bytes(32), { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant(4 as const),
    ...market,
    to: bytes(20),
    authorizationList: fc.array(authorization, { maxLength: 3 }),
  }),
);
const seed = 0x7e57;

test("every type signs, encodes, decodes and names its sender", () => {
  const sender = toHex(addressOf(publicKeyOf(key)));
  fc.assert(
    fc.property(anyFields, (fields) => {
      const tx = signTransaction(fields, key);
      const encoded = encodeTransaction(tx);
      const back = decodeTransaction(encoded);
      expect(back).toEqual(tx);
      expect(toHex(senderOf(back))).toBe(sender);
      expect(transactionSize(back)).toBe(encoded.length);
      const body = { transactions: [tx, tx], uncles: [] };
      expect(decodeBody(encodeBody(body)).transactions).toEqual(body.transactions);
    }),
    { seed, numRuns: 300 },
  );
});

test("garbage throws RLP_* or TYPES_* and nothing else", () => {
  fc.assert(
    fc.property(anyFields, fc.nat(), fc.integer({ min: 0, max: 255 }), (fields, at, value) => {
      const encoded = encodeTransaction(signTransaction(fields, key));
      encoded[at % encoded.length] = value;
      try {
        senderOf(decodeTransaction(encoded));
      } catch (error) {
        expect(error instanceof GlimError && /^(RLP|TYPES)_/.test(error.code)).toBe(true);
      }
    }),
    { seed, numRuns: 500 },
  );
});

describe("rules", () => {
  const fields: TransactionFields = {
    type: 0,
    nonce: 0n,
    gasPrice: 1n,
    gas: 21_000n,
    to: new Uint8Array(20),
    value: 0n,
    input: new Uint8Array(0),
  };
  const codeOf = (tx: Transaction, fork: string) => {
    try {
      checkTransaction(tx, rulesOf(fork));
      return "ok";
    } catch (error) {
      return error instanceof GlimError ? error.code : "?";
    }
  };
  const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

  test("TX-04 another chain's id, a type before its fork, short gas, nonce 2^64-1", () => {
    expect(codeOf(signTransaction({ ...fields, chainId: 2n }, key), "London")).toBe("TYPES_CHAIN_ID");
    expect(codeOf(signTransaction({ ...fields, chainId: 1n }, key), "Homestead")).toBe("TYPES_BAD_SIGNATURE");
    expect(
      codeOf(signTransaction({ ...fields, type: 1, chainId: 1n, accessList: [] }, key), "Istanbul"),
    ).toBe("TYPES_TX_TYPE");
    expect(codeOf(signTransaction({ ...fields, gas: 20_999n }, key), "London")).toBe("TYPES_INVALID");
    expect(codeOf(signTransaction({ ...fields, nonce: (1n << 64n) - 1n }, key), "London")).toBe(
      "TYPES_INVALID",
    );
    expect(codeOf(signTransaction(fields, key), "London")).toBe("ok");
  });

  test("high s: valid in Frontier only, and it is the other signature of the same sender", () => {
    const low = signTransaction(fields, key);
    const high: Transaction = { ...low, s: N - low.s, v: low.v === 27n ? 28n : 27n };
    expect(codeOf(high, "Frontier")).toBe("ok");
    expect(codeOf(high, "Homestead")).toBe("TYPES_BAD_SIGNATURE");
    expect(toHex(senderOf(high, { allowHighS: true }))).toBe(toHex(senderOf(low)));
  });

  test("an unknown type and an empty typed transaction are refused by name", () => {
    for (const [hex, code] of [
      ["0x05c0", "TYPES_TX_TYPE"],
      ["0x7fc0", "TYPES_TX_TYPE"],
      ["0x02", "TYPES_TX_EMPTY"],
      ["0x", "TYPES_TX_EMPTY"],
    ] as const) {
      try {
        decodeTransaction(fromHex(hex));
        expect.unreachable();
      } catch (error) {
        expect(isError(error, code)).toBe(true);
      }
    }
  });

  test("effective gas price: cap, tip, and a cap below the base fee", () => {
    expect(effectiveGasPrice({ gasPrice: 7n }, undefined)).toBe(7n);
    expect(effectiveGasPrice({ gasPrice: 7n }, 5n)).toBe(7n);
    expect(effectiveGasPrice({ maxFeePerGas: 10n, maxPriorityFeePerGas: 2n }, 5n)).toBe(7n);
    expect(effectiveGasPrice({ maxFeePerGas: 6n, maxPriorityFeePerGas: 2n }, 5n)).toBe(6n);
    expect(() => effectiveGasPrice({ maxFeePerGas: 4n, maxPriorityFeePerGas: 2n }, 5n)).toThrow(
      "max fee per gas less than block base fee",
    );
  });

  test("an authorization with a high s or a parity above 1 has no author", () => {
    const address = new Uint8Array(20);
    expect(authorityOf({ chainId: 1n, address, nonce: 0n, yParity: 2, r: 1n, s: 1n })).toBeUndefined();
    expect(authorityOf({ chainId: 1n, address, nonce: 0n, yParity: 0, r: 1n, s: N - 1n })).toBeUndefined();
    expect(authorityOf({ chainId: 1n, address, nonce: 0n, yParity: 0, r: 0n, s: 1n })).toBeUndefined();
  });
});
