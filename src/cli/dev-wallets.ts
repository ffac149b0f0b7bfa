import type { AccountBackend, Wallet, WalletEvent, WalletStatus } from "#accounts";
import { KeyFileWallet } from "#accounts/keystore";
import { Feed } from "#event";
import { type DevAccount, devAccounts } from "./dev-chain.ts";

/** An account of the dev chain, open to whoever calls: its key is public (geth --dev has one such account). */
class DevWallet extends KeyFileWallet {
  constructor({ address, key }: DevAccount, index: number) {
    const account = { address, url: { scheme: "dev", path: String(index) } };
    super(account, { isUnlocked: () => true, withKey: async (_account, _options, use) => use(key) });
  }

  /** Not "Unlocked": there is no secret that a snapshot of the heap would hold. */
  override status(): WalletStatus {
    return { text: "Open to everybody" };
  }
}

/** The funded accounts of the dev chain, for eth_accounts and for signing. */
export class DevWallets implements AccountBackend {
  readonly events: Feed<WalletEvent> = new Feed(() => {});
  readonly #wallets: readonly Wallet[] = devAccounts().map((one, index) => new DevWallet(one, index));

  async wallets(): Promise<readonly Wallet[]> {
    return this.#wallets;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}
}
