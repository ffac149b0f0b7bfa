import {
  addressOf,
  keccak256,
  type PrivateKey,
  recover,
  recoverAddresses,
  sign,
  type SignedHash,
} from "#crypto";
import { encodeAs } from "#rlp";
import type { Rules } from "#params";
import { bigintToBytes } from "#util";
import { TypesError } from "./errors.ts";
import type { Authorization, Transaction, TransactionFields } from "./transaction.ts";
import {
  authorizationMessage,
  decodeTransaction,
  encodeTransaction,
  signingHash,
} from "./transaction-codec.ts";

/** Order of secp256k1. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const HALF_N = N / 2n;
/** So many senders are recovered here sooner than a thread is asked: about half a millisecond. */
const FEW = 8;

/** Recovery id 0 or 1, or undefined if `v` says neither. */
function recoveryId(tx: Transaction): number | undefined {
  let v = tx.v;
  if (tx.type === 0) v = tx.chainId === undefined ? v - 27n : v - 35n - 2n * tx.chainId;
  return v === 0n || v === 1n ? Number(v) : undefined;
}

/** r ‖ s ‖ recovery id, or undefined if they are out of range. */
function signatureOf(r: bigint, s: bigint, id: number | undefined): Uint8Array | undefined {
  if (id === undefined || r === 0n || s === 0n || r >= N || s >= N) return undefined;
  const bytes65 = new Uint8Array(65);
  bytes65.set(bigintToBytes(r, 32));
  bytes65.set(bigintToBytes(s, 32), 32);
  bytes65[64] = id;
  return bytes65;
}

function recoverAddress(hash: Uint8Array, r: bigint, s: bigint, id: number): Uint8Array | undefined {
  const signature = signatureOf(r, s, id);
  const key = signature === undefined ? undefined : recover(hash, signature);
  return key === undefined ? undefined : addressOf(key);
}

/** Senders by transaction: recovered at most once, forgotten with the transaction. `null`: no sender. */
const senders = new WeakMap<Transaction, Uint8Array | null>();

/**
 * Address (20 bytes) that signed; recovered once and remembered. Since Homestead `s` must be low; only blocks before it
 * pass `allowHighS`.
 * @throws TYPES_BAD_SIGNATURE
 * @see core/types/transaction_signing.go:402@v1.9.25 recoverPlain
 */
export function senderOf(tx: Transaction, { allowHighS = false }: { allowHighS?: boolean } = {}): Uint8Array {
  let sender = senders.get(tx);
  if (sender === undefined) {
    const id = recoveryId(tx);
    sender = (id === undefined ? undefined : recoverAddress(signingHash(tx), tx.r, tx.s, id)) ?? null;
    senders.set(tx, sender);
  }
  if (sender === null || (!allowHighS && tx.s > HALF_N)) throw TypesError("BAD_SIGNATURE");
  return sender;
}

/**
 * Recovers senders of many transactions beside this thread, so that `senderOf` has them. Judges nothing: what could not be computed is
 * left to `senderOf`. A few are not worth the way.
 */
export async function recoverSenders(transactions: readonly Transaction[]): Promise<void> {
  const asked: Transaction[] = [];
  const signed: SignedHash[] = [];
  for (const tx of transactions) {
    const signature = senders.has(tx) ? undefined : signatureOf(tx.r, tx.s, recoveryId(tx));
    if (signature === undefined) continue;
    asked.push(tx);
    signed.push({ hash: signingHash(tx), signature });
  }
  if (asked.length < FEW) return;
  const addresses = await recoverAddresses(signed);
  for (const [i, tx] of asked.entries()) {
    const address = addresses[i];
    if (address !== undefined && !senders.has(tx)) senders.set(tx, address);
  }
}

/** Who signed an authorization (20 bytes), or undefined if nobody did validly: such an entry is skipped, not an error (EIP-7702). */
export function authorityOf(authorization: Authorization): Uint8Array | undefined {
  if (authorization.s > HALF_N || authorization.yParity > 1) return undefined;
  const hash = keccak256(Uint8Array.of(5), encodeAs(authorizationMessage, authorization));
  return recoverAddress(hash, authorization.r, authorization.s, authorization.yParity);
}

/** A signed transaction. Legacy fields with `chainId` are protected by EIP-155, without it they are not. */
export function signTransaction(fields: TransactionFields, key: PrivateKey): Transaction {
  checkFields(fields);
  const { r, s, recovery } = sign(signingHash(fields), key);
  const id = BigInt(recovery);
  const v = fields.type !== 0 ? id : fields.chainId === undefined ? 27n + id : 35n + 2n * fields.chainId + id;
  // through the bytes, so that fields of another type do not stay in it
  return decodeTransaction(encodeTransaction({ ...fields, v, r, s }));
}

function checkFields(tx: TransactionFields): void {
  const want = (there: boolean, field: string) => {
    if (!there) throw TypesError("FIELDS", { reason: `type ${tx.type} needs ${field}` });
  };
  if (tx.type === 0) return want(tx.gasPrice !== undefined, "gasPrice");
  want(tx.chainId !== undefined, "chainId");
  want(tx.accessList !== undefined, "accessList");
  if (tx.type === 1) return want(tx.gasPrice !== undefined, "gasPrice");
  want(tx.maxFeePerGas !== undefined, "maxFeePerGas");
  want(tx.maxPriorityFeePerGas !== undefined, "maxPriorityFeePerGas");
  if (tx.type === 2) return;
  want(tx.to !== undefined, "to");
  if (tx.type === 3) {
    want(tx.maxFeePerBlobGas !== undefined, "maxFeePerBlobGas");
    return want(tx.blobVersionedHashes !== undefined, "blobVersionedHashes");
  }
  want(tx.authorizationList !== undefined, "authorizationList");
}

/**
 * Refuses a transaction that the block's signer does not know: a type before its fork, another chain's id, a protected
 * one before EIP-155.
 * @throws TYPES_TX_TYPE, TYPES_CHAIN_ID, TYPES_BAD_SIGNATURE
 * @see core/types/transaction_signing.go MakeSigner
 */
export function checkTransactionType(tx: Transaction, rules: Rules): void {
  const known = [true, rules.isBerlin, rules.isLondon, rules.isCancun, rules.isPrague][tx.type];
  if (known !== true) throw TypesError("TX_TYPE", { type: tx.type });
  if (tx.chainId === undefined) return;
  if (tx.type === 0 && !rules.isEip155) throw TypesError("BAD_SIGNATURE");
  if (tx.chainId !== rules.chainId) throw TypesError("CHAIN_ID", { have: tx.chainId, want: rules.chainId });
}
