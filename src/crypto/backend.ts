/**
 * What we ask of a secp256k1 library. Inputs are checked by us before (lengths, ranges, curve membership), so a failure left over is one of
 * mathematics: `undefined`, never an exception.
 */
export interface CurveBackend {
  readonly name: "native" | "wasm";
  isPrivateKey(key: Uint8Array): boolean;
  /** 65 bytes, or undefined for a key out of range. */
  publicKey(key: Uint8Array): Uint8Array | undefined;
  /** `point`: 33 or 65 bytes; 33 or 65 bytes come back. */
  convert(point: Uint8Array, compressed: boolean): Uint8Array | undefined;
  sign(
    hash: Uint8Array,
    key: Uint8Array,
  ): { readonly signature: Uint8Array; readonly recovery: number } | undefined;
  recover(hash: Uint8Array, signature: Uint8Array, recovery: 0 | 1 | 2 | 3): Uint8Array | undefined;
  /** Low s only. */
  verify(hash: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean;
  /** The product, compressed: 33 bytes. */
  multiply(point: Uint8Array, key: Uint8Array): Uint8Array | undefined;
}
