import { concatBytes } from "#util";
import { CryptoError } from "./errors.ts";
import {
  type EntropySource,
  ecdhX,
  ecdhXOf,
  generateKey,
  type PrivateKey,
  publicKeyOf,
  systemEntropy,
} from "./keys.ts";
import { aesCtr, hmacSha256, sha256, timingSafeEqual } from "./symmetric.ts";

const POINT_BYTES = 65;
const IV_BYTES = 16;
const MAC_BYTES = 32;
/** What encryption adds: point, start value, MAC. */
export const ECIES_OVERHEAD = POINT_BYTES + IV_BYTES + MAC_BYTES;

const COUNTER_ONE = Uint8Array.of(0, 0, 0, 1);
const NOTHING = new Uint8Array(0);

/** NIST SP 800-56 concatenation KDF, one round: 16 bytes for AES, 16 from which the MAC key is hashed. */
function deriveKeys(shared: Uint8Array): { encryption: Uint8Array; mac: Uint8Array } {
  const material = sha256(concatBytes(COUNTER_ONE, shared));
  return { encryption: material.subarray(0, 16), mac: sha256(material.subarray(16)) };
}

export interface EciesOptions {
  /** Authenticated with the message but not in it: the size prefix of EIP-8. */
  readonly macData?: Uint8Array | undefined;
}

/**
 * Encrypts to a 64-byte public key: `0x04 ‖ ephemeral(64) ‖ iv(16) ‖ AES-128-CTR(message) ‖ HMAC-SHA256(32)`.
 * @throws CRYPTO_PUBLIC_KEY if the receiver is no point
 * @see https://github.com/ethereum/devp2p/blob/master/rlpx.md#ecies-encryption · geth crypto/ecies/ecies.go:249@v1.9.25
 */
export function eciesEncrypt(
  receiver: Uint8Array,
  message: Uint8Array,
  {
    macData = NOTHING,
    entropy = systemEntropy,
  }: EciesOptions & { readonly entropy?: EntropySource | undefined } = {},
): Uint8Array {
  const ephemeral = generateKey(entropy);
  const shared = ecdhX(ephemeral, receiver);
  if (shared === undefined) throw CryptoError("PUBLIC_KEY");
  const keys = deriveKeys(shared);
  const iv = entropy.bytes(IV_BYTES);
  const out = new Uint8Array(ECIES_OVERHEAD + message.length);
  out[0] = 0x04;
  out.set(publicKeyOf(ephemeral), 1);
  out.set(iv, POINT_BYTES);
  out.set(aesCtr(keys.encryption, iv, message), POINT_BYTES + IV_BYTES);
  const macAt = out.length - MAC_BYTES;
  out.set(hmacSha256(keys.mac, out.subarray(POINT_BYTES, macAt), macData), macAt);
  return out;
}

/**
 * Opens what `eciesEncrypt` made. The point is checked before the key touches it, and every failure is the same error (RX-02, RX-04).
 * @throws CRYPTO_ECIES (blame: peer): shorter than 113 bytes, no uncompressed point of the curve, or a MAC that does not hold
 */
export function eciesDecrypt(
  key: PrivateKey,
  sealed: Uint8Array,
  { macData = NOTHING }: EciesOptions = {},
): Uint8Array {
  if (sealed.length < ECIES_OVERHEAD) throw CryptoError("ECIES");
  const shared = ecdhXOf(key, sealed.subarray(0, POINT_BYTES));
  if (shared === undefined) throw CryptoError("ECIES");
  const keys = deriveKeys(shared);
  const macAt = sealed.length - MAC_BYTES;
  const mac = hmacSha256(keys.mac, sealed.subarray(POINT_BYTES, macAt), macData);
  if (!timingSafeEqual(mac, sealed.subarray(macAt))) throw CryptoError("ECIES");
  const iv = sealed.subarray(POINT_BYTES, POINT_BYTES + IV_BYTES);
  return aesCtr(keys.encryption, iv, sealed.subarray(POINT_BYTES + IV_BYTES, macAt));
}
