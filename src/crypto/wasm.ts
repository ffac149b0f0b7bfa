import type { CurveBackend } from "./backend.ts";

/** The library reports errors as text in place of bytes. */
const bytesOf = (result: Uint8Array | string): Uint8Array | undefined =>
  typeof result === "string" ? undefined : result;

/** libsecp256k1 as WebAssembly: about a third of the native speed, on every machine. Loaded only when wanted. */
export async function wasmBackend(): Promise<CurveBackend> {
  const { secp256k1: lib } = await import("@bitauth/libauth");
  return {
    name: "wasm",
    isPrivateKey: (key) => lib.validatePrivateKey(key),
    publicKey: (key) => bytesOf(lib.derivePublicKeyUncompressed(key)),
    convert: (point, compressed) =>
      bytesOf(compressed ? lib.compressPublicKey(point) : lib.uncompressPublicKey(point)),
    sign(hash, key) {
      const signed = lib.signMessageHashRecoverableCompact(key, hash);
      return typeof signed === "string"
        ? undefined
        : { signature: signed.signature, recovery: signed.recoveryId };
    },
    recover: (hash, signature, recovery) =>
      bytesOf(lib.recoverPublicKeyUncompressed(signature, recovery, hash)),
    verify: (hash, signature, point) => lib.verifySignatureCompactLowS(signature, point, hash),
    multiply: (point, key) => bytesOf(lib.mulTweakPublicKeyCompressed(point, key)),
  };
}
