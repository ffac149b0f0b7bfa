import {
  baseDerivationPath,
  type ChainStateReader,
  formatAccountUrl,
  legacyLedgerDerivationPath,
  type Wallet,
} from "#accounts";
import type { Logger } from "#log";
import type { Node } from "#node";
import { GlimError, toHex } from "#util";

/** Balance and nonce at the head, asked of the running node itself. */
function chainOf(node: Node): ChainStateReader {
  const ask = async (method: string, address: Uint8Array) =>
    BigInt(String(await node.attach().request({ method, params: [toHex(address), "latest"] })));
  return {
    balance: (address) => ask("eth_getBalance", address),
    nonce: (address) => ask("eth_getTransactionCount", address),
  };
}

/**
 * Opens hardware wallets as they come and lists their used accounts, as the program geth does and a bare node does not
 * (cmd/geth/main.go startNode@v1.11.6). Key files have nothing to open.
 */
export function watchWallets(node: Node, log: Logger): Disposable {
  const open = (wallet: Wallet) => {
    if (wallet.url.scheme === "keystore") return;
    wallet.open("").catch((error: unknown) => {
      if (!(error instanceof GlimError)) throw error;
      log.warn("a wallet could not be opened", { url: formatAccountUrl(wallet.url), why: error.message });
    });
  };
  const subscription = node.accountManager.events.subscribe(({ type, wallet }) => {
    const url = formatAccountUrl(wallet.url);
    if (type === "arrived") open(wallet);
    else if (type === "opened") {
      log.info("new wallet", { url, status: wallet.status().text });
      const legacy = wallet.url.scheme === "ledger" ? [legacyLedgerDerivationPath] : [];
      wallet.selfDerive([...legacy, baseDerivationPath], chainOf(node));
    } else if (wallet.url.scheme !== "keystore") {
      log.info("wallet is gone", { url });
      void wallet.close();
    }
  });
  void node.accountManager.wallets().then((wallets) => {
    for (const wallet of wallets) open(wallet);
  });
  return subscription;
}
