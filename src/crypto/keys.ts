import { randomBytes } from "node:crypto";
import { bigintToBytes, bytesToBigint } from "#util";
import type { CurveBackend } from "./backend.ts";
import { HALF_ORDER, isOnCurve, ORDER } from "./curve.ts";
import { CryptoError } from "./errors.ts";
import { keccak256 } from "./keccak.ts";
import { nativeBackend } from "./native.ts";
import { wasmBackend } from "./wasm.ts";

const curve: CurveBackend = nativeBackend() ?? (await wasmBackend());

/** Which secp256k1 runs here. */
export const curveBackend: "native" | "wasm" = curve.name;

declare const privateKeyBrand: unique symbol;
/** 32 bytes in [1, n), checked. Made by `generateKey` and `parsePrivateKey`. Never log it. */
export type PrivateKey = Uint8Array & { readonly [privateKeyBrand]: true };

/** Where keys and nonces come from; `host.entropy` fits. */
export interface EntropySource {
  bytes(length: number): Uint8Array;
}

/** The operating system's. */
export const systemEntropy: EntropySource = { bytes: (length) => new Uint8Array(randomBytes(length)) };

export function isPrivateKey(bytes: Uint8Array): bytes is PrivateKey {
  return bytes.length === 32 && curve.isPrivateKey(bytes);
}

/** @throws CRYPTO_PRIVATE_KEY unless the bytes are 32 and in [1, n) */
export function parsePrivateKey(bytes: Uint8Array): PrivateKey {
  if (!isPrivateKey(bytes)) throw CryptoError("PRIVATE_KEY");
  return bytes;
}

export function generateKey(entropy: EntropySource = systemEntropy): PrivateKey {
  for (;;) {
    const bytes = entropy.bytes(32);
    if (isPrivateKey(bytes)) return bytes; // fails once in 2^128
  }
}

/** 64 bytes, x ‖ y. */
export function publicKeyOf(key: PrivateKey): Uint8Array {
  const point = curve.publicKey(key);
  if (point === undefined) throw CryptoError("PRIVATE_KEY");
  return point.slice(1);
}

/** True for 64 bytes x ‖ y of a point of the curve. */
export function isValidPublicKey(point: Uint8Array): boolean {
  return isOnCurve(point);
}

function uncompressed(point: Uint8Array): Uint8Array {
  const out = new Uint8Array(65);
  out[0] = 0x04;
  out.set(point, 1);
  return out;
}

/**
 * 65 bytes as they come off the wire → 64. The first byte must be 0x04: libraries take the hybrid forms 06 and 07 as well.
 * @returns undefined for anything else, and for points off the curve
 */
export function parseUncompressed(point: Uint8Array): Uint8Array | undefined {
  if (point.length !== 65 || point[0] !== 0x04) return undefined;
  const rest = point.subarray(1);
  return isOnCurve(rest) ? rest : undefined;
}

/** 64 → 33 bytes. @throws CRYPTO_PUBLIC_KEY if it is no point */
export function compressPublicKey(point: Uint8Array): Uint8Array {
  if (!isOnCurve(point)) throw CryptoError("PUBLIC_KEY");
  const out = new Uint8Array(33);
  out[0] = 2 + ((point[63] ?? 0) & 1);
  out.set(point.subarray(0, 32), 1);
  return out;
}

/** 33 bytes (first 02 or 03) → 64; undefined if they are no point. */
export function decompressPublicKey(point: Uint8Array): Uint8Array | undefined {
  if (point.length !== 33 || (point[0] !== 2 && point[0] !== 3)) return undefined;
  const full = curve.convert(point, false);
  return full === undefined ? undefined : parseUncompressed(full)?.slice();
}

/** A recoverable ECDSA signature with low s. */
export interface Signature {
  readonly r: bigint;
  readonly s: bigint;
  /** 0 or 1 for all that we make: the parity of y. */
  readonly recovery: number;
  /** r(32) ‖ s(32) ‖ recovery(1) */
  readonly bytes: Uint8Array;
}

