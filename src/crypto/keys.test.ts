import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bigintToBytes, concatBytes, fromHex, GlimError, toHex } from "#util";
import type { CurveBackend } from "./backend.ts";
import { FIELD, HALF_ORDER, isOnCurve, ORDER } from "./curve.ts";
import {
  addressOf,
  compressPublicKey,
  decompressPublicKey,
  ecdhX,
  generateKey,
  isPrivateKey,
  isValidPublicKey,
  isValidSignature,
  keccak256,
  parsePrivateKey,
  parseUncompressed,
  type PrivateKey,
  publicKeyOf,
  recover,
  sign,
  signatureBytes,
  verify,
} from "./index.ts";
import { nativeBackend } from "./native.ts";
import { wasmBackend } from "./wasm.ts";

const SEED = 0x5eed;
const word = (n: bigint): Uint8Array => bigintToBytes(n, 32);
const keyOf = (n: bigint): PrivateKey => parsePrivateKey(word(n));
const anyKey = fc.bigInt({ min: 1n, max: ORDER - 1n });
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof GlimError) return error.code;
    throw error;
  }
  return "none";
}

describe("private keys", () => {
  test("in [1, n) and 32 bytes, nothing else", () => {
    expect(isPrivateKey(word(0n))).toBe(false);
    expect(isPrivateKey(word(1n))).toBe(true);
    expect(isPrivateKey(word(ORDER - 1n))).toBe(true);
    expect(isPrivateKey(word(ORDER))).toBe(false);
    expect(isPrivateKey(new Uint8Array(32).fill(0xff))).toBe(false);
    for (const length of [0, 31, 33, 64]) expect(isPrivateKey(new Uint8Array(length).fill(1))).toBe(false);
    expect(codeOf(() => parsePrivateKey(word(0n)))).toBe("CRYPTO_PRIVATE_KEY");
  });
  test("generated ones come from the entropy given, and bad draws are drawn again", () => {
    const draws = [word(0n), word(ORDER), word(5n)];
    expect(generateKey({ bytes: () => draws.shift() ?? word(9n) })).toEqual(word(5n));
    expect(toHex(generateKey())).not.toBe(toHex(generateKey()));
  });
  test("a known address", () => {
    const key = parsePrivateKey(
      fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"),
    );
    expect(toHex(addressOf(publicKeyOf(key)))).toBe("0x71562b71999873db5b286df957af199ec94617f7");
  });
});

