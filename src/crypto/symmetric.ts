import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hash as hashOnce,
  hkdfSync,
  timingSafeEqual as nodeTimingSafeEqual,
} from "node:crypto";
import { CryptoError } from "./errors.ts";

/** Plain bytes: a Buffer's `slice` would share memory where everybody else's copies. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return plain(hashOnce("sha256", only, "buffer")); // no stream is made
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return plain(hash.digest());
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return plain(mac.digest());
}

function bitsOf(key: Uint8Array): number {
  if (key.length !== 16 && key.length !== 32)
    throw CryptoError("LENGTH", { what: "AES key", length: key.length, want: "16 or 32" });
  return key.length * 8;
}

/** A running AES-CTR key stream: what is encrypted and decrypted is the same operation. */
export interface AesCtr {
  update(bytes: Uint8Array): Uint8Array;
}

/** AES-128-CTR or AES-256-CTR by the key's length; `iv`: 16 bytes. */
export function createAesCtr(key: Uint8Array, iv: Uint8Array): AesCtr {
  if (iv.length !== 16) throw CryptoError("LENGTH", { what: "AES-CTR start", length: iv.length, want: "16" });
  const cipher = createCipheriv(`aes-${bitsOf(key)}-ctr`, key, iv);
  return { update: (bytes) => plain(cipher.update(bytes)) };
}

/** One message under AES-CTR. */
export function aesCtr(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createAesCtr(key, iv).update(bytes);
}

/** A kept AES cipher over single 16-byte blocks, as the RLPx MAC uses it. */
export function aesEcbBlock(key: Uint8Array): (block: Uint8Array) => Uint8Array {
  const cipher = createCipheriv(`aes-${bitsOf(key)}-ecb`, key, null).setAutoPadding(false);
  return (block) => {
    if (block.length !== 16)
      throw CryptoError("LENGTH", { what: "AES block", length: block.length, want: "16" });
    return plain(cipher.update(block));
  };
}

const TAG = 16;

/** AES-128-GCM (key 16 bytes, nonce 12): cipher text ‖ 16 bytes of tag. */
export function aesGcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  text: Uint8Array,
  authenticated: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  cipher.setAAD(authenticated);
  const sealed = new Uint8Array(text.length + TAG);
  sealed.set(cipher.update(text));
  cipher.final();
  sealed.set(cipher.getAuthTag(), text.length);
  return sealed;
}

/** The text of what `aesGcmSeal` made; undefined if the tag is wrong. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  authenticated: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG) return undefined;
  const cipher = createDecipheriv("aes-128-gcm", key, nonce, { authTagLength: TAG });
  cipher.setAAD(authenticated);
  cipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  const text = plain(cipher.update(sealed.subarray(0, sealed.length - TAG)));
  try {
    cipher.final();
  } catch {
    return undefined; // the only reason to throw here is the tag
  }
  return text;
}

/** HKDF (RFC 5869) over SHA-256. */
export function hkdfSha256(
  secret: Uint8Array,
  { salt, info, length }: { salt: Uint8Array; info: Uint8Array; length: number },
): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, length));
}

/** Compares in time that depends on the lengths alone; different lengths are unequal. */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && nodeTimingSafeEqual(a, b);
}
