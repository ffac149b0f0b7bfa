import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, toHex, utf8Encode } from "#util";
import { aesCtr, aesEcbBlock, createAesCtr, hmacSha256, sha256, timingSafeEqual } from "./index.ts";

// NIST SP 800-38A, F.1.1, F.1.5, F.5.1, F.5.5
const key128 = fromHex("0x2b7e151628aed2a6abf7158809cf4f3c");
const key256 = fromHex("0x603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
const counter = fromHex("0xf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
const block = fromHex("0x6bc1bee22e409f96e93d7e117393172a");

test("AES-CTR, NIST vectors, both key sizes, both ways", () => {
  expect(toHex(aesCtr(key128, counter, block))).toBe("0x874d6191b620e3261bef6864990db6ce");
  expect(toHex(aesCtr(key256, counter, block))).toBe("0x601ec313775789a5b7a7f504bbf3d228");
  expect(aesCtr(key256, counter, aesCtr(key256, counter, block))).toEqual(block);
});

test("a running AES-CTR stream goes on where it stopped", () => {
  const long = new Uint8Array(100).fill(5);
  const stream = createAesCtr(key256, counter);
  const parts = [long.subarray(0, 7), long.subarray(7, 60), long.subarray(60)].map((part) =>
    stream.update(part),
  );
  expect(concatBytes(...parts)).toEqual(aesCtr(key256, counter, long));
});

test("AES blocks, NIST vectors, kept cipher", () => {
  const of128 = aesEcbBlock(key128);
  expect(toHex(of128(block))).toBe("0x3ad77bb40d7a3660a89ecaf32466ef97");
  expect(toHex(of128(block))).toBe("0x3ad77bb40d7a3660a89ecaf32466ef97");
  expect(toHex(aesEcbBlock(key256)(block))).toBe("0xf3eed1bdb5d2a03c064b5a7e3db181f8");
});

describe("lengths are the caller's", () => {
  test.each<[string, () => unknown]>([
    ["AES key of 24", () => aesCtr(new Uint8Array(24), counter, block)],
    ["AES key of 0", () => aesEcbBlock(new Uint8Array(0))],
    ["counter of 15", () => aesCtr(key128, counter.subarray(1), block)],
    ["block of 15", () => aesEcbBlock(key128)(block.subarray(1))],
    ["block of 32", () => aesEcbBlock(key128)(concatBytes(block, block))],
  ])("%s", (_, run) => {
    expect(run).toThrow(expect.objectContaining({ code: "CRYPTO_LENGTH", blame: "caller" }));
  });
});

test("SHA-256 and HMAC known answers", () => {
  expect(toHex(sha256(utf8Encode("a"), utf8Encode("bc")))).toBe(
    "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  // RFC 4231, case 2
  expect(
    toHex(hmacSha256(utf8Encode("Jefe"), utf8Encode("what do ya want "), utf8Encode("for nothing?"))),
  ).toBe("0x5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("results are plain bytes whose slice copies", () => {
  for (const bytes of [
    sha256(block),
    hmacSha256(block),
    aesCtr(key128, counter, block),
    aesEcbBlock(key128)(block),
  ]) {
    expect(Buffer.isBuffer(bytes)).toBe(false);
    expect(bytes.slice().buffer).not.toBe(bytes.buffer);
  }
});

test("timingSafeEqual", () => {
  expect(timingSafeEqual(block, block.slice())).toBe(true);
  expect(timingSafeEqual(block, counter)).toBe(false);
  expect(timingSafeEqual(block, block.subarray(1))).toBe(false);
  expect(timingSafeEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true);
});
