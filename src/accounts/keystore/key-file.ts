import {
  addressOf,
  aesCbcDecrypt,
  aesCtr,
  isPrivateKey,
  keccak256,
  type PrivateKey,
  publicKeyOf,
  timingSafeEqual,
} from "#crypto";
import { concatBytes, toHex } from "#util";
import { KeyStoreError } from "./errors.ts";
import { hexOf, type Members, membersOf, parseMembers, textOf } from "./json.ts";
import { type KdfParams, type KdfQueue, parseKdf, type ScryptLevel } from "./kdf.ts";
import { limits } from "./limits.ts";
import { decryptWords, encryptWords, type KeptWords, parseKeptWords } from "./words.ts";

/** A decrypted key file. `key` and the entropy of `words` are the caller's to overwrite. */
export interface OpenKey {
  readonly key: PrivateKey;
  /** 20 bytes, of the key; not what the file says. */
  readonly address: Uint8Array;
  /** A UUID; kept over changes of the password. */
  readonly id: string | undefined;
  /** The words it was derived from, where the file keeps them. */
  readonly words?: KeptWords | undefined;
}

/** What a key file says before its password is known. */
export interface SealedKey {
  readonly version: 1 | 3;
  readonly id: string | undefined;
  readonly kdf: KdfParams;
  readonly ciphertext: Uint8Array;
  readonly iv: Uint8Array;
  readonly mac: Uint8Array;
  readonly members: Members;
}

const bare = (bytes: Uint8Array) => toHex(bytes).slice(2);

/**
 * Reads a key file, checks every part of it and bounds what its derivation costs (KS-01, KS-02).
 * @throws KEYSTORE_* by what is wrong
 */
export function parseKeyFile(bytes: Uint8Array): SealedKey {
  const members = parseMembers(bytes);
  const version = versionOf(members);
  const crypto = membersOf(members.get("crypto"), "crypto");
  const cipher = textOf(crypto, "cipher");
  const wanted = version === 1 ? "aes-128-cbc" : "aes-128-ctr";
  if (cipher !== wanted) throw KeyStoreError("CIPHER", { cipher: cipher.slice(0, 40) });
  const id = members.get("id");
  if (id !== undefined && typeof id !== "string") throw KeyStoreError("BAD_FILE", { why: "id is no text" });
  return {
    version,
    id,
    kdf: parseKdf(textOf(crypto, "kdf"), membersOf(crypto.get("kdfparams"), "kdfparams")),
    ciphertext: hexOf(crypto, "ciphertext", { min: 1, max: limits.ciphertextBytes }),
    iv: hexOf(membersOf(crypto.get("cipherparams"), "cipherparams"), "iv", { min: 16, max: 16 }),
    mac: hexOf(crypto, "mac", { min: 32, max: 32 }),
    members,
  };
}

function versionOf(members: Members): 1 | 3 {
  const version = members.get("version");
  if (version === 3) return 3;
  if (version === "1") return 1; // version 1 wrote it as text
  throw KeyStoreError("VERSION", { version: JSON.stringify(version)?.slice(0, 40) ?? "none" });
}

/** The address a file claims, 20 bytes; undefined if it is no key file, or claims the zero address. Costs nothing. */
export function claimedAddress(bytes: Uint8Array): Uint8Array | undefined {
  const members = parseMembers(bytes);
  if (!members.has("address")) return undefined;
  const address = hexOf(members, "address", { min: 20, max: 20 });
  return address.every((byte) => byte === 0) ? undefined : address;
}

/**
 * The bytes a file protects. A wrong password and a changed file give the same error after the same work.
 * @throws KEYSTORE_DECRYPT, KEYSTORE_BUSY
 */
