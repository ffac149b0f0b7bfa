import type { Rules } from "#params";
import { TypesError } from "./errors.ts";
import type { Transaction } from "./transaction.ts";

const TX_GAS = 21_000;
const TX_CREATE_GAS = 53_000;
const ZERO_BYTE_GAS = 4;
const BYTE_GAS_FRONTIER = 68;
/** EIP-2028, Istanbul. */
const BYTE_GAS = 16;
/** EIP-2930. */
const ACCESS_ADDRESS_GAS = 2400;
const ACCESS_SLOT_GAS = 1900;
/** EIP-3860. */
const INIT_WORD_GAS = 2;
/** EIP-7702 PER_EMPTY_ACCOUNT_COST. */
const AUTHORIZATION_GAS = 25_000;
/** EIP-7623. */
const FLOOR_TOKEN_GAS = 10;
const TOKENS_PER_BYTE = 4;

function zeroBytes(input: Uint8Array): number {
  let zeros = 0;
  for (const byte of input) if (byte === 0) zeros++;
  return zeros;
}

/**
 * Gas taken before the first opcode runs.
 * @see core/state_transition.go:71@v1.11.6 IntrinsicGas
 */
export function intrinsicGas(
  tx: Pick<Transaction, "input" | "to" | "accessList" | "authorizationList">,
  rules: Pick<Rules, "isHomestead" | "isIstanbul" | "isShanghai">,
): bigint {
  const creates = tx.to === undefined;
  let gas = creates && rules.isHomestead ? TX_CREATE_GAS : TX_GAS;
  const zeros = zeroBytes(tx.input);
  gas +=
    zeros * ZERO_BYTE_GAS + (tx.input.length - zeros) * (rules.isIstanbul ? BYTE_GAS : BYTE_GAS_FRONTIER);
  if (creates && rules.isShanghai) gas += Math.ceil(tx.input.length / 32) * INIT_WORD_GAS;
  for (const entry of tx.accessList ?? [])
    gas += ACCESS_ADDRESS_GAS + entry.storageKeys.length * ACCESS_SLOT_GAS;
  gas += (tx.authorizationList?.length ?? 0) * AUTHORIZATION_GAS;
  return BigInt(gas);
}

/** Least gas a transaction pays from Prague on, whatever it runs (EIP-7623). */
export function floorDataGas(input: Uint8Array): bigint {
  const zeros = zeroBytes(input);
  const tokens = zeros + (input.length - zeros) * TOKENS_PER_BYTE;
  return BigInt(TX_GAS + tokens * FLOOR_TOKEN_GAS);
}

/**
 * Wei per gas the sender pays in a block of that base fee (undefined: before London).
 * @throws TYPES_FEE_CAP_LOW if the transaction cannot be in such a block
 */
export function effectiveGasPrice(
  tx: Pick<Transaction, "gasPrice" | "maxFeePerGas" | "maxPriorityFeePerGas">,
  baseFee: bigint | undefined,
): bigint {
  const base = baseFee ?? 0n;
  const cap = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  if (cap < base) throw TypesError("FEE_CAP_LOW", { cap, baseFee: base });
  if (tx.maxFeePerGas === undefined) return cap;
  const tip = base + (tx.maxPriorityFeePerGas ?? 0n);
  return tip < cap ? tip : cap;
}
