import { defineErrors } from "#util";

/** Texts that geth has are geth's (accounts/keystore @v1.17.5). No text holds a password, a key or a file's content. */
export const KeyStoreError = defineErrors("KEYSTORE", {
  /** One error for a wrong password and for a file changed under it: they cannot be told apart. */
  DECRYPT: { message: () => "could not decrypt key with given password", blame: "caller" },
  NO_MATCH: { message: () => "no key for given address or file", blame: "caller" },
  AMBIGUOUS: {
    /** Paths of the files, sorted. */
    message: (d: { files: readonly string[] }) => `multiple keys match address (${d.files.join(", ")})`,
    blame: "caller",
  },
  EXISTS: { message: () => "account already exists", blame: "caller" },
  IMPORTING: { message: () => "account is being imported by another process", blame: "caller" },
  MISMATCH: {
    message: (d: { have: string; want: string }) =>
      `key content mismatch: have account ${d.have}, want ${d.want}`,
    blame: "environment",
  },
  BAD_FILE: { message: (d: { why: string }) => `not a key file: ${d.why}`, blame: "environment" },
  VERSION: {
    message: (d: { version: string }) => `version not supported: ${d.version}`,
    blame: "environment",
  },
  CIPHER: { message: (d: { cipher: string }) => `cipher not supported: ${d.cipher}`, blame: "environment" },
  KDF: { message: (d: { kdf: string }) => `unsupported KDF: ${d.kdf}`, blame: "environment" },
  PRF: { message: (d: { prf: string }) => `unsupported PBKDF2 PRF: ${d.prf}`, blame: "environment" },
  PARAMS: {
    message: (d: { why: string }) => `key derivation parameters out of bounds: ${d.why}`,
    blame: "environment",
  },
  INVALID_KEY: { message: () => "invalid key: not in the range of secp256k1", blame: "environment" },
  BUSY: {
    message: (d: { waiting: number }) =>
      `too many passwords are being checked (${d.waiting}), try again later`,
    blame: "environment",
    rpcCode: -32005,
  },
  UNUSABLE: {
    message: (d: { folder: string; why: string }) => `keystore ${d.folder} cannot be used: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  NOT_SAVED: {
    message: (d: { why: string }) => `the key was not saved: ${d.why}`,
    blame: "environment",
    exitCode: 5,
  },
  NO_WORDS: {
    message: () => "this account keeps no mnemonic: it was not made from one, or one with a passphrase",
    blame: "caller",
  },
  DURATION: { message: () => "unlock duration too large", blame: "caller" },
  STOPPED: { message: () => "the keystore was stopped meanwhile", blame: "caller" },
});
