import {
  type Account,
  type AccountRef,
  AccountsError,
  type AccountUrl,
  isSameUrl,
  type SignOptions,
  textHash,
  typedDataDigest,
  type TypedDataHashes,
  type Wallet,
  type WalletStatus,
} from "#accounts";
import { type PrivateKey, sign } from "#crypto";
import { signTransaction, type Transaction, type TransactionFields } from "#core/types";
import { equalBytes } from "#util";

/** What a wallet needs of its keystore. */
export interface KeyHolder {
  isUnlocked(address: Uint8Array): boolean;
  /** Runs `use` with the key of an account: the unlocked one, or opened by the password. */
  withKey<T>(account: AccountRef, options: SignOptions, use: (key: PrivateKey) => T): Promise<T>;
}

/** One key file as a wallet of one account (accounts/keystore/wallet.go@v1.17.5). */
export class KeyFileWallet implements Wallet {
  readonly account: Account;
  readonly #keys: KeyHolder;

  constructor(account: Account, keys: KeyHolder) {
    this.account = account;
    this.#keys = keys;
  }

  get url(): AccountUrl {
    return this.account.url;
  }

  status(): WalletStatus {
    return { text: this.#keys.isUnlocked(this.account.address) ? "Unlocked" : "Locked" };
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async accounts(): Promise<readonly Account[]> {
    return [this.account];
  }

  contains({ address, url }: AccountRef): boolean {
    return (
      (address === undefined || equalBytes(address, this.account.address)) &&
      (url === undefined || isSameUrl(url, this.url)) &&
      (address !== undefined || url !== undefined)
    );
  }

  async derive(): Promise<Account> {
    throw AccountsError("NOT_SUPPORTED");
  }

  selfDerive(): void {}

  signText(account: AccountRef, text: Uint8Array, options: SignOptions = {}): Promise<Uint8Array> {
    return this.#signDigest(account, textHash(text), options);
  }

  signTypedData(
    account: AccountRef,
    hashes: TypedDataHashes,
    options: SignOptions = {},
  ): Promise<Uint8Array> {
    return this.#signDigest(account, typedDataDigest(hashes), options);
  }

  signTransaction(
    account: AccountRef,
    fields: TransactionFields,
    options: SignOptions = {},
  ): Promise<Transaction> {
    return this.#sign(account, options, (key) => signTransaction(fields, key));
  }

  #signDigest(account: AccountRef, digest: Uint8Array, options: SignOptions): Promise<Uint8Array> {
    return this.#sign(account, options, (key) => sign(digest, key).bytes);
  }

  async #sign<T>(account: AccountRef, options: SignOptions, use: (key: PrivateKey) => T): Promise<T> {
    if (!this.contains(account)) throw AccountsError("UNKNOWN_ACCOUNT");
    return this.#keys.withKey(account, options, use);
  }
}
