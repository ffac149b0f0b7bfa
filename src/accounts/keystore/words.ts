import { formatDerivationPath, parseDerivationPath, type DerivationPath } from "#accounts";
import { aesCtr } from "#crypto";
import { toHex } from "#util";
import { hexOf, type Members, membersOf, textOf } from "./json.ts";

/** The words a key was derived from, as the member `x-ethers` of a key file keeps them. Only words without a passphrase are kept. */
export interface KeptWords {
  /** 16 to 32 bytes; `#crypto/hd` makes words of them. */
  readonly entropy: Uint8Array;
  /** Where the key stands. */
  readonly path: DerivationPath;
}

export interface SealedWords {
  readonly path: DerivationPath;
  readonly counter: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/**
 * `x-ethers` of a key file, if it is there and holds English words.
 * @throws KEYSTORE_BAD_FILE, ACCOUNTS_BAD_PATH for one that is broken
 * @see ethers v6 wallet/json-keystore.ts
 */
export function parseKeptWords(file: Members): SealedWords | undefined {
  const value = file.get("x-ethers");
  if (value === undefined) return undefined;
  const members = membersOf(value, "x-ethers");
  if (members.get("mnemonicciphertext") === undefined || members.get("version") !== "0.1") return undefined;
  const locale = members.get("locale") ?? "en";
  if (locale !== "en") return undefined;
  return {
    path: parseDerivationPath(members.has("path") ? textOf(members, "path") : "m/44'/60'/0'/0/0"),
    counter: hexOf(members, "mnemoniccounter", { min: 16, max: 16 }),
    ciphertext: hexOf(members, "mnemonicciphertext", { min: 16, max: 32 }),
  };
}

const secondHalf = (derived: Uint8Array) => derived.subarray(32, 64);

/** `derived`: the 64 bytes that the password gives. */
export function decryptWords({ path, counter, ciphertext }: SealedWords, derived: Uint8Array): KeptWords {
  return { path, entropy: aesCtr(secondHalf(derived), counter, ciphertext) };
}

export function encryptWords(
  { entropy: plain, path }: KeptWords,
  derived: Uint8Array,
  entropy: { bytes(length: number): Uint8Array },
): object {
  const counter = entropy.bytes(16);
  return {
    client: "glim",
    path: formatDerivationPath(path),
    locale: "en",
    mnemonicCounter: toHex(counter).slice(2),
    mnemonicCiphertext: toHex(aesCtr(secondHalf(derived), counter, plain)).slice(2),
    version: "0.1",
  };
}
