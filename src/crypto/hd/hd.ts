import { HDKey } from "@scure/bip32";
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeed } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { HdError } from "./errors.ts";

/** Words as they are compared: one space between, lower case, NFKD. */
const normalise = (words: string) => words.normalize("NFKD").trim().toLowerCase().split(/\s+/).join(" ");

/**
 * Words → 16 to 32 bytes.
 * @throws HD_WORDS
 */
export function entropyOf(words: string): Uint8Array {
  try {
    return mnemonicToEntropy(normalise(words), wordlist);
  } catch {
    throw HdError("WORDS"); // the library's message would repeat a word
  }
}

/** 16 to 32 bytes (a multiple of 4) → 12 to 24 words. @throws HD_WORDS for another length */
export function mnemonicOf(entropy: Uint8Array): string {
  try {
    return entropyToMnemonic(entropy, wordlist);
  } catch {
    throw HdError("WORDS");
  }
}

/** New words: 12 from 16 bytes, 24 from 32. */
export function newMnemonic(source: { bytes(length: number): Uint8Array }, wordCount: 12 | 24 = 12): string {
  return mnemonicOf(source.bytes(wordCount === 12 ? 16 : 32));
}

/** Words and passphrase → the 64-byte seed (PBKDF2, 2,048 rounds). @throws HD_WORDS */
export async function seedOf(words: string, passphrase = ""): Promise<Uint8Array> {
  entropyOf(words).fill(0); // checks the words
  return mnemonicToSeed(normalise(words), passphrase);
}

/**
 * The private key (32 bytes, in [1, n)) at a path below the seed; components ≥ 2^31 are hardened.
 * @throws HD_PATH where there is none (one in 2^127)
 */
export function deriveKey(seed: Uint8Array, path: readonly number[]): Uint8Array {
  let node = HDKey.fromMasterSeed(seed);
  for (const component of path) {
    const child = node.deriveChild(component);
    node.wipePrivateData();
    node = child;
  }
  const key = node.privateKey?.slice();
  node.wipePrivateData();
  if (key === undefined) throw HdError("PATH");
  return key;
}
