// long: one class with one life: open, exchanges, heartbeat, search
import {
  type Account,
  type AccountRef,
  AccountsError,
  type AccountUrl,
  type ChainStateReader,
  type DerivationPath,
  formatDerivationPath,
  textHash,
  typedDataDigest,
  type TypedDataHashes,
  type Wallet,
  type WalletStatus,
} from "#accounts";
import { checksumAddress, senderOf, type Transaction, type TransactionFields } from "#core/types";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import { ByteMap, equalBytes, isError } from "#util";
import type { Driver } from "./driver.ts";
import { UsbError } from "./errors.ts";
import type { HidDevice } from "./hid.ts";
import { signerOf } from "./signatures.ts";

/** Between two looks whether the device is still there, ms (geth). */
const HEARTBEAT_MS = 1_000;
/** Least time between two searches for used accounts, ms (geth). */
const DERIVE_EVERY_MS = 1_000;
/** BOUNDED: accounts one device lists. */
const MAX_ACCOUNTS = 1_000;

export interface UsbWalletOptions {
  readonly url: AccountUrl;
  readonly driver: Driver;
  openDevice(): Promise<HidDevice>;
  /** Told before and after a user is asked on the device: nobody may enumerate meanwhile. */
  readonly onPending: (change: 1 | -1) => void;
  readonly onOpened: (wallet: UsbWallet) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Search {
  readonly chain: ChainStateReader;
  /** Where to go on, one path for each base; the last one shows the next unused account. */
  readonly next: DerivationPath[];
}

/** A device as a wallet: accounts by derivation path, every exchange after the one before (accounts/usbwallet/wallet.go). */
export class UsbWallet implements Wallet {
  readonly url: AccountUrl;
  readonly #options: UsbWalletOptions;
  readonly #driver: Driver;
  #device: HidDevice | undefined;
  #isOpen = false;
  #accounts: Account[] = [];
  readonly #paths = new ByteMap<DerivationPath>();
  #turn: Promise<unknown> = Promise.resolve();
  #heartbeat: Timer | undefined;
  #search: Search | undefined;
  #lastSearch: number | undefined;
  #searching: Promise<void> | undefined;

  constructor(options: UsbWalletOptions) {
    this.#options = options;
    this.#driver = options.driver;
    this.url = options.url;
  }

  status(): WalletStatus {
    const { text, failure } = this.#driver.status();
    return this.#device === undefined ? { text: "Closed", failure } : { text, failure };
  }

  async open(passphrase: string): Promise<void> {
    if (this.#isOpen) throw AccountsError("WALLET_OPEN");
    await this.#inTurn(async () => {
      this.#device ??= await this.#reach(() => this.#options.openDevice());
      await this.#driver.open(guarded(this.#device), passphrase);
    });
    this.#isOpen = true;
    this.#beat();
    this.#options.onOpened(this);
  }

  async close(): Promise<void> {
    this.#heartbeat?.cancel();
    const device = this.#device;
    this.#device = undefined;
    this.#isOpen = false;
    this.#accounts = [];
    this.#paths.clear();
    this.#search = undefined;
    this.#turn = Promise.resolve(); // an exchange that still waits for its user is given up
    this.#driver.close();
    await device?.close();
  }

  /** With self-derivation on, used accounts are searched for first, at most each second. */
  async accounts(): Promise<readonly Account[]> {
    await this.#searchOnce();
    return [...this.#accounts];
  }

  contains({ address }: AccountRef): boolean {
    return address !== undefined && this.#paths.has(address);
  }

  async derive(path: DerivationPath, { pin }: { readonly pin: boolean }): Promise<Account> {
    this.#assertOpen();
    const address = await this.#inTurn(() => this.#driver.derive(path));
    const account = this.#accountAt(address, path);
    if (pin) {
      this.#assertOpen();
      this.#list(account, path);
    }
    return account;
  }

  selfDerive(bases: readonly DerivationPath[], chain: ChainStateReader | undefined): void {
    this.#search = chain === undefined ? undefined : { chain, next: [...bases] };
    this.#lastSearch = undefined;
  }

  async signText(account: AccountRef, text: Uint8Array): Promise<Uint8Array> {
    const signer = (signature: Uint8Array) => signerOf(textHash(text), signature);
    return this.#signed(account, (path) => this.#driver.signText(path, text), signer);
  }

  async signTypedData(account: AccountRef, hashes: TypedDataHashes): Promise<Uint8Array> {
    const signer = (signature: Uint8Array) => signerOf(typedDataDigest(hashes), signature);
    return this.#signed(account, (path) => this.#driver.signTypedData(path, hashes), signer);
  }

  async signTransaction(account: AccountRef, fields: TransactionFields): Promise<Transaction> {
    return this.#signed(account, (path) => this.#driver.signTransaction(path, fields), senderOf);
  }

  /** What the device signs at the account's path, if the account signed it. @throws USB_SIGNER_MISMATCH */
  async #signed<T>(
    account: AccountRef,
    ask: (path: DerivationPath) => Promise<T>,
    signer: (signed: T) => Uint8Array | undefined,
  ): Promise<T> {
    const { address, path } = this.#pathOf(account);
    const signed = await this.#confirmed(() => ask(path));
    const got = signer(signed);
    if (got !== undefined && equalBytes(address, got)) return signed;
    throw UsbError("SIGNER_MISMATCH", {
      expected: checksumAddress(address),
      got: got === undefined ? "nobody" : checksumAddress(got),
    });
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw AccountsError("WALLET_CLOSED");
  }

