/**
 * crypto: keccak, secp256k1, ECIES, AES, HMAC, scrypt, PBKDF2. The only importer of crypto libraries: WASM keccak, native libsecp256k1 where it loads
 * and its WASM build elsewhere, node:crypto for the rest. `elliptic` is never loaded.
 *
 * Public keys are 64 bytes (x ‖ y); signatures 65 (r ‖ s ‖ recovery 0 … 3). Bad input from strangers is `undefined` or `false`
 * (`recover`, `verify`, `ecdhX`, `decompressPublicKey`) or CRYPTO_ECIES; the rest of CRYPTO_* is the caller's mistake.
 *
 * Not here: RLPx handshake and frames (`#p2p/rlpx`), transaction signing rules (`#core/types`), key files (`#accounts/keystore`), words and
 * derivation paths (`#crypto/hd`).
 */
export { ECIES_OVERHEAD, type EciesOptions, eciesDecrypt, eciesEncrypt } from "./ecies.ts";
export { CryptoError } from "./errors.ts";
export { aesCbcDecrypt, pbkdf2Key, type Pbkdf2Params, scryptKey, type ScryptParams } from "./kdf.ts";
export { Keccak, keccak256, keccak512 } from "./keccak.ts";
export {
  addressOf,
  compressPublicKey,
  curveBackend,
  decompressPublicKey,
  ecdhPoint,
  ecdhX,
  type EntropySource,
  generateKey,
  isPrivateKey,
  isValidPublicKey,
  isValidSignature,
  parsePrivateKey,
  parseUncompressed,
  type PrivateKey,
  publicKeyOf,
  recover,
  sign,
  type Signature,
  signatureBytes,
  systemEntropy,
  verify,
} from "./keys.ts";
export { recoverAddresses, type SignedHash } from "./recovery.ts";
export {
  aesCtr,
  type AesCtr,
  aesEcbBlock,
  aesGcmOpen,
  aesGcmSeal,
  createAesCtr,
  hkdfSha256,
  hmacSha256,
  sha256,
  timingSafeEqual,
} from "./symmetric.ts";
