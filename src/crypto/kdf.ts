import { createDecipheriv, pbkdf2, scrypt } from "node:crypto";
import { CryptoError } from "./errors.ts";
import { scryptNarrow } from "./scrypt-narrow.ts";

export interface ScryptParams {
  /** 1 … 1,024 bytes. */
  readonly salt: Uint8Array;
  /** Cost: a power of two above 1. */
  readonly n: number;
  /** Block size; n · r · 128 bytes of memory are used. */
  readonly r: number;
  readonly p: number;
  /** Bytes wanted. */
  readonly length: number;
}

export interface Pbkdf2Params {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly length: number;
}

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/**
 * scrypt (RFC 7914), on a thread of its own. The caller bounds the parameters: they are work and memory that a file's
 * writer chooses.
 * @throws CRYPTO_KDF for parameters that no scrypt takes
 */
export function scryptKey(password: Uint8Array, params: ScryptParams): Promise<Uint8Array> {
  const { salt, n, r, p, length } = params;
  if (r === 1 && n >= 2 ** 16) return scryptNarrow(password, params);
  const maxmem = 128 * r * (n + p + 2) + 64 * 1024;
  return new Promise((resolve, reject) => {
    try {
      scrypt(password, salt, length, { N: n, r, p, maxmem }, (error, key) =>
        error === null ? resolve(plain(key)) : reject(CryptoError("KDF", { why: error.message })),
      );
    } catch (error) {
      // parameters out of range are thrown at once
      reject(CryptoError("KDF", { why: error instanceof Error ? error.message : String(error) }));
    }
  });
}

/** PBKDF2 with HMAC-SHA-256, on a thread of its own. @throws CRYPTO_KDF */
export function pbkdf2Key(password: Uint8Array, params: Pbkdf2Params): Promise<Uint8Array> {
  const { salt, iterations, length } = params;
  return new Promise((resolve, reject) => {
    try {
      pbkdf2(password, salt, iterations, length, "sha256", (error, key) =>
        error === null ? resolve(plain(key)) : reject(CryptoError("KDF", { why: error.message })),
      );
    } catch (error) {
      reject(CryptoError("KDF", { why: error instanceof Error ? error.message : String(error) }));
    }
  });
}

/** AES-128-CBC with PKCS#7 padding, as old key files use it; undefined if the padding is wrong. */
export function aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  if (key.length !== 16 || iv.length !== 16 || bytes.length === 0 || bytes.length % 16 !== 0)
    return undefined;
  const cipher = createDecipheriv("aes-128-cbc", key, iv);
  try {
    return new Uint8Array(Buffer.concat([cipher.update(bytes), cipher.final()]));
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}
