/**
 * crypto/hd: words (BIP-39) and the keys derived from them (BIP-32), English list. The only importer of their libraries;
 * a room of its own, because the word list is only loaded where somebody uses words.
 *
 * Not here: what a path means and how it is written (`#accounts`), where keys are kept (`#accounts/keystore`).
 */
export { HdError } from "./errors.ts";
export { deriveKey, entropyOf, mnemonicOf, newMnemonic, seedOf } from "./hd.ts";
