import { type AccessList, effectiveGasPrice } from "#core/types";
import type { Rules } from "#params";
import { gethText } from "./evm-errors.ts";
import type { Message, MessageResult } from "./message.ts";
import type { CallRequest, CallResult } from "./types.ts";

const ZERO_ADDRESS = new Uint8Array(20);

export interface CallTerms {
  readonly gas: bigint;
  readonly rules: Rules;
  readonly baseFee: bigint;
  /** In place of the call's own. */
  readonly accessList?: AccessList | undefined;
  /** Given: what a transaction must keep is checked. */
  readonly nonce?: bigint | undefined;
}

/** A message without a signature, as eth_call takes it. */
export function callMessage(
  call: CallRequest,
  { gas, rules, baseFee, accessList, nonce }: CallTerms,
): Message {
  const tipCap = call.maxPriorityFeePerGas ?? call.gasPrice ?? 0n;
  const feeCap = call.maxFeePerGas ?? call.gasPrice ?? 0n;
  const isPriced = feeCap > 0n || tipCap > 0n;
  const fees = {
    gasPrice: call.gasPrice,
    maxFeePerGas: call.maxFeePerGas,
    maxPriorityFeePerGas: call.maxPriorityFeePerGas,
  };
  // a cap below the base fee is refused by applyMessage, with geth's text
  const gasPrice =
    isPriced && rules.isLondon && feeCap >= baseFee ? effectiveGasPrice(fees, baseFee) : feeCap;
  return {
    from: call.from ?? ZERO_ADDRESS,
    to: call.to,
    gas,
    gasPrice,
    feeCap,
    tipCap,
    value: call.value ?? 0n,
    input: call.input ?? new Uint8Array(0),
    accessList: accessList ?? call.accessList,
    authorizationList: call.authorizationList,
    blobHashes: call.blobVersionedHashes,
    blobFeeCap: call.maxFeePerBlobGas,
    nonce,
    isSigned: false,
  };
}

/** How such a message ended, as its caller is told. */
export function callResult({ gasUsed, returnData, logs, error }: MessageResult): CallResult {
  if (error === undefined) return { status: "ok", returnData, gasUsed, logs };
  if (error === "revert") return { status: "revert", returnData, gasUsed, logs: [] };
  return { status: "failed", returnData: new Uint8Array(0), gasUsed, logs: [], error: gethText(error) };
}
