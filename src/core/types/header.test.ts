// long: published headers, fork by fork
import { keccak256 } from "#crypto";
import { encode, RlpReader } from "#rlp";
import { concatBytes, fromHex, GlimError, isError, toHex } from "#util";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  blockSize,
  bloomContains,
  bloomOf,
  create2Address,
  createAddress,
  decodeBlock,
  decodeHeader,
  decodeReceipt,
  decodeReceipts,
  encodeBlock,
  encodeHeader,
  encodeReceipt,
  encodeReceipts,
  type HeaderFields,
  makeHeader,
  mergeBlooms,
  type Receipt,
  receiptRoot,
  txRoot,
  emptyTxRoot,
  emptyUnclesHash,
  unclesHash,
  withdrawalsRoot,
} from "./index.ts";

const seed = 0xb10c;
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const head = {
  parentHash: bytes(32),
  unclesHash: bytes(32),
  coinbase: bytes(20),
  stateRoot: bytes(32),
  txRoot: bytes(32),
  receiptRoot: bytes(32),
  bloom: bytes(256),
  difficulty: fc.bigInt({ min: 0n, max: (1n << 80n) - 1n }),
  number: count,
  gasLimit: uint64,
  gasUsed: uint64,
  time: count,
  extra: fc.uint8Array({ maxLength: 200 }),
  mixDigest: bytes(32),
  nonce: bytes(8),
};
const tail = [
  ["baseFee", uint64],
  ["withdrawalsRoot", bytes(32)],
  ["blobGasUsed", uint64],
  ["excessBlobGas", uint64],
  ["parentBeaconRoot", bytes(32)],
  ["requestsHash", bytes(32)],
] as const;
/** A header of each era: so many fields of the tail. */
const anyHeader = fc
  .integer({ min: 0, max: tail.length })
  .chain((length) =>
    fc.record({ ...head, ...Object.fromEntries(tail.slice(0, length)) }),
  ) as fc.Arbitrary<HeaderFields>;

test("headers of every era encode and decode to themselves, hash included", () => {
  fc.assert(
    fc.property(anyHeader, (fields) => {
      const header = makeHeader(fields);
      expect(decodeHeader(encodeHeader(header))).toEqual(header);
      expect(makeHeader(header).hash).toEqual(header.hash);
    }),
    { seed, numRuns: 200 },
  );
});

test("a header with a hole in its tail cannot be written", () => {
  const fields = fc
    .sample(anyHeader, { seed, numRuns: 40 })
    .find((header) => header.requestsHash !== undefined);
  if (fields === undefined) throw new Error("no full header");
  try {
    encodeHeader({ ...fields, withdrawalsRoot: undefined });
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "RLP_ENCODE")).toBe(true);
  }
});

test("a difficulty above 80 bits, extra above 100 KiB, a number above 2^53-1 are refused", () => {
  const [fields] = fc.sample(anyHeader, { seed, numRuns: 1 });
  if (fields === undefined) throw new Error("no header");
  for (const change of [{ difficulty: 1n << 80n }, {}]) {
    const encoded = encodeHeader({ ...fields, ...change });
    if ("difficulty" in change) expect(() => decodeHeader(encoded)).toThrow("difficulty above 80 bits");
    else expect(decodeHeader(encoded).number).toBe(fields.number);
  }
  expect(() => encodeHeader({ ...fields, extra: new Uint8Array(100 * 1024 + 1) })).toThrow("allowed");
});

test("garbage headers throw RLP_* and nothing else", () => {
  fc.assert(
    fc.property(anyHeader, fc.nat(), fc.integer({ min: 0, max: 255 }), (fields, at, value) => {
      const encoded = encodeHeader(fields);
      encoded[at % encoded.length] = value;
      try {
        decodeHeader(encoded);
      } catch (error) {
        expect(error instanceof GlimError && error.code.startsWith("RLP_")).toBe(true);
      }
    }),
    { seed, numRuns: 400 },
  );
});

const log = fc.record({
  address: bytes(20),
  topics: fc.array(bytes(32), { maxLength: 4 }),
  data: fc.uint8Array({ maxLength: 70 }),
});
const type = fc.constantFrom(0, 1, 2, 3, 4) as fc.Arbitrary<Receipt["type"]>;
const rest = { type, cumulativeGasUsed: uint64, bloom: bytes(256), logs: fc.array(log, { maxLength: 3 }) };
const anyReceipt: fc.Arbitrary<Receipt> = fc.oneof(
  fc.record({ ...rest, status: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1> }),
  fc.record({ ...rest, postState: bytes(32) }),
);

