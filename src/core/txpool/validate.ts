import {
  checkTransactionType,
  floorDataGas,
  intrinsicGas,
  senderOf,
  type Transaction,
  transactionSize,
  TypesError,
} from "#core/types";
import { MAX_INIT_CODE_SIZE, MAX_TX_GAS, type Rules } from "#params";
import { TxPoolError } from "./errors.ts";
import { MAX_TRANSACTION_BYTES } from "./limits.ts";
import { feeCap, tipCap } from "./price.ts";

const MAX_NONCE = (1n << 64n) - 1n;

/** The sender, if the transaction's type, chain id and signature fit the rules. */
function senderUnder(tx: Transaction, rules: Rules): Uint8Array {
  try {
    checkTransactionType(tx, rules);
    return senderOf(tx);
  } catch (error) {
    if (TypesError.is(error, "TX_TYPE")) throw TxPoolError("TYPE_NOT_SUPPORTED");
    if (TypesError.is(error)) throw TxPoolError("INVALID_SENDER", undefined, { cause: error });
    throw error;
  }
}

/**
 * The checks that need no state, cheapest first.
 * @returns the sender
 * @see core/txpool/txpool.go:583 validateTx@v1.11.6
 */
export function validateAlone(tx: Transaction, rules: Rules, gasLimit: bigint): Uint8Array {
  if (tx.type === 3) throw TxPoolError("TYPE_NOT_SUPPORTED"); // blobs are not pooled yet
  if (transactionSize(tx) > MAX_TRANSACTION_BYTES) throw TxPoolError("OVERSIZED");
  if (rules.isShanghai && tx.to === undefined && tx.input.length > MAX_INIT_CODE_SIZE)
    throw TxPoolError("INIT_CODE_SIZE", { have: tx.input.length, max: MAX_INIT_CODE_SIZE });
  if (tx.gas > gasLimit) throw TxPoolError("GAS_LIMIT");
  if (rules.isOsaka && tx.gas > MAX_TX_GAS)
    throw TxPoolError("GAS_ABOVE_CAP", { have: tx.gas, max: BigInt(MAX_TX_GAS) });
  if (tipCap(tx) > feeCap(tx)) throw TxPoolError("TIP_ABOVE_FEE_CAP");
  if (tx.nonce >= MAX_NONCE) throw TxPoolError("NONCE_MAX");
  if (rules.isPrague && tx.type === 4 && tx.authorizationList?.length === 0)
    throw TxPoolError("NO_AUTHORIZATIONS");
  const intrinsic = intrinsicGas(tx, rules);
  const floor = rules.isPrague ? floorDataGas(tx.input) : 0n;
  const want = intrinsic > floor ? intrinsic : floor;
  if (tx.gas < want) throw TxPoolError("INTRINSIC_GAS", { have: tx.gas, want });
  return senderUnder(tx, rules); // the curve last
}
