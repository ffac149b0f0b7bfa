/**
 * accounts: what can sign, and how it is named: wallets and their URLs (`keystore://…`), the manager of all of them,
 * derivation paths, hashes of texts (EIP-191) and structures (EIP-712). The seed's `accounts`.
 *
 * Declares `Wallet` and `AccountBackend`; key files fit them in `#accounts/keystore`, devices in `#accounts/usb`.
 * Holds no key itself. Error texts are today's geth's.
 */
export { AccountsError } from "./errors.ts";
export {
  baseDerivationPath,
  defaultIterator,
  type DerivationPath,
  formatDerivationPath,
  ledgerLiveIterator,
  legacyLedgerDerivationPath,
  parseDerivationPath,
  rootDerivationPath,
} from "./hd-path.ts";
export { AccountManager, type AccountManagerOptions } from "./manager.ts";
export { hashTypedData, type TypedData } from "./typed-data.ts";
export {
  type AccountUrl,
  compareAccountUrls,
  formatAccountUrl,
  isSameUrl,
  parseAccountUrl,
} from "./url.ts";
export {
  type Account,
  type AccountBackend,
  type AccountRef,
  type ChainStateReader,
  type LocalKeys,
  type Password,
  type SignOptions,
  textHash,
  typedDataDigest,
  type TypedDataHashes,
  type Wallet,
  type WalletEvent,
  type WalletStatus,
} from "./wallet.ts";
