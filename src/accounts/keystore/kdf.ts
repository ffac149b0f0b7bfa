import { pbkdf2Key, scryptKey } from "#crypto";
import { isError } from "#util";
import { KeyStoreError } from "./errors.ts";
import { countOf, hexOf, type Members, textOf } from "./json.ts";
import { limits } from "./limits.ts";

/** How a password becomes a key. */
export type KdfParams =
  | {
      readonly kdf: "scrypt";
      readonly n: number;
      readonly r: number;
      readonly p: number;
      readonly salt: Uint8Array;
      readonly length: number;
    }
  | {
      readonly kdf: "pbkdf2";
      readonly iterations: number;
      readonly salt: Uint8Array;
      readonly length: number;
    };

/** Work of a new key's password: geth's two levels (accounts/keystore/passphrase.go:49@v1.17.5). r is 8. */
export interface ScryptLevel {
  readonly n: number;
  readonly p: number;
}
/** 256 MiB, about a second. */
export const standardScrypt: ScryptLevel = { n: 2 ** 18, p: 1 };
/** 4 MiB, about a tenth of a second. */
export const lightScrypt: ScryptLevel = { n: 2 ** 12, p: 6 };

const refuse = (why: string) => KeyStoreError("PARAMS", { why });

function checkScrypt(n: number, r: number, p: number): void {
  if (n < 2 || !Number.isInteger(Math.log2(n))) throw refuse("n is no power of two");
  if (r < 1 || p < 1) throw refuse("r and p are at least 1");
  if (128 * n * r > limits.scryptBytes) throw refuse(`n·r needs more than ${limits.scryptBytes} bytes`);
  if (n * r * p > limits.scryptWork) throw refuse(`n·r·p is above ${limits.scryptWork}`);
}

/**
 * Reads `kdf` and `kdfparams` and bounds them: before anything is derived (KS-01).
 * @throws KEYSTORE_PARAMS, KEYSTORE_KDF, KEYSTORE_PRF, KEYSTORE_BAD_FILE
 */
export function parseKdf(kdf: string, params: Members): KdfParams {
  const salt = hexOf(params, "salt", { max: limits.saltBytes });
  const length = countOf(params, "dklen");
  if (length < limits.derivedBytesMin || length > limits.derivedBytesMax)
    throw refuse(`dklen is not ${limits.derivedBytesMin} to ${limits.derivedBytesMax}`);
  if (kdf === "scrypt") {
    const [n, r, p] = [countOf(params, "n"), countOf(params, "r"), countOf(params, "p")];
    checkScrypt(n, r, p);
    return { kdf, n, r, p, salt, length };
  }
  if (kdf !== "pbkdf2") throw KeyStoreError("KDF", { kdf: kdf.slice(0, 40) });
  const prf = textOf(params, "prf");
  if (prf !== "hmac-sha256") throw KeyStoreError("PRF", { prf: prf.slice(0, 40) });
  const iterations = countOf(params, "c");
  if (iterations < 1 || iterations > limits.pbkdf2Rounds)
    throw refuse(`c is not 1 to ${limits.pbkdf2Rounds}`);
  return { kdf, iterations, salt, length };
}

/** Derives keys one at a time: each takes memory and a thread that others need too. */
export class KdfQueue {
  #running = 0;
  /** BOUNDED: limits.kdfQueue (4); the next is refused with KEYSTORE_BUSY. */
  readonly #waiting: (() => void)[] = [];

  /** @throws KEYSTORE_BUSY, KEYSTORE_PARAMS for what the library refuses */
  async derive(password: Uint8Array, params: KdfParams): Promise<Uint8Array> {
    if (password.length > limits.passwordBytes) throw KeyStoreError("DECRYPT");
    if (this.#running >= limits.kdfAtOnce) {
      if (this.#waiting.length >= limits.kdfQueue)
        throw KeyStoreError("BUSY", { waiting: this.#waiting.length });
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // the place is handed over
    } else this.#running++;
    try {
      return params.kdf === "scrypt" ? await scryptKey(password, params) : await pbkdf2Key(password, params);
    } catch (error) {
      if (isError(error, "CRYPTO_KDF")) throw KeyStoreError("PARAMS", { why: "refused" }, { cause: error });
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