/** Deterministic (RFC 6979), low s. `hash`: 32 bytes. */
export function sign(hash: Uint8Array, key: PrivateKey): Signature {
  if (hash.length !== 32) throw CryptoError("LENGTH", { what: "hash", length: hash.length, want: "32" });
  const signed = curve.sign(hash, key);
  if (signed === undefined) throw CryptoError("PRIVATE_KEY");
  const bytes = new Uint8Array(65);
  bytes.set(signed.signature);
  bytes[64] = signed.recovery;
  return {
    r: bytesToBigint(bytes.subarray(0, 32)),
    s: bytesToBigint(bytes.subarray(32, 64)),
    recovery: signed.recovery,
    bytes,
  };
}

/** True for 0 < r < n and 0 < s < n, and with `lowS` (homestead, EIP-2) s ≤ n/2. */
export function isValidSignature(
  { r, s }: { r: bigint; s: bigint },
  { lowS = true }: { lowS?: boolean } = {},
): boolean {
  return r > 0n && r < ORDER && s > 0n && s <= (lowS ? HALF_ORDER : ORDER - 1n);
}

/** r(32) ‖ s(32) ‖ recovery(1); undefined if r or s does not fit or recovery is not 0 … 3. */
export function signatureBytes({
  r,
  s,
  recovery,
}: {
  r: bigint;
  s: bigint;
  recovery: number;
}): Uint8Array | undefined {
  if (!isValidSignature({ r, s }, { lowS: false }) || !isRecovery(recovery)) return undefined;
  const bytes = new Uint8Array(65);
  bytes.set(bigintToBytes(r, 32));
  bytes.set(bigintToBytes(s, 32), 32);
  bytes[64] = recovery;
  return bytes;
}

const isRecovery = (recovery: number | undefined): recovery is 0 | 1 | 2 | 3 =>
  recovery === 0 || recovery === 1 || recovery === 2 || recovery === 3;

const isInRange = (scalar: Uint8Array): boolean => {
  const value = bytesToBigint(scalar);
  return value > 0n && value < ORDER;
};

/**
 * The signer's public key (64 bytes) from a 32-byte hash and 65 bytes r ‖ s ‖ recovery (0 … 3; not 27/28). High s is accepted, as the
 * precompile and RLPx do: callers with a homestead rule ask `isValidSignature` first.
 * @returns undefined if there is none; never throws
 * @see geth crypto/signature_cgo.go:32@v1.9.25
 */
export function recover(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  if (hash.length !== 32 || signature.length !== 65) return undefined;
  const recovery = signature[64];
  if (!isRecovery(recovery)) return undefined;
  if (!isInRange(signature.subarray(0, 32)) || !isInRange(signature.subarray(32, 64))) return undefined;
  return curve.recover(hash, signature.subarray(0, 64), recovery)?.slice(1);
}

/** True if the 64 bytes r ‖ s sign `hash` under the 64-byte public key. High s is refused (geth crypto/signature_cgo.go:70@v1.9.25). */
export function verify(hash: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (hash.length !== 32 || signature.length !== 64 || !isOnCurve(publicKey)) return false;
  if (!isInRange(signature.subarray(0, 32)) || !isInRange(signature.subarray(32))) return false;
  return curve.verify(hash, signature, uncompressed(publicKey));
}

/** x coordinate (32 bytes) of key · point; undefined if the 64 bytes are no point, which is found out before the key is used. */
export function ecdhX(key: PrivateKey, publicKey: Uint8Array): Uint8Array | undefined {
  return ecdhPoint(key, publicKey)?.slice(1);
}

/** `ecdhX` of a point as it comes off the wire, 65 bytes; undefined unless `parseUncompressed` takes it. */
export function ecdhXOf(key: PrivateKey, point: Uint8Array): Uint8Array | undefined {
  return parseUncompressed(point) === undefined ? undefined : curve.multiply(point, key)?.slice(1);
}

/** key · point, compressed (33 bytes); undefined as `ecdhX`. */
export function ecdhPoint(key: PrivateKey, publicKey: Uint8Array): Uint8Array | undefined {
  if (!isOnCurve(publicKey)) return undefined;
  return curve.multiply(uncompressed(publicKey), key);
}

/** Last 20 bytes of the hash of the 64-byte public key. */
export function addressOf(publicKey: Uint8Array): Uint8Array {
  return keccak256(publicKey).slice(12);
}
