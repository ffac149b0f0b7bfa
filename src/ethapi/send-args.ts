/** What geth fills into a transaction that a caller left open (internal/ethapi/transaction_args.go@v1.17.5). Pure. */
import type { Header, TransactionFields } from "#core/types";
import { blobBaseFeeOf } from "#eth/gasprice";
import { type ChainConfig, rulesAt } from "#params";
import { equalBytes } from "#util";
import type { TransactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";

const refuse = (reason: string) => EthApiError("FAILED", { reason });

/** Fees, complete: those of a legacy transaction, or those of EIP-1559. */
export type Fees =
  | { readonly gasPrice: bigint }
  | { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** geth asks for the head's rules, not the next block's. */
const isLondonAt = (config: ChainConfig, head: Header) => rulesAt(config, head).isLondon;

/**
 * The fees of a transaction: as given, or suggested.
 * @param suggestTip - the oracle's tip, asked only if it is needed
 * @throws ETHAPI_FAILED with geth's text
 */
export async function feesOf(
  args: TransactionArgs,
  { config, head, suggestTip }: { config: ChainConfig; head: Header; suggestTip: () => Promise<bigint> },
): Promise<Fees> {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = args;
  if (args.maxFeePerBlobGas === 0n) throw refuse("maxFeePerBlobGas, if specified, must be non-zero");
  if (gasPrice !== undefined && (maxFeePerGas !== undefined || maxPriorityFeePerGas !== undefined))
    throw refuse("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
  if (gasPrice !== undefined && args.authorizationList !== undefined)
    throw refuse("both gasPrice and authorizationList specified");
  const isLondon = isLondonAt(config, head);
  if (gasPrice !== undefined) {
    if (gasPrice === 0n && isLondon) throw refuse("gasPrice must be non-zero after london fork");
    return { gasPrice };
  }
  if (maxFeePerGas !== undefined && maxPriorityFeePerGas !== undefined) {
    if (maxFeePerGas === 0n) throw refuse("maxFeePerGas must be non-zero");
    return checkedFees(maxFeePerGas, maxPriorityFeePerGas);
  }
  if (isLondon) {
    const tip = maxPriorityFeePerGas ?? (await suggestTip());
    return checkedFees(maxFeePerGas ?? tip + 2n * (head.baseFee ?? 0n), tip);
  }
  if (maxFeePerGas !== undefined || maxPriorityFeePerGas !== undefined)
    throw refuse("maxFeePerGas and maxPriorityFeePerGas are not valid before London is active");
  return { gasPrice: await suggestTip() };
}

function checkedFees(maxFeePerGas: bigint, maxPriorityFeePerGas: bigint): Fees {
  if (maxFeePerGas < maxPriorityFeePerGas)
    throw refuse(
      `maxFeePerGas (0x${maxFeePerGas.toString(16)}) < maxPriorityFeePerGas (0x${maxPriorityFeePerGas.toString(16)})`,
    );
  return { maxFeePerGas, maxPriorityFeePerGas };
}

/** The bytes a transaction carries: `input`, else `data`. @throws ETHAPI_FAILED if both are there and differ */
export function inputOf({ input, data }: TransactionArgs): Uint8Array {
  if (input !== undefined && data !== undefined && !equalBytes(input, data))
    throw refuse(
      'both "data" and "input" are set and not equal. Please use "input" to pass transaction call data',
    );
  return input ?? data ?? new Uint8Array(0);
}

/** @throws ETHAPI_FAILED for what geth never signs */
export function checkContent(args: TransactionArgs, chainId: bigint): void {
  const input = inputOf(args);
  if (args.blobVersionedHashes?.length === 0) throw refuse("need at least 1 blob for a blob transaction");
  if (args.to === undefined) {
    if (args.blobVersionedHashes !== undefined) throw refuse('missing "to" in blob transaction');
    if (input.length === 0) throw refuse("contract creation without any data provided");
    if ((args.authorizationList ?? []).length > 0)
      throw refuse('authorizationList provided for contract creation, but "to" field is missing');
  }
  if (args.chainId !== undefined && args.chainId !== chainId)
    throw refuse(`chainId does not match node's (have=${args.chainId}, want=${chainId})`);
}

/** What `fill` knows once everything is filled in. */
export interface Filled {
  readonly args: TransactionArgs;
  readonly fees: Fees;
  readonly nonce: bigint;
  readonly gas: bigint;
}

/** Blob transactions pay for their blobs at most this unless told. */
const blobFeeOf = (args: TransactionArgs, config: ChainConfig, head: Header) =>
  args.maxFeePerBlobGas ?? 2n * blobBaseFeeOf(config, head);

/**
 * The transaction itself: the newest type its fees and members allow. A legacy one is protected (EIP-155) where the next
 * block knows that.
 */
export function fieldsOf(
  { args, fees, nonce, gas }: Filled,
  { config, head }: { readonly config: ChainConfig; readonly head: Header },
): TransactionFields {
  const common = { nonce, gas, to: args.to, value: args.value ?? 0n, input: inputOf(args) };
  const { chainId } = config;
  const accessList = (args.accessList ?? []).map((entry) => ({
    address: entry.address,
    storageKeys: entry.storageKeys ?? [],
  }));
  if ("gasPrice" in fees) {
    const { gasPrice } = fees;
    if (args.accessList !== undefined) return { type: 1, chainId, gasPrice, accessList, ...common };
    const { isEip155 } = rulesAt(config, { ...head, number: head.number + 1 });
    return { type: 0, ...(isEip155 ? { chainId } : {}), gasPrice, ...common };
  }
  const market = { chainId, accessList, ...fees, ...common };
  if (args.authorizationList !== undefined)
    return {
      type: 4,
      ...market,
      authorizationList: args.authorizationList.map(({ v, yParity, ...one }) => ({
        ...one,
        yParity: yParity ?? v ?? 0,
      })),
    };
  if (args.blobVersionedHashes !== undefined)
    return {
      type: 3,
      ...market,
      maxFeePerBlobGas: blobFeeOf(args, config, head),
      blobVersionedHashes: args.blobVersionedHashes,
    };
  return { type: 2, ...market };
}
