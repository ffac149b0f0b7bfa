import type { PrivateKey } from "#crypto";
import { keccak256 } from "#crypto";
import type { Transaction, TransactionFields } from "#core/types";
import type { Feed } from "#event";
import { concatBytes, utf8Encode } from "#util";
import type { DerivationPath } from "./hd-path.ts";
import type { AccountUrl } from "./url.ts";

/** An account at one place. */
export interface Account {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly url: AccountUrl;
}

/** Which account is meant: by address, by place, or both. */
export interface AccountRef {
  readonly address?: Uint8Array | undefined;
  readonly url?: AccountUrl | undefined;
}

/** A password: bytes as they are, or text taken as UTF-8 without any normalisation. */
export type Password = Uint8Array | string;

export interface WalletStatus {
  /** For people: `Locked`, `Ethereum app v1.9.0 online`. */
  readonly text: string;
  /** What made the wallet unusable. */
  readonly failure?: Error | undefined;
}

/** What self-derivation asks of a chain, at its head. */
export interface ChainStateReader {
  balance(address: Uint8Array): Promise<bigint>;
  nonce(address: Uint8Array): Promise<bigint>;
}

/** How a signature is asked for: with the password an account that is locked signs too, and stays locked. */
export interface SignOptions {
  readonly password?: Password | undefined;
}

/** The two hashes that a structure signs (EIP-712): what devices take that cannot hash it themselves. */
export interface TypedDataHashes {
  /** 32 bytes each. */
  readonly domainHash: Uint8Array;
  readonly messageHash: Uint8Array;
}

/** A holder of one or more accounts (seed: accounts.Wallet). Signatures are r ‖ s ‖ recovery (0 or 1), 65 bytes. */
export interface Wallet {
  readonly url: AccountUrl;
  status(): WalletStatus;
  /**
   * Connects to a device; nothing to do for key files. May ask for a second call (a Trezor's PIN).
   * @throws ACCOUNTS_WALLET_OPEN
   */
  open(passphrase: string): Promise<void>;
  close(): Promise<void>;
  accounts(): Promise<readonly Account[]>;
  contains(account: AccountRef): boolean;
  /** The account at a path; with `pin` the wallet lists it from now on. @throws ACCOUNTS_NOT_SUPPORTED, ACCOUNTS_WALLET_CLOSED */
  derive(path: DerivationPath, options: { readonly pin: boolean }): Promise<Account>;
  /** Lists used accounts from these paths on, and the first unused one of the last; `undefined` ends it. */
  selfDerive(bases: readonly DerivationPath[], chain: ChainStateReader | undefined): void;
  /** Signs `textHash(text)`. @throws ACCOUNTS_AUTH_NEEDED while locked */
  signText(account: AccountRef, text: Uint8Array, options?: SignOptions): Promise<Uint8Array>;
  /** Signs keccak256(0x1901 ‖ domainHash ‖ messageHash). */
  signTypedData(account: AccountRef, hashes: TypedDataHashes, options?: SignOptions): Promise<Uint8Array>;
  /** A legacy transaction is protected by EIP-155 if its fields have a chainId. */
  signTransaction(
    account: AccountRef,
    fields: TransactionFields,
    options?: SignOptions,
  ): Promise<Transaction>;
}

/** A wallet came, was opened, or went. */
export interface WalletEvent {
  readonly type: "arrived" | "opened" | "dropped";
  readonly wallet: Wallet;
}

/** A provider of wallets (seed: accounts.Backend). */
export interface AccountBackend {
  readonly events: Feed<WalletEvent>;
  /** Those there now, by URL. */
  wallets(): Promise<readonly Wallet[]>;
  /** Begins to notice what comes and goes. Twice is fine. */
  start(): Promise<void>;
  /** Forgets every secret and ends what runs. It may be started again. */
  stop(): Promise<void>;
}

/** The backend whose keys are ours to make: what `personal_` needs beside wallets. Fitted by `KeyStore`. */
export interface LocalKeys extends AccountBackend {
  newAccount(password: Password): Promise<Account>;
  importKey(key: PrivateKey, password: Password): Promise<Account>;
  /** `seconds` 0: until it is locked, or the node stops. */
  unlock(account: AccountRef, password: Password, seconds?: number): Promise<void>;
  lock(address: Uint8Array): void;
  /** Signs 32 bytes with an unlocked key, at once: r ‖ s ‖ recovery. @throws ACCOUNTS_AUTH_NEEDED */
  signHash(address: Uint8Array, hash: Uint8Array): Uint8Array;
}

/**
 * What a message is signed as: keccak256("\x19Ethereum Signed Message:\n" ‖ length ‖ text), so that no signature of a
 * text is one of a transaction (EIP-191).
 */
export function textHash(text: Uint8Array): Uint8Array {
  return keccak256(utf8Encode(`\x19Ethereum Signed Message:\n${text.length}`), text);
}

/** What a structure is signed as (EIP-712). */
export function typedDataDigest({ domainHash, messageHash }: TypedDataHashes): Uint8Array {
  return keccak256(concatBytes(Uint8Array.of(0x19, 0x01), domainHash, messageHash));
}
