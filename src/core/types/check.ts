import { MAX_INIT_CODE_SIZE, MAX_TX_GAS, type Rules } from "#params";
import { TypesError } from "./errors.ts";
import { floorDataGas, intrinsicGas } from "./gas.ts";
import { checkTransactionType, senderOf } from "./signer.ts";
import type { Transaction } from "./transaction.ts";

const MAX_NONCE = (1n << 64n) - 1n;
const MAX_WEI = (1n << 256n) - 1n;

const invalid = (reason: string) => TypesError("INVALID", { reason });

/**
 * All that can be said of a transaction without its sender's account: type and chain id, signature, nonce (EIP-2681),
 * fees, gas before execution, size of init code. For pools and RPC; execution checks again by itself.
 * @throws TYPES_* with the text geth answers (core/error.go)
 */
export function checkTransaction(tx: Transaction, rules: Rules): void {
  checkTransactionType(tx, rules);
  senderOf(tx, { allowHighS: !rules.isHomestead });
  if (tx.nonce >= MAX_NONCE) throw invalid("nonce has max value");
  const feeCap = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  if ((tx.maxPriorityFeePerGas ?? 0n) > feeCap)
    throw invalid("max priority fee per gas higher than max fee per gas");
  if (tx.gas * feeCap > MAX_WEI) throw invalid("gas * price is more than 256 bits hold");
  if (rules.isOsaka && tx.gas > MAX_TX_GAS)
    throw invalid(`transaction gas limit too high (cap: ${MAX_TX_GAS}, tx: ${tx.gas})`);
  const least = intrinsicGas(tx, rules);
  if (tx.gas < least) throw invalid(`intrinsic gas too low: gas ${tx.gas}, minimum needed ${least}`);
  if (rules.isPrague && tx.gas < floorDataGas(tx.input))
    throw invalid("insufficient gas for floor data gas cost");
  if (rules.isShanghai && tx.to === undefined && tx.input.length > MAX_INIT_CODE_SIZE)
    throw invalid(`max initcode size exceeded: code size ${tx.input.length}, limit ${MAX_INIT_CODE_SIZE}`);
}