  #pathOf({ address }: AccountRef): { readonly address: Uint8Array; readonly path: DerivationPath } {
    this.#assertOpen();
    const path = address === undefined ? undefined : this.#paths.get(address);
    if (address === undefined || path === undefined) throw AccountsError("UNKNOWN_ACCOUNT");
    return { address, path };
  }

  #accountAt(address: Uint8Array, path: DerivationPath): Account {
    const { scheme, path: device } = this.url;
    return { address, url: { scheme, path: `${device}/${formatDerivationPath(path)}` } };
  }

  #list(account: Account, path: DerivationPath): void {
    if (this.#paths.has(account.address) || this.#accounts.length >= MAX_ACCOUNTS) return;
    this.#accounts.push(account);
    this.#paths.set(account.address, path);
  }

  /** An exchange during which the user is asked. */
  async #confirmed<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      this.#options.onPending(1);
      try {
        return await work();
      } finally {
        this.#options.onPending(-1);
      }
    });
  }

  /** One exchange after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #reach<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw UsbError("DEVICE", { why: error.message }, { cause: error });
    }
  }

  /** A device that is gone is closed. */
  #beat(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT_MS, () => {
      this.#inTurn(async () => {
        if (this.#isOpen) await this.#driver.heartbeat();
      }).then(
        () => {
          if (this.#isOpen) this.#beat();
        },
        async (error: unknown) => {
          this.#options.log.debug("device is gone", { url: this.url, error });
          const { failure } = this.#driver.status();
          await this.close().catch(() => {}); // it is gone already
          this.#lost = failure;
        },
      );
    });
  }

  /** Why the device was given up, for the hub, which drops such a wallet. */
  #lost: Error | undefined;
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  async #searchOnce(): Promise<void> {
    const { clock, log } = this.#options;
    const search = this.#search;
    const isDue = this.#lastSearch === undefined || clock.now() - this.#lastSearch >= DERIVE_EVERY_MS;
    if (search === undefined || !this.#isOpen || !isDue) return;
    this.#searching ??= this.#findUsed(search)
      .catch((error: unknown) => {
        if (!isError(error, "ACCOUNTS_WALLET_CLOSED")) log.warn("deriving accounts failed", { error });
      })
      .finally(() => {
        this.#searching = undefined;
        this.#lastSearch = clock.now();
      });
    await this.#searching;
  }

  /** From each base on: every used account, and of the last base the first unused one (wallet.go selfDerive). */
  async #findUsed({ chain, next }: Search): Promise<void> {
    for (const [base, from] of next.entries()) {
      for (let path = from; ; ) {
        const at = path;
        const address = await this.#inTurn(() => this.#driver.derive(at));
        const [balance, nonce] = [await chain.balance(address), await chain.nonce(address)];
        if (!this.#isOpen) return;
        const isEmpty = balance === 0n && nonce === 0n;
        if (isEmpty && base < next.length - 1) break;
        this.#list(this.#accountAt(address, at), at);
        if (isEmpty || this.#accounts.length >= MAX_ACCOUNTS) break;
        path = at.map((one, i) => (i === at.length - 1 ? one + 1 : one));
        next[base] = path;
      }
    }
  }
}

/** Failures of the transport as ours. */
function guarded(device: HidDevice): HidDevice {
  const tell = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw UsbError("DEVICE", { why: error.message }, { cause: error });
    }
  };
  return {
    write: (report) => tell(device.write(report)),
    read: () => tell(device.read()),
    close: () => device.close(),
  };
}
