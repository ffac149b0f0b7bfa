/**
 * accounts/keystore: keys in encrypted files, one each, in geth's form: version 3 with scrypt (versions 1 and 3 with PBKDF2
 * are read, and presale wallets), and those that are unlocked. The seed's `accounts/keystore`.
 *
 *   file → parse, bound → derive (off this thread) → MAC → key → sign → overwrite
 *
 * What a file may cost is in limits.ts. Writes are whole, synced and read back before they count. Is not: RPC
 * (`#ethapi`), prompts (`cli`), words (`#crypto/hd`).
 */
export type { BrokenFile } from "./account-cache.ts";
export { KeyStoreError } from "./errors.ts";
export { KeyFileWallet } from "./key-file-wallet.ts";
export { type ExportedWords, KeyStore, type KeyStoreOptions } from "./key-store.ts";
