import { senderOf, type Transaction, type TransactionFields } from "#core/types";
import { GlimError } from "#util";
import { EthApiError } from "./errors.ts";

const refuse = (reason: string) => EthApiError("FAILED", { reason });

/** Refuses a fee above the cap (0n: no cap) as geth does (internal/ethapi/api.go:2184@v1.17.5). @throws ETHAPI_FAILED */
export function checkFee(tx: TransactionFields, feeCap: bigint): void {
  const fee = (tx.maxFeePerGas ?? tx.gasPrice ?? 0n) * tx.gas;
  if (feeCap > 0n && fee > feeCap)
    throw refuse(`tx fee (${inEther(fee)} ether) exceeds the configured cap (${inEther(feeCap)} ether)`);
}

/**
 * What geth refuses before its pool sees a transaction (internal/ethapi/api.go:1596, 2184@v1.17.5).
 * @throws ETHAPI_FAILED with geth's text
 */
export function checkSubmission(tx: Transaction, chainId: bigint, feeCap: bigint): void {
  checkFee(tx, feeCap);
  if (tx.chainId === undefined) throw refuse("only replay-protected (EIP-155) transactions allowed over RPC");
  if (tx.chainId !== chainId)
    throw refuse(`invalid sender: invalid chain id for signer: have ${tx.chainId} want ${chainId}`);
  try {
    senderOf(tx);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw EthApiError("FAILED", { reason: `invalid sender: ${error.message}` }, { cause: error });
  }
}

/** Wei as ether with two decimals, rounded to nearest as Go's %.2f does here. */
function inEther(wei: bigint): string {
  const cents = (wei + 5n * 10n ** 15n) / 10n ** 16n;
  return `${cents / 100n}.${(cents % 100n).toString().padStart(2, "0")}`;
}
