import { type Account, type AccountRef, compareAccountUrls, isSameUrl } from "#accounts";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import { compareBytes, equalBytes, GlimError } from "#util";
import { KeyStoreError } from "./errors.ts";
import { inBatches, type KeyDir, type SeenFile } from "./key-dir.ts";
import { claimedAddress } from "./key-file.ts";
import { limits } from "./limits.ts";

export const SCHEME = "keystore";

/** A file of the folder that is no key file we can use. */
export interface BrokenFile {
  readonly path: string;
  readonly why: string;
}

/** What a file held when it was last looked at. */
interface Entry {
  readonly stamp: string;
  readonly account: Account | undefined;
  readonly broken: BrokenFile | undefined;
}

export interface AccountCacheOptions {
  readonly dir: KeyDir;
  readonly clock: Clock;
  readonly log: Logger;
  /** Accounts came or went. */
  readonly onChange: () => void;
}

/**
 * The accounts of a folder, read again when something changes in it: told by the file system and settled 500 ms later,
 * or, where it does not tell, on access and at most each 2 s. A file is read again only if it changed (KS-06, F41).
 */
export class AccountCache {
  readonly #options: AccountCacheOptions;
  /** By file name. BOUNDED: limits.files (100,000). */
  #entries: ReadonlyMap<string, Entry> = new Map();
  #accounts: readonly Account[] = [];
  #watcher: Disposable | undefined;
  #debounce: Timer | undefined;
  #lastScan: number | undefined;
  #scanning: Promise<void> | undefined;
  #isRunning = false;

  constructor(options: AccountCacheOptions) {
    this.#options = options;
  }

  /** Accounts by URL, as fresh as the rules above make them. */
  async accounts(): Promise<readonly Account[]> {
    await this.#refresh();
    return this.#accounts;
  }

  /** Files that are no usable key files, by name. */
  async broken(): Promise<readonly BrokenFile[]> {
    await this.#refresh();
    return [...this.#entries.values()].flatMap(({ broken }) => broken ?? []);
  }

  /** Begins to watch the folder. */
  start(): void {
    this.#isRunning = true;
    this.#watch();
  }

  stop(): void {
    this.#isRunning = false;
    this.#unwatch();
    this.#debounce?.cancel();
    this.#debounce = undefined;
    this.#lastScan = undefined;
  }

  /** Reads the folder now. Who asks while it is being read gets a reading that began afterwards. */
  async scan(): Promise<void> {
    await this.#scanning;
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    await this.#scanning;
  }

  /**
   * The one account that is meant: by file, else by address.
   * @throws KEYSTORE_NO_MATCH, KEYSTORE_AMBIGUOUS with the files
   */
  async find({ address, url }: AccountRef): Promise<Account> {
    const all = await this.accounts();
    const matches = address === undefined ? all : all.filter((one) => equalBytes(one.address, address));
    if (url !== undefined && url.path !== "") {
      const path = /[/\\]/.test(url.path) ? url.path : this.#options.dir.join(url.path);
      const exact = matches.find((one) => isSameUrl(one.url, { scheme: SCHEME, path }));
      if (exact !== undefined) return exact;
      if (address === undefined) throw KeyStoreError("NO_MATCH");
    }
    const [first, ...others] = matches;
    if (first === undefined || (address === undefined && url === undefined)) throw KeyStoreError("NO_MATCH");
    if (others.length > 0) throw KeyStoreError("AMBIGUOUS", { files: matches.map((one) => one.url.path) });
    return first;
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options;
    const isFresh =
      this.#lastScan !== undefined &&
      (this.#watcher !== undefined || clock.now() - this.#lastScan < limits.rescanMs);
    if (isFresh) await this.#scanning;
    else await this.scan();
  }

  #watch(): void {
    if (!this.#isRunning || this.#watcher !== undefined) return;
    this.#watcher = this.#options.dir.watch(() => {
      this.#debounce ??= this.#options.clock.after(limits.debounceMs, () => {
        this.#debounce = undefined;
        this.scan().catch((error: unknown) => {
          this.#options.log.warn("keystore cannot be read", { error });
        });
      });
    });
  }

  #unwatch(): void {
    this.#watcher?.[Symbol.dispose]();
    this.#watcher = undefined;
  }

  async #scan(): Promise<void> {
    const { dir, clock, onChange } = this.#options;
    this.#watch(); // before it is read, so that no change falls between
    await dir.check();
    const found = await dir.list();
    if (found === undefined) this.#unwatch(); // it is another folder that may come in its place
    const files = found ?? [];
    const old = this.#entries;
    const read = await inBatches(files, async (file) => {
      const known = old.get(file.name);
      return [file.name, known?.stamp === file.stamp ? known : await this.#look(file)] as const;
    });
    this.#entries = new Map(read);
    this.#lastScan = clock.now();
    const accounts = read
      .flatMap(([, entry]) => entry.account ?? [])
      .sort((a, b) => compareAccountUrls(a.url, b.url));
    const isSame =
      accounts.length === this.#accounts.length &&
      accounts.every((one, i) => {
        const other = this.#accounts[i];
        return (
          other !== undefined &&
          isSameUrl(one.url, other.url) &&
          compareBytes(one.address, other.address) === 0
        );
      });
    this.#accounts = accounts;
    if (!isSame) onChange();
  }

  async #look({ name, stamp }: SeenFile): Promise<Entry> {
    const { dir, log } = this.#options;
    const path = dir.join(name);
    try {
      const read = await dir.read(path);
      if (read === undefined) return { stamp: "", account: undefined, broken: undefined };
      const address = claimedAddress(read.bytes);
      if (address === undefined) return { stamp, account: undefined, broken: { path, why: "no address" } };
      if (read.isExposed) log.warn("key file is readable by others; chmod 600 it", { path });
      return { stamp, account: { address, url: { scheme: SCHEME, path } }, broken: undefined };
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      log.debug("no key file", { path, why: error.message });
      return { stamp, account: undefined, broken: { path, why: error.message } };
    }
  }
}
