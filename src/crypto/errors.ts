import { defineErrors } from "#util";

export const CryptoError = defineErrors("CRYPTO", {
  PRIVATE_KEY: {
    message: () => "not a secp256k1 private key: 32 bytes in [1, n) are wanted",
    blame: "caller",
  },
  PUBLIC_KEY: { message: () => "not a point of secp256k1", blame: "caller" },
  LENGTH: {
    message: (d: { what: string; length: number; want: string }) =>
      `${d.what}: ${d.length} bytes where ${d.want} are wanted`,
    blame: "caller",
  },
  KDF: { message: (d: { why: string }) => `key derivation refused: ${d.why}`, blame: "caller" },
  /** One error for every way an ECIES message can be wrong, so that it tells an attacker nothing. */
  ECIES: { message: () => "ECIES message does not open", blame: "peer", disconnect: 0x02 },
});
