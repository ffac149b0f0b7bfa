import { defaultIterator, formatDerivationPath, parseDerivationPath } from "#accounts";
import { checksumAddress } from "#core/types";
import { parsePrivateKey } from "#crypto";
import { deriveKey, entropyOf, mnemonicOf, newMnemonic, seedOf } from "#crypto/hd";
import { nodeHost } from "#host/node";
import { readPasswords } from "./passwords.ts";
import { type KeyWork, namedAddresses, NEW_PASSWORD, readNamedFile } from "./key-work.ts";
import { withPasswordOf } from "./unlock.ts";

/** The passphrase of words: from its file, else asked for; "" without one. @throws CLI_BAD_FILE, CLI_NO_MATCH */
async function passphraseOf({ flags, io, passwords }: KeyWork, isNew: boolean): Promise<string> {
  const path = flags["hd.passphrase.file"];
  if (path === undefined && !flags["hd.passphrase"]) return "";
  const [line, ...others] = (await readPasswords(path, nodeHost())) ?? [];
  for (const other of others) other.fill(0);
  if (line === undefined) io.print("The passphrase of the words: whoever forgets it has other accounts.");
  const bytes = line ?? (await passwords.another("Passphrase: ", { isNew }));
  const text = new TextDecoder().decode(bytes);
  bytes.fill(0);
  return text;
}

/**
 * Derives `--hd.count` accounts from `--hd.path` on and keeps each with its words, under one password. Words with a
 * passphrase are not kept: they are another account without it, and programs that find them in a file (ethers) would refuse it.
 */
async function keepWords(words: string, passphrase: string, work: KeyWork): Promise<void> {
  const { keys, passwords, flags, io } = work;
  const entropy = entropyOf(words);
  const seed = await seedOf(words, passphrase);
  const paths = defaultIterator(parseDerivationPath(flags["hd.path"]));
  const password = await passwords.fresh(0, NEW_PASSWORD);
  try {
    for (let i = 0; i < flags["hd.count"]; i++) {
      const path = paths.next().value;
      const key = parsePrivateKey(deriveKey(seed, path));
      const kept = passphrase === "" ? { entropy, path } : undefined;
      const { address } = await keys.importKey(key, password, kept).finally(() => key.fill(0));
      io.print(`Address: {${checksumAddress(address).slice(2).toLowerCase()}} ${formatDerivationPath(path)}`);
    }
  } finally {
    for (const secret of [entropy, seed, password]) secret.fill(0);
  }
}

/** `account new --mnemonic`: new words, told once. */
export async function newWords(work: KeyWork): Promise<void> {
  const words = newMnemonic(nodeHost().entropy);
  await keepWords(words, await passphraseOf(work, true), work);
  work.io.print(`\nMnemonic: ${words}`);
  work.io.print("Whoever has these words has the account. Write them down and show them to nobody.");
}

/** `account import --mnemonic FILE`. */
export async function importWords(work: KeyWork): Promise<void> {
  const { bytes } = await readNamedFile(work.args);
  const words = new TextDecoder().decode(bytes);
  bytes.fill(0);
  await keepWords(words, await passphraseOf(work, false), work);
}

/** `account export-mnemonic ADDRESS`. */
export async function exportWords({ keys, passwords, args, io }: KeyWork): Promise<void> {
  for (const [index, [name, address]] of namedAddresses(args, "export-mnemonic").entries())
    await withPasswordOf(name, index, passwords, async (password) => {
      const { entropy, path } = await keys.exportWords({ address }, password);
      io.print(`${formatDerivationPath(path)} ${mnemonicOf(entropy)}`);
      entropy.fill(0);
    });
}