describe("signatures", () => {
  test("sign, verify, recover agree with noble", () => {
    fc.assert(
      fc.property(anyKey, anyHash, (n, hash) => {
        const key = keyOf(n);
        const { bytes, r, s, recovery } = sign(hash, key);
        expect(s <= HALF_ORDER).toBe(true);
        const oracle = secp256k1.sign(hash, key, { prehash: false, lowS: true, format: "recovered" });
        expect(toHex(oracle)).toBe(toHex(concatBytes(Uint8Array.of(recovery), bytes.subarray(0, 64))));
        expect(toHex(publicKeyOf(key))).toBe(toHex(secp256k1.getPublicKey(key, false).subarray(1)));
        expect(recover(hash, bytes)).toEqual(publicKeyOf(key));
        expect(verify(hash, bytes.subarray(0, 64), publicKeyOf(key))).toBe(true);
        expect(signatureBytes({ r, s, recovery })).toEqual(bytes);
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  const key = keyOf(0x1234n);
  const hash = keccak256(Uint8Array.of(1));
  const good = sign(hash, key);
  const edges = [0n, 1n, HALF_ORDER, HALF_ORDER + 1n, ORDER - 1n, ORDER, ORDER + 1n, (1n << 256n) - 1n];

  test("CR-01 r and s at every edge, v from 0 to 255: undefined or a key, as noble, never an exception", () => {
    for (const r of [...edges, good.r])
      for (const s of [...edges, good.s])
        for (const v of [0, 1, 2, 3, 4, 26, 27, 28, 29, 35, 36, 255]) {
          const signature = concatBytes(word(r), word(s), Uint8Array.of(v));
          const ours = recover(hash, signature);
          let oracle: Uint8Array | undefined;
          try {
            const parsed = new secp256k1.Signature(r, s).addRecoveryBit(v);
            oracle = parsed.recoverPublicKey(hash).toBytes(false).subarray(1);
          } catch {
            oracle = undefined;
          }
          expect(ours === undefined ? undefined : toHex(ours)).toBe(
            oracle === undefined ? undefined : toHex(oracle),
          );
          expect(verify(hash, signature.subarray(0, 64), publicKeyOf(key))).toBe(
            r === good.r && s === good.s,
          );
        }
  });
  test("CR-01 signatures of 64 and 66 bytes, hashes of 31 and 33", () => {
    expect(recover(hash, good.bytes.subarray(0, 64))).toBeUndefined();
    expect(recover(hash, concatBytes(good.bytes, Uint8Array.of(0)))).toBeUndefined();
    expect(recover(hash.subarray(1), good.bytes)).toBeUndefined();
    expect(recover(concatBytes(hash, hash), good.bytes)).toBeUndefined();
    expect(verify(hash, good.bytes, publicKeyOf(key))).toBe(false);
    expect(verify(hash.subarray(1), good.bytes.subarray(0, 64), publicKeyOf(key))).toBe(false);
    expect(codeOf(() => sign(hash.subarray(1), key))).toBe("CRYPTO_LENGTH");
  });
  test("CR-01 high s: recovered, not verified, refused by the homestead rule", () => {
    const high = { r: good.r, s: ORDER - good.s, recovery: 1 - good.recovery };
    const bytes = signatureBytes(high);
    expect(bytes && recover(hash, bytes)).toEqual(publicKeyOf(key));
    expect(bytes && verify(hash, bytes.subarray(0, 64), publicKeyOf(key))).toBe(false);
    expect(isValidSignature(high)).toBe(false);
    expect(isValidSignature(high, { lowS: false })).toBe(true);
  });
  test("CR-01 isValidSignature and signatureBytes at the edges", () => {
    const valid = (r: bigint, s: bigint, lowS = true): boolean => isValidSignature({ r, s }, { lowS });
    expect(valid(1n, 1n)).toBe(true);
    expect(valid(0n, 1n)).toBe(false);
    expect(valid(1n, 0n)).toBe(false);
    expect(valid(-1n, 1n)).toBe(false);
    expect(valid(ORDER, 1n, false)).toBe(false);
    expect(valid(ORDER - 1n, HALF_ORDER)).toBe(true);
    expect(valid(1n, HALF_ORDER + 1n)).toBe(false);
    expect(valid(1n, ORDER - 1n, false)).toBe(true);
    expect(valid(1n, ORDER, false)).toBe(false);
    expect(signatureBytes({ r: 0n, s: 1n, recovery: 0 })).toBeUndefined();
    expect(signatureBytes({ r: 1n, s: 1n << 256n, recovery: 0 })).toBeUndefined();
    for (const recovery of [-1, 4, 27, 0.5])
      expect(signatureBytes({ r: 1n, s: 1n, recovery })).toBeUndefined();
  });
});

describe("public keys", () => {
  const key = keyOf(7n);
  const point = publicKeyOf(key);
  const tagged = (tag: number, rest = point): Uint8Array => concatBytes(Uint8Array.of(tag), rest);

  test("RX-02 uncompressed only: 02, 03, hybrid 06 and 07, infinity are refused", () => {
    expect(parseUncompressed(tagged(4))).toEqual(point);
    for (const tag of [0, 1, 2, 3, 5, 6, 7, 0x84, 0xff])
      expect(parseUncompressed(tagged(tag))).toBeUndefined();
    expect(parseUncompressed(tagged(4, new Uint8Array(64)))).toBeUndefined();
    expect(parseUncompressed(compressPublicKey(point))).toBeUndefined();
    expect(parseUncompressed(Uint8Array.of(0))).toBeUndefined();
    expect(parseUncompressed(point)).toBeUndefined();
  });
  test("RX-02 off the curve and on its twist", () => {
    const flipped = point.slice();
    flipped[63] = (flipped[63] ?? 0) ^ 1;
    expect(isValidPublicKey(flipped)).toBe(false);
    expect(ecdhX(key, flipped)).toBeUndefined();
    // x of no point of the curve: 5 (5^3 + 7 = 132 is no square), whose y exists on the twist only
    expect(decompressPublicKey(concatBytes(Uint8Array.of(2), word(5n)))).toBeUndefined();
    for (let y = 0n; y < 50n; y++) expect(isOnCurve(concatBytes(word(5n), word(y)))).toBe(false);
    expect(isValidPublicKey(new Uint8Array(64))).toBe(false);
    for (const length of [0, 63, 65]) expect(isValidPublicKey(new Uint8Array(length))).toBe(false);
  });
  test("RX-03 coordinates of the field's order and above", () => {
    // x = 1 has a point; p + 1 is the same number written too large
    const small = decompressPublicKey(concatBytes(Uint8Array.of(2), word(1n)));
    expect(small).toBeDefined();
    const y = (small as Uint8Array).subarray(32);
    expect(isValidPublicKey(concatBytes(word(1n), y))).toBe(true);
    expect(isValidPublicKey(concatBytes(word(FIELD + 1n), y))).toBe(false);
    expect(ecdhX(key, concatBytes(word(FIELD + 1n), y))).toBeUndefined();
    expect(decompressPublicKey(concatBytes(Uint8Array.of(2), word(FIELD + 1n)))).toBeUndefined();
    for (const n of [FIELD, FIELD + 1n, (1n << 256n) - 1n]) {
      expect(isValidPublicKey(concatBytes(word(n), word(n)))).toBe(false);
      expect(isValidPublicKey(concatBytes(word(1n), word(n)))).toBe(false);
    }
  });
  test("compression there and back", () => {
    fc.assert(
      fc.property(anyKey, (n) => {
        const full = publicKeyOf(keyOf(n));
        expect(isValidPublicKey(full)).toBe(true);
        expect(decompressPublicKey(compressPublicKey(full))).toEqual(full);
        expect(toHex(compressPublicKey(full))).toBe(toHex(secp256k1.getPublicKey(word(n), true)));
      }),
      { seed: SEED, numRuns: 30 },
    );
    expect(codeOf(() => compressPublicKey(new Uint8Array(64)))).toBe("CRYPTO_PUBLIC_KEY");
    for (const tag of [0, 1, 4, 6, 7]) {
      const bytes = compressPublicKey(point);
      bytes[0] = tag;
      expect(decompressPublicKey(bytes)).toBeUndefined();
    }
  });
  test("shared secrets are the same from both ends, and noble's", () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const shared = ecdhX(keyOf(a), publicKeyOf(keyOf(b)));
        expect(shared).toEqual(ecdhX(keyOf(b), publicKeyOf(keyOf(a))));
        const oracle = secp256k1.getSharedSecret(word(a), secp256k1.getPublicKey(word(b)), true).subarray(1);
        expect(shared && toHex(shared)).toBe(toHex(oracle));
      }),
      { seed: SEED, numRuns: 20 },
    );
  });
});

describe("both libraries behave alike", async () => {
  const wasm = await wasmBackend();
  const native = nativeBackend();
  const uncompressed = (n: bigint): Uint8Array => secp256k1.getPublicKey(word(n), false);

  test.runIf(native !== undefined)("on good and bad input", () => {
    const other = native as CurveBackend;
    fc.assert(
      fc.property(
        anyKey,
        anyHash,
        fc.nat(3),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (n, hash, recovery, junk) => {
          const key = word(n);
          const signed = wasm.sign(hash, key);
          const theirs = other.sign(hash, key);
          expect(signed && toHex(signed.signature)).toBe(theirs && toHex(theirs.signature));
          expect(signed?.recovery).toBe(theirs?.recovery);
          expect(wasm.publicKey(key)).toEqual(other.publicKey(key));
          const id = recovery as 0 | 1 | 2 | 3;
          expect(wasm.recover(hash, junk, id)).toEqual(other.recover(hash, junk, id));
          const point = uncompressed(n);
          expect(wasm.multiply(point, key)).toEqual(other.multiply(point, key));
          expect(wasm.convert(point, true)).toEqual(other.convert(point, true));
          expect(wasm.verify(hash, junk, point)).toBe(other.verify(hash, junk, point));
          const signature = (signed as { signature: Uint8Array }).signature;
          expect(wasm.verify(hash, signature, point)).toBe(true);
        },
      ),
      { seed: SEED, numRuns: 20 },
    );
  });
  test.each([["wasm", wasm] as const, ...(native === undefined ? [] : [["native", native] as const])])(
    "%s: failures are undefined",
    (_, lib) => {
      const zero = new Uint8Array(32);
      const off = uncompressed(3n).slice();
      off[64] = (off[64] ?? 0) ^ 1;
      expect(lib.isPrivateKey(zero)).toBe(false);
      expect(lib.publicKey(zero)).toBeUndefined();
      expect(lib.sign(zero, zero)).toBeUndefined();
      expect(lib.multiply(off, word(1n))).toBeUndefined();
      expect(lib.multiply(uncompressed(3n), zero)).toBeUndefined();
      expect(lib.convert(off, true)).toBeUndefined();
      expect(lib.verify(zero, new Uint8Array(64), uncompressed(3n))).toBe(false);
      expect(lib.recover(zero, new Uint8Array(64), 0)).toBeUndefined();
      const high = concatBytes(word(1n), word(ORDER - 1n));
      expect(lib.verify(zero, high, uncompressed(3n))).toBe(false);
    },
  );
});
