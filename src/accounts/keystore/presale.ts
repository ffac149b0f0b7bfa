import { addressOf, aesCbcDecrypt, isPrivateKey, keccak256, publicKeyOf } from "#crypto";
import { equalBytes } from "#util";
import { KeyStoreError } from "./errors.ts";
import { hexOf, parseMembers } from "./json.ts";
import type { KdfQueue } from "./kdf.ts";
import type { OpenKey } from "./key-file.ts";

/**
 * Opens a wallet of the presale of 2014: `{encseed, ethaddr, …}`, AES-CBC under 2,000 rounds of PBKDF2 with the password
 * as salt.
 * @throws KEYSTORE_BAD_FILE, KEYSTORE_DECRYPT for a wrong password
 * @see accounts/keystore/presale.go@v1.17.5
 */
export async function decryptPresale(
  bytes: Uint8Array,
  password: Uint8Array,
  queue: KdfQueue,
): Promise<OpenKey> {
  const members = parseMembers(bytes);
  const seed = hexOf(members, "encseed", { min: 32, max: 2_048 });
  const expected = hexOf(members, "ethaddr", { min: 20, max: 20 });
  const derived = await queue.derive(password, {
    kdf: "pbkdf2",
    iterations: 2_000,
    salt: password,
    length: 16,
  });
  const plain = aesCbcDecrypt(derived, seed.subarray(0, 16), seed.subarray(16));
  derived.fill(0);
  if (plain === undefined) throw KeyStoreError("DECRYPT");
  const key = keccak256(plain);
  plain.fill(0);
  if (!isPrivateKey(key)) throw KeyStoreError("DECRYPT");
  const address = addressOf(publicKeyOf(key));
  if (!equalBytes(address, expected)) {
    key.fill(0);
    throw KeyStoreError("DECRYPT"); // the padding fits by chance once in 256
  }
  return { key, address, id: undefined };
}
