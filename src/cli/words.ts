import { defaultIterator, formatDerivationPath, parseDerivationPath } from "#accounts";
import { checksumAddress } from "#core/types";
import { parsePrivateKey } from "#crypto";
import { deriveKey, entropyOf, mnemonicOf, newMnemonic, seedOf } from "#crypto/hd";
import { nodeHost } from "#host/node";
import { type KeyWork, namedAddresses, NEW_PASSWORD, readNamedFile } from "./key-work.ts";
import { withPasswordOf } from "./unlock.ts";

/** Derives `--hd.count` accounts from `--hd.path` on and keeps each with its words, under one password. */
async function keepWords(words: string, { keys, passwords, flags, io }: KeyWork): Promise<void> {
  const entropy = entropyOf(words);
  const seed = await seedOf(words);
  const paths = defaultIterator(parseDerivationPath(flags["hd.path"]));
  const password = await passwords.fresh(0, NEW_PASSWORD);
  try {
    for (let i = 0; i < flags["hd.count"]; i++) {
      const path = paths.next().value;
      const key = parsePrivateKey(deriveKey(seed, path));
      const { address } = await keys.importKey(key, password, { entropy, path }).finally(() => key.fill(0));
      io.print(`Address: {${checksumAddress(address).slice(2).toLowerCase()}} ${formatDerivationPath(path)}`);
    }
  } finally {
    for (const secret of [entropy, seed, password]) secret.fill(0);
  }
}

/** `account new --mnemonic`: new words, told once. */
export async function newWords(work: KeyWork): Promise<void> {
  const words = newMnemonic(nodeHost().entropy);
  await keepWords(words, work);
  work.io.print(`\nMnemonic: ${words}`);
  work.io.print("Whoever has these words has the account. Write them down and show them to nobody.");
}

/** `account import --mnemonic FILE`. */
export async function importWords(work: KeyWork): Promise<void> {
  const { bytes } = await readNamedFile(work.args);
  const words = new TextDecoder().decode(bytes);
  bytes.fill(0);
  await keepWords(words, work);
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
