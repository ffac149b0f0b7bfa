// long: one class with one life: every way a key comes, is used and goes
import {
  type Account,
  type AccountRef,
  AccountsError,
  type DerivationPath,
  isSameUrl,
  type LocalKeys,
  type Password,
  type SignOptions,
  type Wallet,
  type WalletEvent,
} from "#accounts";
import { addressOf, generateKey, type PrivateKey, publicKeyOf, sign } from "#crypto";
import { Feed } from "#event";
import type { Host } from "#host";
import type { Logger } from "#log";
import { equalBytes, toHex } from "#util";
import { AccountCache, type BrokenFile, SCHEME } from "./account-cache.ts";
import { KeyStoreError } from "./errors.ts";
import { KdfQueue, lightScrypt, type ScryptLevel, standardScrypt } from "./kdf.ts";
import { KeyDir } from "./key-dir.ts";
import { decryptKey, encryptKey, type OpenKey } from "./key-file.ts";
import { KeyFileWallet } from "./key-file-wallet.ts";
import { keyFileName } from "./key-file-name.ts";
import { decryptPresale } from "./presale.ts";
import { withPassword } from "./secret.ts";
import { UnlockedKeys } from "./unlocked-keys.ts";

export interface KeyStoreOptions {
  /** Absolute path of the folder; made (0700) at the first write. */
  readonly folder: string;
  /** New files cost a tenth of a second and 4 MiB to open, instead of a second and 256 MiB. */
  readonly useLightweightKdf?: boolean | undefined;
  /** The folder goes at a stop, and is made only when something is written. */
  readonly isTemporary?: boolean | undefined;
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log: Logger;
}

/** Words that a key was derived from: to be overwritten by whoever asked. */
export interface ExportedWords {
  readonly entropy: Uint8Array;
  readonly path: DerivationPath;
}

/** Longest unlock, seconds: what fits geth's duration. */
const MAX_UNLOCK_SECONDS = 9_223_372_036;

/**
 * A folder of encrypted keys, one file each, in geth's form and readable by it; and those of them that are open now
 * (seed: accounts/keystore.KeyStore). Keys live in memory only while they are used or unlocked, and are overwritten
 * afterwards; what the JavaScript heap copied by itself is not ours to overwrite.
 */
export class KeyStore implements LocalKeys {
  readonly events: Feed<WalletEvent>;
  readonly #dir: KeyDir;
  readonly #cache: AccountCache;
  readonly #unlocked: UnlockedKeys;
  readonly #queue = new KdfQueue();
  readonly #level: ScryptLevel;
  readonly #isTemporary: boolean;
  readonly #host: Pick<Host, "clock" | "entropy">;
  /** By URL, as last told. BOUNDED: as the cache's accounts. */
  #wallets: readonly KeyFileWallet[] = [];
  /** Counts the stops: a password that was being checked meanwhile unlocks nothing. */
  #stops = 0;

  constructor({ folder, useLightweightKdf = false, isTemporary = false, host, log }: KeyStoreOptions) {
    this.#host = host;
    this.#isTemporary = isTemporary;
    this.#dir = new KeyDir(folder);
    this.#level = useLightweightKdf ? lightScrypt : standardScrypt;
    this.#unlocked = new UnlockedKeys(host.clock);
    this.events = new Feed((error) => log.error("a listener of wallet events failed", { error }));
    const onChange = () => void this.#tellChanges();
    this.#cache = new AccountCache({ dir: this.#dir, clock: host.clock, log, onChange });
  }

  get folder(): string {
    return this.#dir.path;
  }