test("receipts of every type, before and after Byzantium, alone and in lists", () => {
  fc.assert(
    fc.property(fc.array(anyReceipt, { maxLength: 4 }), (receipts) => {
      for (const receipt of receipts) expect(decodeReceipt(encodeReceipt(receipt))).toEqual(receipt);
      expect(decodeReceipts(encodeReceipts(receipts))).toEqual(receipts);
    }),
    { seed, numRuns: 200 },
  );
});

test("a receipt whose status is 2, or whose log has 5 topics, is refused", () => {
  const bad = encode([Uint8Array.of(2), 0n, new Uint8Array(256), []]);
  expect(() => decodeReceipt(bad)).toThrow("invalid receipt status");
  const topics = Array.from({ length: 5 }, () => new Uint8Array(32));
  const five = encode([
    Uint8Array.of(1),
    0n,
    new Uint8Array(256),
    [[new Uint8Array(20), topics, new Uint8Array(0)]],
  ]);
  expect(() => decodeReceipt(five)).toThrow("more than 4 items");
  expect(() => decodeReceipt(concatBytes(Uint8Array.of(9), bad))).toThrow("unknown type");
});

test("bloom: geth's vector (core/types/bloom9_test.go@v1.9.25 TestBloomExtensively)", () => {
  const data = Array.from({ length: 100 }, (_, i) =>
    new TextEncoder().encode(`xxxxxxxxxx data ${i} yyyyyyyyyyyyyy`),
  );
  const blooms = data.map((value) => bloomOf([{ address: value, topics: [], data: new Uint8Array(0) }]));
  const bloom = mergeBlooms(blooms);
  expect(toHex(keccak256(bloom))).toBe("0xc8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263");
  for (const value of data) expect(bloomContains(bloom, value)).toBe(true);
});

test("bloom: positives and negatives of geth's TestBloom", () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const positive = ["testtest", "test", "hallo", "other"].map(text);
  const negative = ["tes", "lo"].map(text);
  const bloom = bloomOf([
    { address: positive[0] ?? text(""), topics: positive.slice(1), data: new Uint8Array(0) },
  ]);
  for (const value of positive) expect(bloomContains(bloom, value)).toBe(true);
  for (const value of negative) expect(bloomContains(bloom, value)).toBe(false);
});

test("empty roots", () => {
  expect(toHex(txRoot([]))).toBe(toHex(emptyTxRoot));
  expect(toHex(receiptRoot([]))).toBe(toHex(emptyTxRoot));
  expect(toHex(withdrawalsRoot([]))).toBe(toHex(emptyTxRoot));
  expect(toHex(unclesHash([]))).toBe(toHex(emptyUnclesHash));
});

test("blocks with uncles and withdrawals; their size", () => {
  const [a, b] = fc.sample(anyHeader, { seed, numRuns: 2 }).map(makeHeader);
  if (a === undefined || b === undefined) throw new Error("no headers");
  const withdrawal = { index: 1n, validatorIndex: 2n, address: new Uint8Array(20), amount: 3n };
  const block = { header: a, transactions: [], uncles: [b], withdrawals: [withdrawal] };
  const encoded = encodeBlock(block);
  expect(decodeBlock(encoded)).toEqual(block);
  expect(blockSize(a, block)).toBe(encoded.length);
  expect(new RlpReader(encoded).peekIsList()).toBe(true);
});

test("addresses of CREATE (yellow paper) and CREATE2 (EIP-1014 examples 1 and 3)", () => {
  const sender = fromHex("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
  expect(toHex(createAddress(sender, 0n))).toBe("0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d");
  expect(toHex(createAddress(sender, 1n))).toBe("0x343c43a37d37dff08ae8c4a11544c718abb4fcf8");
  const zero = new Uint8Array(32);
  expect(toHex(create2Address(new Uint8Array(20), zero, Uint8Array.of(0)))).toBe(
    "0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38",
  );
  const deadbeef = fromHex("0xdeadbeef00000000000000000000000000000000");
  expect(toHex(create2Address(deadbeef, zero, Uint8Array.of(0)))).toBe(
    "0xb928f69bb1d91cd65274e3c79d8986362984fda3",
  );
});
