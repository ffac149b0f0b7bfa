import type { Signer } from "#consensus";
import { addressOf, type PrivateKey, publicKeyOf, sign } from "#crypto";

/** A signer from a key that this process holds. */
export function keySigner(key: PrivateKey): Signer {
  return { address: addressOf(publicKeyOf(key)), sign: (hash) => sign(hash, key).bytes };
}