export async function decryptBytes(
  sealed: SealedKey,
  password: Uint8Array,
  queue: KdfQueue,
): Promise<{ readonly plain: Uint8Array; readonly derived: Uint8Array }> {
  const derived = await queue.derive(password, sealed.kdf);
  const mac = keccak256(derived.subarray(16, 32), sealed.ciphertext);
  if (!timingSafeEqual(mac, sealed.mac)) {
    derived.fill(0);
    throw KeyStoreError("DECRYPT");
  }
  const key = derived.subarray(0, 16);
  const plain =
    sealed.version === 3
      ? aesCtr(key, sealed.iv, sealed.ciphertext)
      : aesCbcDecrypt(keccak256(key).subarray(0, 16), sealed.iv, sealed.ciphertext);
  if (plain === undefined) throw KeyStoreError("DECRYPT");
  return { plain, derived };
}

/** Old writers dropped leading zeros: 30 and 31 bytes are keys too (geth testdata v3_test_vector.json). */
function toPrivateKey(plain: Uint8Array): PrivateKey {
  const key = new Uint8Array(32);
  if (plain.length > 32) throw KeyStoreError("INVALID_KEY");
  key.set(plain, 32 - plain.length);
  if (!isPrivateKey(key)) throw KeyStoreError("INVALID_KEY");
  return key;
}

/**
 * Opens a key file of version 3 or 1. The address is that of the key; `expected` refuses any other (no swapped files).
 * @throws KEYSTORE_*
 */
export async function decryptKey(
  bytes: Uint8Array,
  password: Uint8Array,
  { queue, expected }: { readonly queue: KdfQueue; readonly expected?: Uint8Array | undefined },
): Promise<OpenKey> {
  const file = parseKeyFile(bytes);
  const kept = parseKeptWords(file.members);
  // the file says 32 bytes are derived; of 64, the second half opens the words and the first is the same
  const sealed = kept === undefined ? file : { ...file, kdf: { ...file.kdf, length: 64 } };
  const { plain, derived } = await decryptBytes(sealed, password, queue);
  try {
    const key = toPrivateKey(plain);
    const address = addressOf(publicKeyOf(key));
    if (expected !== undefined && bare(expected) !== bare(address)) {
      key.fill(0);
      throw KeyStoreError("MISMATCH", { have: bare(address), want: bare(expected) });
    }
    return { key, address, id: sealed.id, words: kept && decryptWords(kept, derived) };
  } finally {
    plain.fill(0);
    derived.fill(0);
  }
}

export interface EncryptOptions {
  readonly level: ScryptLevel;
  readonly queue: KdfQueue;
  readonly entropy: { bytes(length: number): Uint8Array };
}

/** A random UUID, version 4. */
function newUuid(entropy: EncryptOptions["entropy"]): string {
  const bytes = entropy.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = bare(bytes);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
    "-",
  );
}

/**
 * A key file of version 3, byte for byte in geth's form. Words are kept beside the key in the member `x-ethers`, which
 * other programs ignore.
 */
export async function encryptKey(
  { key, id, words }: Pick<OpenKey, "key" | "id" | "words">,
  password: Uint8Array,
  { level: { n, p }, queue, entropy }: EncryptOptions,
): Promise<Uint8Array> {
  const [salt, iv] = [entropy.bytes(32), entropy.bytes(16)];
  const length = words === undefined ? 32 : 64;
  const derived = await queue.derive(password, { kdf: "scrypt", n, r: 8, p, salt, length });
  try {
    const ciphertext = aesCtr(derived.subarray(0, 16), iv, key);
    const file = {
      address: bare(addressOf(publicKeyOf(key))),
      crypto: {
        cipher: "aes-128-ctr",
        ciphertext: bare(ciphertext),
        cipherparams: { iv: bare(iv) },
        kdf: "scrypt",
        kdfparams: { dklen: 32, n, p, r: 8, salt: bare(salt) },
        mac: bare(keccak256(concatBytes(derived.subarray(16, 32), ciphertext))),
      },
      id: id ?? newUuid(entropy),
      version: 3,
      ...(words === undefined ? {} : { "x-ethers": encryptWords(words, derived, entropy) }),
    };
    return new Uint8Array(Buffer.from(JSON.stringify(file)));
  } finally {
    derived.fill(0);
  }
}