  /** Makes the folder, refuses one that others may change, and begins to watch it. @throws KEYSTORE_UNUSABLE (exit 2) */
  async start(): Promise<void> {
    if (!this.#isTemporary) await this.#dir.prepare();
    this.#cache.start();
  }

  /** Locks and overwrites every open key. */
  async stop(): Promise<void> {
    this.#stops++;
    this.#cache.stop();
    this.#unlocked.lockAll();
    if (this.#isTemporary) await this.#dir.destroy();
  }

  async wallets(): Promise<readonly Wallet[]> {
    await this.#cache.accounts();
    return this.#wallets;
  }

  /** Accounts by URL. */
  accounts(): Promise<readonly Account[]> {
    return this.#cache.accounts();
  }

  /** Files of the folder that cannot be used, and why. */
  broken(): Promise<readonly BrokenFile[]> {
    return this.#cache.broken();
  }

  async has(address: Uint8Array): Promise<boolean> {
    return (await this.#cache.accounts()).some((one) => equalBytes(one.address, address));
  }

  /** The one account that is meant. @throws KEYSTORE_NO_MATCH, KEYSTORE_AMBIGUOUS */
  find(account: AccountRef): Promise<Account> {
    return this.#cache.find(account);
  }

  isUnlocked(address: Uint8Array): boolean {
    return this.#unlocked.has(address);
  }

  /** A new key in a new file. */
  async newAccount(password: Password): Promise<Account> {
    const key = generateKey(this.#host.entropy);
    try {
      return await this.#store({ key, id: undefined }, password);
    } finally {
      key.fill(0);
    }
  }

  /**
   * A key in a new file; with the words it was derived from, if they are to be exported again.
   * @throws KEYSTORE_EXISTS
   */
  async importKey(key: PrivateKey, password: Password, words?: ExportedWords): Promise<Account> {
    return this.#import({ key, id: undefined, words }, password);
  }

  /** The content of a key file under a new password. @throws KEYSTORE_EXISTS, KEYSTORE_DECRYPT, … */
  async importJson(json: Uint8Array, password: Password, newPassword: Password): Promise<Account> {
    const queue = this.#queue;
    const open = await withPassword(password, (bytes) => decryptKey(json, bytes, { queue }));
    try {
      return await this.#import(open, newPassword);
    } finally {
      wipe(open);
    }
  }

  /** A presale wallet, under its own password. @throws KEYSTORE_EXISTS, KEYSTORE_DECRYPT, KEYSTORE_BAD_FILE */
  async importPresale(json: Uint8Array, password: Password): Promise<Account> {
    const open = await withPassword(password, (bytes) => decryptPresale(json, bytes, this.#queue));
    try {
      return await this.#import(open, password);
    } finally {
      wipe(open);
    }
  }

  /** A key file's content under another password; nothing changes on disk. */
  async exportJson(account: AccountRef, password: Password, newPassword: Password): Promise<Uint8Array> {
    return this.#opened(account, password, (open) =>
      withPassword(newPassword, (bytes) => encryptKey(open, bytes, this.#encryption)),
    );
  }

  /** The words an account was imported from. @throws KEYSTORE_NO_WORDS */
  async exportWords(account: AccountRef, password: Password): Promise<ExportedWords> {
    return this.#opened(account, password, async ({ words }) => {
      if (words === undefined) throw KeyStoreError("NO_WORDS");
      return { path: words.path, entropy: words.entropy.slice() };
    });
  }

  /** Encrypts an account anew, in the newest form and under a new password, in its old file. */
  async update(account: AccountRef, password: Password, newPassword: Password): Promise<void> {
    const { url } = await this.find(account);
    await this.#opened({ ...account, url }, password, (open) =>
      this.#write(url.path, open, newPassword, { mayReplace: true }),
    );
  }

  /** Removes an account's file, if the password opens it. The account is locked. */
  async delete(account: AccountRef, password: Password): Promise<void> {
    const found = await this.find(account);
    await this.#opened(found, password, async ({ address }) => {
      await this.#dir.remove(found.url.path);
      this.#unlocked.lock(address);
    });
    await this.#cache.scan();
  }

  /** Whether the password opens the account, which stays as it is. */
  async check(account: AccountRef, password: Password): Promise<Account> {
    const found = await this.find(account);
    await this.#opened(found, password, async () => {});
    return found;
  }

  /**
   * Opens an account for so many seconds (0: until it is locked, or the keystore stops). A later unlock replaces the
   * time, but never shortens one without end. The password is checked each time.
   * @throws KEYSTORE_DECRYPT; an account that was open stays so
   */
  async unlock(account: AccountRef, password: Password, seconds = 0): Promise<void> {
    if (seconds > MAX_UNLOCK_SECONDS) throw KeyStoreError("DURATION");
    const stops = this.#stops;
    await this.#opened(account, password, async ({ key, address }) => {
      if (stops !== this.#stops) throw KeyStoreError("STOPPED");
      this.#unlocked.put(address, key.slice() as PrivateKey, seconds); // as: a copy of a key is one
    });
  }

  /** Never fails: an account that is not open, or unknown, stays so. */
  lock(address: Uint8Array): void {
    this.#unlocked.lock(address);
  }

  /** Signs 32 bytes with an open key: r ‖ s ‖ recovery. @throws ACCOUNTS_AUTH_NEEDED */
  signHash(address: Uint8Array, hash: Uint8Array): Uint8Array {
    const key = this.#unlocked.get(address);
    if (key === undefined) throw AccountsError("AUTH_NEEDED", { needed: "password or unlock" });
    return sign(hash, key).bytes;
  }

  /** @throws ACCOUNTS_AUTH_NEEDED for a locked account and no password; KEYSTORE_* for a password that does not open it */
  async withKey<T>(account: AccountRef, { password }: SignOptions, use: (key: PrivateKey) => T): Promise<T> {
    if (password !== undefined) return this.#opened(account, password, async ({ key }) => use(key));
    const { address } = account.address === undefined ? await this.find(account) : account;
    const key = address === undefined ? undefined : this.#unlocked.get(address);
    if (key === undefined) throw AccountsError("AUTH_NEEDED", { needed: "password or unlock" });
    return use(key);
  }

  get #encryption() {
    return { level: this.#level, queue: this.#queue, entropy: this.#host.entropy };
  }

  /** Opens an account's file, and overwrites what was in it once `use` is done. */
  async #opened<T>(account: AccountRef, password: Password, use: (open: OpenKey) => Promise<T>): Promise<T> {
    const { address, url } = await this.find(account);
    const read = await this.#dir.read(url.path);
    if (read === undefined) throw KeyStoreError("NO_MATCH");
    const open = await withPassword(password, (bytes) =>
      decryptKey(read.bytes, bytes, { queue: this.#queue, expected: address }),
    );
    try {
      return await use(open);
    } finally {
      wipe(open);
    }
  }

  async #import(open: Pick<OpenKey, "key" | "id" | "words">, password: Password): Promise<Account> {
    const address = addressOf(publicKeyOf(open.key));
    await this.#dir.prepare();
    const nowMs = this.#host.clock.unixSeconds() * 1_000;
    return this.#dir.claimed(toHex(address).slice(2), nowMs, async () => {
      await this.#cache.scan();
      if (await this.has(address)) throw KeyStoreError("EXISTS");
      return this.#store(open, password);
    });
  }

  async #store(open: Pick<OpenKey, "key" | "id" | "words">, password: Password): Promise<Account> {
    const address = addressOf(publicKeyOf(open.key));
    await this.#dir.prepare();
    const path = this.#dir.join(keyFileName(address, this.#host));
    await this.#write(path, open, password, { mayReplace: false });
    await this.#cache.scan();
    return { address, url: { scheme: SCHEME, path } };
  }

  /** Encrypts, writes, and opens what was written before it takes its place. */
  async #write(
    path: string,
    open: Pick<OpenKey, "key" | "id" | "words">,
    password: Password,
    { mayReplace }: { readonly mayReplace: boolean },
  ): Promise<void> {
    const queue = this.#queue;
    const expected = addressOf(publicKeyOf(open.key));
    await withPassword(password, async (bytes) => {
      const file = await encryptKey(open, bytes, this.#encryption);
      await this.#dir.write(path, file, {
        mayReplace,
        unique: toHex(this.#host.entropy.bytes(6)).slice(2),
        verify: async (read) => wipe(await decryptKey(read, bytes, { queue, expected })),
      });
    });
  }

  /** The cache has read: wallets that came and went are told. */
  async #tellChanges(): Promise<void> {
    const accounts = await this.#cache.accounts();
    const old = this.#wallets;
    const same = (wallet: KeyFileWallet, account: Account) =>
      isSameUrl(wallet.url, account.url) && equalBytes(wallet.account.address, account.address);
    const byPath = new Map(old.map((wallet) => [wallet.url.path, wallet]));
    const arrived: KeyFileWallet[] = [];
    const wallets = accounts.map((account) => {
      const known = byPath.get(account.url.path);
      if (known !== undefined && same(known, account)) return known;
      const wallet = new KeyFileWallet(account, this);
      arrived.push(wallet);
      return wallet;
    });
    this.#wallets = wallets;
    const kept = new Set(wallets);
    for (const wallet of old) if (!kept.has(wallet)) this.events.send({ type: "dropped", wallet });
    for (const wallet of arrived) this.events.send({ type: "arrived", wallet });
  }
}

function wipe({ key, words }: OpenKey): void {
  key.fill(0);
  words?.entropy.fill(0);
}
