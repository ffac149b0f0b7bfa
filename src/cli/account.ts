import { formatAccountUrl } from "#accounts";
import { type KeyStore, KeyStoreError } from "#accounts/keystore";
import { checksumAddress } from "#core/types";
import { type PrivateKey, parsePrivateKey } from "#crypto";
import { nodeHost } from "#host/node";
import { fromHex, isError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";
import {
  accountFlags,
  bare,
  keyStoreOf,
  type KeyWork,
  namedAddresses,
  NEW_PASSWORD,
  readNamedFile,
} from "./key-work.ts";
import { PasswordSource, readPasswords } from "./passwords.ts";
import { tryEach, withPasswordOf } from "./unlock.ts";
import { exportWords, importWords, newWords } from "./words.ts";

async function list({ keys, io }: KeyWork): Promise<void> {
  for (const [index, { address, url }] of (await keys.accounts()).entries())
    io.print(`Account #${index}: {${bare(address)}} ${formatAccountUrl(url)}`);
  for (const { path, why } of await keys.broken()) io.complain(`skipped ${path}: ${why}`);
}

async function create(work: KeyWork): Promise<void> {
  if (work.flags.mnemonic) return newWords(work);
  const { keys, passwords, io } = work;
  const password = await passwords.fresh(0, NEW_PASSWORD);
  const { address, url } = await keys.newAccount(password).finally(() => password.fill(0));
  io.print("\nYour new key was generated\n");
  io.print(`Public address of the key:   ${checksumAddress(address)}`);
  io.print(`Path of the secret key file: ${url.path}\n`);
  io.print("- You can share your public address with anyone. Others need it to interact with you.");
  io.print("- You must NEVER share the secret key with anyone! The key controls access to your funds!");
  io.print("- You must BACKUP your key file! Without the key, it's impossible to access account funds!");
  io.print("- You must REMEMBER your password! Without the password, it's impossible to decrypt the key!\n");
}

/** A key file of 64 hex digits and at most a line end (crypto/crypto.go LoadECDSA@v1.11.6). */
function parseKeyFile(bytes: Uint8Array): PrivateKey {
  const refuse = (why: string) =>
    CliError("UNLOCK_FAILED", { account: "", why: `Failed to load the private key: ${why}` });
  const text = new TextDecoder("latin1").decode(bytes);
  const [, digits = "", rest = ""] = /^([^\r\n]{0,64})([^]*)$/.exec(text) ?? [];
  const bad = /[^0-9a-fA-F]/.exec(digits);
  if (bad !== null) throw refuse("invalid hex character in private key");
  if (digits.length < 64) throw refuse("key file too short, want 64 hex characters");
  if (!/^(?:\r?\n){0,2}$/.test(rest)) throw refuse(`invalid character '${rest[0]}' at end of key file`);
  try {
    return parsePrivateKey(fromHex(digits));
  } catch {
    throw refuse("invalid private key");
  }
}

async function importKey(work: KeyWork): Promise<void> {
  if (work.flags.mnemonic) return importWords(work);
  const { keys, passwords, args, io } = work;
  const { bytes } = await readNamedFile(args);
  const key = parseKeyFile(bytes);
  bytes.fill(0);
  const password = await passwords.fresh(0, NEW_PASSWORD);
  try {
    const { address } = await keys.importKey(key, password);
    io.print(`Address: {${bare(address)}}`);
  } catch (error) {
    if (!KeyStoreError.is(error)) throw error;
    throw CliError("UNLOCK_FAILED", { account: "", why: `Could not create the account: ${error.message}` });
  } finally {
    key.fill(0);
    password.fill(0);
  }
}

/**
 * Re-encrypts accounts. From a password file the first line opens them and the second, if there is one, is the new
 * password: with one line only the form of the file is renewed.
 */
async function update({ keys, passwords, args, io }: KeyWork): Promise<void> {
  for (const [name, address] of namedAddresses(args, "update")) {
    await withPasswordOf(name, 0, passwords, async (old) => {
      const account = await opened(keys, address, old, io);
      const fresh = await passwords.fresh(1, "Please give a new password. Do not forget this password.");
      await keys.update(account, old, fresh).finally(() => fresh.fill(0));
    });
  }
}

/** The account that the password opens; of several files, the one. */
async function opened(keys: KeyStore, address: Uint8Array, password: Uint8Array, io: Io) {
  try {
    return await keys.check({ address }, password);
  } catch (error) {
    if (!isError(error, "KEYSTORE_AMBIGUOUS")) throw error;
    const { files } = error.data as { readonly files: readonly string[] }; // what the row is made from
    return tryEach(files, address, (account) => keys.check(account, password), io);
  }
}

async function unlockCheck({ keys, passwords, args, io }: KeyWork): Promise<void> {
  for (const [index, [name, address]] of namedAddresses(args, "unlock-check").entries())
    await withPasswordOf(name, index, passwords, async (password) => {
      const { url } = await opened(keys, address, password, io);
      io.print(`Account {${bare(address)}} opens: ${url === undefined ? "" : formatAccountUrl(url)}`);
    });
}

const subcommands: Readonly<Record<string, (work: KeyWork) => Promise<void>>> = {
  list,
  new: create,
  import: importKey,
  update,
  "unlock-check": unlockCheck,
  "export-mnemonic": exportWords,
};

/** Those that take no word of their own. */
const TAKE_NOTHING: ReadonlySet<string> = new Set(["list", "new"]);

/** `glim account`: keys in files, as geth has them. */
export const account: Command<typeof accountFlags> = {
  usage: `glim account ${Object.keys(subcommands).join("|")} [flags] [ADDRESS …|FILE]`,
  details: [
    "list                     accounts and their files",
    "new                      a new key under a password; with --mnemonic from new words, which are printed once",
    "import FILE              a key of 64 hex digits; with --mnemonic, words",
    "update ADDRESS …         a new password, the newest form of the file",
    "unlock-check ADDRESS …   whether a password opens an account",
    "export-mnemonic ADDRESS  the words an account was imported from",
    "",
    "Passwords are asked for, or read from --password FILE: a line for each, its line end taken off and nothing else.",
    "Keys are files in DATADIR/keystore, in geth's form: copy them between nodes, and back them up.",
  ].join("\n"),
  flags: accountFlags,
  words: Number.POSITIVE_INFINITY,
  async run({ flags: values, rest }, io) {
    const [name = "", ...args] = rest;
    const run = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (run === undefined)
      throw CliError("BAD_FLAG", {
        flag: `account ${name.slice(0, 40)}`.trim(),
        why: `want one of ${Object.keys(subcommands).join(", ")}`,
      });
    const [stray] = TAKE_NOTHING.has(name) ? args : [];
    if (stray !== undefined)
      throw CliError("STRAY_WORD", { word: stray.slice(0, 60), command: `account ${name}`, hint: "" });
    const passwords = new PasswordSource(io, await readPasswords(values.password, nodeHost()));
    const keys = keyStoreOf(values, io);
    await run({ keys, passwords, args, flags: values, io });
  },
};
