import { Feed } from "#event";
import type { Logger } from "#log";
import { AccountsError } from "./errors.ts";
import { compareAccountUrls, isSameUrl, parseAccountUrl } from "./url.ts";
import type { Account, AccountBackend, AccountRef, LocalKeys, Wallet, WalletEvent } from "./wallet.ts";

export interface AccountManagerOptions {
  /** Absent: a node without keys of its own. */
  readonly keyStore?: LocalKeys | undefined;
  /** Further providers, of devices. */
  readonly backends?: readonly AccountBackend[] | undefined;
  /** Accounts may be unlocked although strangers may reach the RPC endpoints. */
  readonly insecureUnlockAllowed?: boolean | undefined;
  /** Whether an endpoint is open that others than this machine's user may reach. */
  readonly isRpcOpen?: (() => boolean) | undefined;
  readonly log: Logger;
}

/** Every account this node can sign for, whatever holds it (seed: accounts.Manager). */
export class AccountManager {
  /** What all backends tell. */
  readonly events: Feed<WalletEvent>;
  readonly #options: AccountManagerOptions;
  readonly #backends: AccountBackend[] = [];
  readonly #subscriptions: Disposable[] = [];
  #isRunning = false;

  constructor(options: AccountManagerOptions) {
    this.#options = options;
    this.events = new Feed((error) => options.log.error("a listener of wallet events failed", { error }));
    for (const backend of [options.keyStore, ...(options.backends ?? [])])
      if (backend !== undefined) this.#add(backend);
  }

  /** The backend that makes keys. @throws ACCOUNTS_NO_KEYSTORE */
  get keyStore(): LocalKeys {
    const { keyStore } = this.#options;
    if (keyStore === undefined) throw AccountsError("NO_KEYSTORE");
    return keyStore;
  }

  /** @throws ACCOUNTS_UNLOCK_FORBIDDEN while an HTTP or WebSocket endpoint is open, unless the config allows it */
  assertMayUnlock(): void {
    const { insecureUnlockAllowed = false, isRpcOpen = () => false } = this.#options;
    if (!insecureUnlockAllowed && isRpcOpen()) throw AccountsError("UNLOCK_FORBIDDEN");
  }

  /** Adds a provider; its wallets are there when this resolves. */
  async addBackend(backend: AccountBackend): Promise<void> {
    this.#add(backend);
    if (this.#isRunning) await backend.start();
  }

  #add(backend: AccountBackend): void {
    this.#backends.push(backend);
    this.#subscriptions.push(backend.events.subscribe((event) => void this.events.send(event)));
  }

  /** Backends begin to notice what comes and goes. */
  async start(): Promise<void> {
    this.#isRunning = true;
    for (const backend of this.#backends) await backend.start();
  }

  /** Forgets every unlocked key and lets devices go. Every backend is tried; the first failure is thrown at the end. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    const results = await Promise.allSettled(this.#backends.map((backend) => backend.stop()));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** All wallets, by URL. */
  async wallets(): Promise<readonly Wallet[]> {
    const lists = await Promise.all(this.#backends.map((backend) => backend.wallets()));
    const [only, ...others] = lists.filter((list) => list.length > 0);
    if (others.length === 0) return only ?? []; // sorted already
    return lists.flat().sort((a, b) => compareAccountUrls(a.url, b.url));
  }

  /** All accounts, in the order of their wallets. */
  async accounts(): Promise<readonly Account[]> {
    const lists = await Promise.all((await this.wallets()).map((wallet) => wallet.accounts()));
    return lists.flat();
  }

  /** The wallet at a URL. @throws ACCOUNTS_BAD_URL, ACCOUNTS_UNKNOWN_WALLET */
  async wallet(url: string): Promise<Wallet> {
    const wanted = parseAccountUrl(url);
    const found = (await this.wallets()).find((wallet) => isSameUrl(wallet.url, wanted));
    if (found === undefined) throw AccountsError("UNKNOWN_WALLET");
    return found;
  }

  /** The wallet that holds an account. @throws ACCOUNTS_UNKNOWN_ACCOUNT */
  async find(account: AccountRef): Promise<Wallet> {
    const found = (await this.wallets()).find((wallet) => wallet.contains(account));
    if (found === undefined) throw AccountsError("UNKNOWN_ACCOUNT");
    return found;
  }
}
