import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, GlimError, toHex } from "#util";
import { FIELD } from "./curve.ts";
import { bigintToBytes } from "#util";
import {
  decompressPublicKey,
  ECIES_OVERHEAD,
  eciesDecrypt,
  eciesEncrypt,
  generateKey,
  hmacSha256,
  parsePrivateKey,
  type PrivateKey,
  publicKeyOf,
  sha256,
  aesCtr,
  ecdhX,
} from "./index.ts";

const SEED = 0x5eed;
const key = parsePrivateKey(new Uint8Array(32).fill(7));
const message = Uint8Array.from({ length: 200 }, (_, i) => i);

function openedOr(
  sealed: Uint8Array,
  options?: { macData?: Uint8Array },
  by: PrivateKey = key,
): Uint8Array | string {
  try {
    return eciesDecrypt(by, sealed, options);
  } catch (error) {
    if (error instanceof GlimError) return `${error.code} ${error.message} ${error.blame}`;
    throw error;
  }
}
const REFUSED = "CRYPTO_ECIES ECIES message does not open peer";

test("opens what it sealed, of every length, with and without data of the MAC", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 4 }), (text, macData) => {
      const sealed = eciesEncrypt(publicKeyOf(key), text, { macData });
      expect(sealed.length).toBe(text.length + ECIES_OVERHEAD);
      expect(openedOr(sealed, { macData })).toEqual(text);
    }),
    { seed: SEED, numRuns: 50 },
  );
});

test("the start value and the ephemeral key come from the entropy given", () => {
  const draws = [new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)];
  const sealed = eciesEncrypt(publicKeyOf(key), message, {
    entropy: { bytes: () => draws.shift() ?? new Uint8Array(0) },
  });
  expect(toHex(sealed.subarray(65, 81))).toBe(`0x${"02".repeat(16)}`);
  expect(toHex(sealed.subarray(1, 65))).toBe(toHex(publicKeyOf(parsePrivateKey(new Uint8Array(32).fill(1)))));
});

test("an auth packet of go-ethereum opens (EIP-8 vector auth 2)", () => {
  // https://eips.ethereum.org/EIPS/eip-8 , "Auth₂": the size prefix is data of the MAC
  const packet = fromHex(
    "0x01b304ab7578555167be8154d5cc456f567d5ba302662433674222360f08d5f1534499d3678b513b" +
      "0fca474f3a514b18e75683032eb63fccb16c156dc6eb2c0b1593f0d84ac74f6e475f1b8d56116b84" +
      "9634a8c458705bf83a626ea0384d4d7341aae591fae42ce6bd5c850bfe0b999a694a49bbbaf3ef6c" +
      "da61110601d3b4c02ab6c30437257a6e0117792631a4b47c1d52fc0f8f89caadeb7d02770bf999cc" +
      "147d2df3b62e1ffb2c9d8c125a3984865356266bca11ce7d3a688663a51d82defaa8aad69da39ab6" +
      "d5470e81ec5f2a7a47fb865ff7cca21516f9299a07b1bc63ba56c7a1a892112841ca44b6e0034dee" +
      "70c9adabc15d76a54f443593fafdc3b27af8059703f88928e199cb122362a4b35f62386da7caad09" +
      "c001edaeb5f8a06d2b26fb6cb93c52a9fca51853b68193916982358fe1e5369e249875bb8d0d0ec3" +
      "6f917bc5e1eafd5896d46bd61ff23f1a863a8a8dcd54c7b109b771c8e61ec9c8908c733c0263440e" +
      "2aa067241aaa433f0bb053c7b31a838504b148f570c0ad62837129e547678c5190341e4f1693956c" +
      "3bf7678318e2d5b5340c9e488eefea198576344afbdf66db5f51204a6961a63ce072c8926c",
  );
  const server = parsePrivateKey(
    fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"),
  );
  const opened = openedOr(packet.subarray(2), { macData: packet.subarray(0, 2) }, server);
  expect(opened).toBeInstanceOf(Uint8Array);
  expect(toHex((opened as Uint8Array).subarray(0, 2))).toMatch(/^0xf8/);
});

describe("RX-02 RX-03 bad points are refused before ECDH, with the error of a bad MAC", () => {
  const sealed = eciesEncrypt(publicKeyOf(key), message);
  const withPoint = (tag: number, point: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(tag), point, sealed.subarray(65));
  const good = sealed.subarray(1, 65);
  const off = good.slice();
  off[63] = (off[63] ?? 0) ^ 1;
  const low = decompressPublicKey(concatBytes(Uint8Array.of(2), bigintToBytes(1n, 32))) as Uint8Array;
  test.each<[string, Uint8Array]>([
    ["bad MAC", concatBytes(sealed.subarray(0, -1), Uint8Array.of((sealed.at(-1) ?? 0) ^ 1))],
    ["(0, 0)", withPoint(4, new Uint8Array(64))],
    ["off the curve", withPoint(4, off)],
    ["infinity", withPoint(0, good)],
    ["compressed 02", withPoint(2, good)],
    ["compressed 03", withPoint(3, good)],
    ["hybrid 06", withPoint(6, good)],
    ["hybrid 07", withPoint(7, good)],
    ["x of p + 1", withPoint(4, concatBytes(bigintToBytes(FIELD + 1n, 32), low.subarray(32)))],
    ["all ones", withPoint(4, new Uint8Array(64).fill(0xff))],
    ["another point", withPoint(4, publicKeyOf(key))],
    ["no bytes", new Uint8Array(0)],
    ["112 bytes", sealed.subarray(0, 112)],
    ["one byte short", sealed.subarray(0, -1)],
    ["one byte long", concatBytes(sealed, Uint8Array.of(0))],
  ])("%s", (_, bytes) => {
    expect(openedOr(bytes)).toBe(REFUSED);
  });
  test("hybrid form whose parity is right", () => {
    expect(openedOr(withPoint(6 + ((good[63] ?? 0) & 1), good))).toBe(REFUSED);
  });
  test("another key, other data of the MAC", () => {
    expect(openedOr(sealed, {}, generateKey())).toBe(REFUSED);
    expect(openedOr(sealed, { macData: Uint8Array.of(1) })).toBe(REFUSED);
  });
  test("the smallest message is 113 bytes: empty", () => {
    const smallest = eciesEncrypt(publicKeyOf(key), new Uint8Array(0));
    expect(smallest.length).toBe(113);
    expect(openedOr(smallest)).toEqual(new Uint8Array(0));
  });
  test("every flipped bit", () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 5) {
      const copy = sealed.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openedOr(copy)).toBe(REFUSED);
    }
  });
  test("sealing to no point is the caller's error", () => {
    expect(() => eciesEncrypt(off, message)).toThrow(expect.objectContaining({ code: "CRYPTO_PUBLIC_KEY" }));
  });
});

test("the scheme, step by step", () => {
  const sealed = eciesEncrypt(publicKeyOf(key), message, { macData: Uint8Array.of(9) });
  const shared = ecdhX(key, sealed.subarray(1, 65)) as Uint8Array;
  const material = sha256(Uint8Array.of(0, 0, 0, 1), shared);
  const body = sealed.subarray(65, -32);
  expect(toHex(hmacSha256(sha256(material.subarray(16)), body, Uint8Array.of(9)))).toBe(
    toHex(sealed.subarray(-32)),
  );
  expect(aesCtr(material.subarray(0, 16), body.subarray(0, 16), body.subarray(16))).toEqual(message);
});
