import { decodeAs, encodeAs, hash, RlpReader, type Schema, struct, uint256, uint64 } from "#rlp";
import type { Account } from "#core/vm";
import { StateError } from "./errors.ts";

/** In the trie's order, which is not the order one thinks of it. */
const accountRlp: Schema<Account> = struct({
  nonce: uint64,
  balance: uint256,
  storageRoot: hash,
  codeHash: hash,
});

/** Exactly four fields; nonce below 2^64, balance below 2^256, 32-byte hashes (TR-07). @throws RLP_* */
export function decodeAccount(encoded: Uint8Array): Account {
  return decodeAs(accountRlp, encoded);
}

export function encodeAccount(account: Account): Uint8Array {
  return encodeAs(accountRlp, account);
}

const MAX_SLOT = 32;

/**
 * A leaf of a storage trie → the slot's minimal value, 1 to 32 bytes. Zero is never stored.
 * @throws RLP_*, STATE_BAD_SLOT for zero, a leading zero or more than 32 bytes
 */
export function decodeSlot(encoded: Uint8Array): Uint8Array {
  const reader = new RlpReader(encoded);
  const length = reader.nextBytes();
  const value = reader.view();
  reader.finish();
  if (length === 0) throw StateError("BAD_SLOT", { reason: "zero is not stored" });
  if (length > MAX_SLOT) throw StateError("BAD_SLOT", { reason: "longer than 32 bytes" });
  if (value[0] === 0) throw StateError("BAD_SLOT", { reason: "leading zero" });
  return value;
}
