import { type Account, type AccountRef, formatAccountUrl, type LocalKeys, parseAccountUrl } from "#accounts";
import { KeyStoreError } from "#accounts/keystore";
import type { Signer } from "#consensus";
import { checksumAddress } from "#core/types";
import type { Host } from "#host";
import type { Logger } from "#log";
import { AccountsError } from "#accounts";
import { type Config, Node } from "#node";
import { fromHex, isError, toHex } from "#util";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";
import { PasswordSource, readPasswords } from "./passwords.ts";

/** Times a password is asked for. */
const ATTEMPTS = 3;

/** An address in hex, with or without 0x; undefined for anything else. */
export function parseAddress(text: string): Uint8Array | undefined {
  return /^(?:0x)?[0-9a-fA-F]{40}$/i.test(text) ? fromHex(text.replace(/^0x/i, "")) : undefined;
}

/** An address, or (as old geth) the place of an account in the list. @throws CLI_BAD_FLAG */
async function accountOf(text: string, keys: LocalKeys, log: Logger): Promise<AccountRef> {
  const address = parseAddress(text);
  if (address !== undefined) return { address };
  const refuse = (why: string) => CliError("BAD_FLAG", { flag: "--unlock", why });
  if (!/^[0-9]{1,6}$/.test(text))
    throw refuse(`invalid account address or index ${JSON.stringify(text.slice(0, 60))}`);
  log.warn("naming accounts by their place in the list is dangerous: use addresses", { index: Number(text) });
  const accounts = (await Promise.all((await keys.wallets()).map((wallet) => wallet.accounts()))).flat();
  const found = accounts[Number(text)];
  if (found === undefined) throw refuse(`index ${text} higher than number of accounts ${accounts.length}`);
  return { address: found.address, url: found.url };
}

/** Several files hold the address: the password says which one is meant (geth's ambiguousAddrRecovery). */
export async function tryEach(
  files: readonly string[],
  address: Uint8Array | undefined,
  open: (account: AccountRef) => Promise<unknown>,
  io: Io,
): Promise<AccountRef> {
  const accounts = files.map((path) => ({ address, url: parseAccountUrl(`keystore://${path}`) }));
  io.print(`Multiple key files exist for address ${address === undefined ? "" : toHex(address).slice(2)}:`);
  for (const { url } of accounts) io.print(`   ${formatAccountUrl(url)}`);
  io.print("Testing your password against all of them...");
  for (const account of accounts) {
    try {
      await open(account);
    } catch (error) {
      if (KeyStoreError.is(error)) continue;
      throw error;
    }
    io.print(`Your password unlocked ${formatAccountUrl(account.url)}`);
    io.print("In order to avoid this warning, you need to remove the following duplicate key files:");
    for (const other of accounts) if (other !== account) io.print(`   ${formatAccountUrl(other.url)}`);
    return account;
  }
  throw CliError("UNLOCK_FAILED", { account: "", why: "none of the listed files could be unlocked" });
}

/** Asks for an account's password, up to three times, until `open` takes it. @throws CLI_UNLOCK_FAILED with geth's text */
export async function withPasswordOf<T>(
  name: string,
  index: number,
  passwords: PasswordSource,
  open: (password: Uint8Array) => Promise<T>,
): Promise<T> {
  const attempts = passwords.isFile ? 1 : ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    const what = `Unlocking account ${name} | Attempt ${attempt}/${ATTEMPTS}`;
    const password = await passwords.of(index, what);
    try {
      return await open(password);
    } catch (error) {
      if (!KeyStoreError.is(error)) throw error;
      if (!KeyStoreError.is(error, "DECRYPT") || attempt === attempts)
        throw CliError("UNLOCK_FAILED", { account: name, why: error.message }, { cause: error });
    } finally {
      password.fill(0);
    }
  }
}

/** What `--unlock` and `--password` say. */
export interface UnlockFlags {
  readonly unlock: readonly string[];
  readonly password: string | undefined;
}

/**
 * Opens the accounts of `--unlock`, until the node stops. Before the start: what cannot be opened starts nothing.
 * @throws CLI_UNLOCK_FAILED; ACCOUNTS_UNLOCK_FORBIDDEN while HTTP or WebSocket is open
 */
export async function unlockAccounts(
  node: Node,
  { unlock, password }: UnlockFlags,
  host: Pick<Host, "files">,
  io: Io,
): Promise<void> {
  if (unlock.length === 0) return;
  const { accountManager, config } = node;
  accountManager.assertMayUnlock();
  const keys = accountManager.keyStore;
  const passwords = new PasswordSource(io, await readPasswords(password, host));
  for (const [index, name] of unlock.entries()) {
    const account = await accountOf(name, keys, config.logger);
    await withPasswordOf(name, index, passwords, async (secret) => {
      try {
        await keys.unlock(account, secret);
      } catch (error) {
        if (!isError(error, "KEYSTORE_AMBIGUOUS")) throw error;
        const { files } = error.data as { readonly files: readonly string[] }; // what the row is made from
        await tryEach(files, account.address, (one) => keys.unlock(one, secret), io);
      }
    });
    const shown = account.address === undefined ? name : checksumAddress(account.address);
    config.logger.info("Unlocked account", { address: shown });
  }
}

/**
 * With `--unlock`, endpoints that nobody named stay closed, as they are in geth unless they are named: an account that is
 * open while strangers may call would be theirs. Named ones stay, and the unlock is refused or allowed by its flag.
 */
export function guardEndpoints(
  config: Config,
  flags: Pick<UnlockFlags, "unlock">,
  isNamed: (path: "http" | "ws") => boolean,
  io: Io,
): Config {
  if (flags.unlock.length === 0 || config.insecureUnlockAllowed === true) return config;
  const closed = (["http", "ws"] as const).filter((name) => config[name]?.host !== "" && !isNamed(name));
  if (closed.length === 0) return config;
  io.complain(
    "an account is unlocked: HTTP and WebSocket stay closed (--http --allow-insecure-unlock opens them all the same)",
  );
  return { ...config, ...Object.fromEntries(closed.map((name) => [name, { host: "" }])) };
}

/**
 * The account that seals: the named one, else the first. It signs as long as it is unlocked.
 * @throws CLI_MISSING_FLAG without any account
 */
export async function accountSigner(node: Node, etherbase: string | undefined): Promise<Signer> {
  const keys = node.accountManager.keyStore;
  // geth writes the zero address into its configuration file where none is set
  const isSet = etherbase !== undefined && !/^(?:0x)?0{40}$/i.test(etherbase);
  const named = isSet ? parseAddress(etherbase) : undefined;
  if (isSet && named === undefined)
    throw CliError("BAD_FLAG", { flag: "--miner.etherbase", why: "want an address, 40 hex digits" });
  const [first] = await firstAccounts(keys);
  const address = named ?? first?.address;
  if (address === undefined)
    throw CliError("MISSING_FLAG", {
      flag: "--miner.etherbase",
      why: "--mine needs an account that seals (glim account new), or --miner.key",
    });
  await node.accountManager.find({ address }).catch((error: unknown) => {
    if (!AccountsError.is(error, "UNKNOWN_ACCOUNT")) throw error;
    throw CliError("BAD_FLAG", { flag: "--miner.etherbase", why: `signer missing: ${error.message}` });
  });
  return { address, sign: (hash) => keys.signHash(address, hash) };
}

const firstAccounts = async (keys: LocalKeys): Promise<readonly Account[]> =>
  (await (await keys.wallets())[0]?.accounts()) ?? [];
