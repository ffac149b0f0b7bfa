// long: a table of parameters
/** Parameters of calls: transaction arguments, state overrides, block overrides. geth's names and texts. */
import { checksumAddress, type Withdrawal } from "#core/types";
import type { AccountOverride, BlockOverrides, CallRequest } from "#core/vm";
import {
  address,
  bytes,
  type Codec,
  type Decoded,
  hash,
  invalidParams,
  kindOf,
  list,
  object,
  optional,
  quantity,
  uint53,
  uint64,
} from "#rpc";
import { EthApiError } from "./errors.ts";

const accessList = list(object({ address, storageKeys: optional(list(hash, { max: 16_384 })) }), {
  max: 4_096,
});
const authorizations = list(
  object({
    chainId: quantity,
    address,
    nonce: uint64,
    yParity: optional(uint53),
    v: optional(uint53),
    r: quantity,
    s: quantity,
  }),
  { max: 1_000 },
);

/** geth's TransactionArgs (internal/ethapi/transaction_args.go:41@v1.17.5). Unknown members are ignored. */
export const transactionArgs = object({
  from: optional(address),
  to: optional(address),
  gas: optional(uint64),
  gasPrice: optional(quantity),
  maxFeePerGas: optional(quantity),
  maxPriorityFeePerGas: optional(quantity),
  value: optional(quantity),
  nonce: optional(uint64),
  data: optional(bytes),
  input: optional(bytes),
  accessList: optional(accessList),
  chainId: optional(quantity),
  maxFeePerBlobGas: optional(quantity),
  blobVersionedHashes: optional(list(hash, { max: 64 })),
  authorizationList: optional(authorizations),
});
export type TransactionArgs = Decoded<typeof transactionArgs>;

/**
 * Checks what geth's CallDefaults checks and makes a message of it.
 * @throws ETHAPI_FAILED with geth's text
 */
export function toCallRequest(args: TransactionArgs, chainId: bigint): CallRequest {
  const refuse = (reason: string) => EthApiError("FAILED", { reason });
  if (
    args.gasPrice !== undefined &&
    (args.maxFeePerGas !== undefined || args.maxPriorityFeePerGas !== undefined)
  ) {
    throw refuse("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
  }
  if (args.chainId !== undefined && args.chainId !== chainId) {
    throw refuse(`chainId does not match node's (have=${args.chainId}, want=${chainId})`);
  }
  return {
    from: args.from,
    to: args.to,
    gas: args.gas,
    gasPrice: args.gasPrice,
    maxFeePerGas: args.maxFeePerGas,
    maxPriorityFeePerGas: args.maxPriorityFeePerGas,
    value: args.value,
    // geth looks at data only where there is no input, also where they differ
    input: args.input ?? args.data,
    accessList: args.accessList?.map((entry) => ({
      address: entry.address,
      storageKeys: entry.storageKeys ?? [],
    })),
    maxFeePerBlobGas: args.maxFeePerBlobGas,
    blobVersionedHashes: args.blobVersionedHashes,
    authorizationList: args.authorizationList?.map((one) => ({
      chainId: one.chainId,
      address: one.address,
      nonce: one.nonce,
      yParity: one.yParity ?? one.v ?? 0,
      r: one.r,
      s: one.s,
    })),
  };
}

/** Members of a JSON object used as a map. Only own ones. */
function membersOf(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidParams(path, `want an object, got ${kindOf(value)}`);
  }
  return Object.entries(value);
}

const tooMany = (what: string, got: number, max: number) => EthApiError("TOO_MUCH", { what, got, max });

/** geth's StateOverride: a map of address to overrides. Counts are checked before any entry is decoded (RP-12). */
export function stateOverrides(most: {
  readonly accounts: number;
  readonly slots: number;
}): Codec<readonly AccountOverride[]> {
  return {
    doc: "{address: {balance?, nonce?, code?, state?, stateDiff?, movePrecompileToAddress?}}",
    decode(value, path) {
      const accounts = membersOf(value, path);
      if (accounts.length > most.accounts)
        throw tooMany("accounts overridden", accounts.length, most.accounts);
      let slots = 0;
      const slotsOf = (raw: unknown, at: string) => {
        if (raw === undefined || raw === null) return undefined;
        const entries = membersOf(raw, at);
        slots += entries.length;
        if (slots > most.slots) throw tooMany("slots overridden", slots, most.slots);
        return entries.map(
          ([slot, word]) =>
            [hash.decode(slot, at), hash.decode(word, `${at}[${slot.slice(0, 66)}]`)] as const,
        );
      };
      return accounts.map(([name, raw]) => {
        const at = `${path}[${name.slice(0, 42)}]`;
        const target = address.decode(name, at);
        const members = new Map(membersOf(raw, at));
        const state = slotsOf(members.get("state"), `${at}.state`);
        const stateDiff = slotsOf(members.get("stateDiff"), `${at}.stateDiff`);
        if (state !== undefined && stateDiff !== undefined) {
          throw EthApiError("FAILED", {
            reason: `account ${checksumAddress(target)} has both 'state' and 'stateDiff'`,
          });
        }
        return {
          address: target,
          nonce: optional(uint64).decode(members.get("nonce"), `${at}.nonce`),
          balance: optional(quantity).decode(members.get("balance"), `${at}.balance`),
          code: optional(bytes).decode(members.get("code"), `${at}.code`),
          state,
          stateDiff,
          movePrecompileTo: optional(address).decode(
            members.get("movePrecompileToAddress"),
            `${at}.movePrecompileToAddress`,
          ),
        };
      });
    },
    encode: (value) => value,
  };
}

/** Withdrawals of a block that is only imagined. */
export const withdrawalList: Codec<Withdrawal[]> = list(
  object({ index: uint64, validatorIndex: uint64, address, amount: uint64 }),
  { max: 1_000 },
);

const rawBlockOverrides = object({
  number: optional(uint53),
  difficulty: optional(quantity),
  time: optional(uint53),
  gasLimit: optional(uint64),
  feeRecipient: optional(address),
  prevRandao: optional(hash),
  baseFeePerGas: optional(quantity),
  blobBaseFee: optional(quantity),
  beaconRoot: optional(hash),
  withdrawals: optional(withdrawalList),
  // geth's names until 1.14
  coinbase: optional(address),
  random: optional(hash),
  baseFee: optional(quantity),
});
const OVERRIDES_DOC =
  "number?, time?, gasLimit?, feeRecipient?, prevRandao?, baseFeePerGas?, blobBaseFee?, difficulty?";

/** What a simulated block may be told beside what a call's block is. */
export interface SimulatedBlockOverrides extends BlockOverrides {
  /** 32 bytes. */
  readonly beaconRoot?: Uint8Array | undefined;
  readonly withdrawals?: readonly Withdrawal[] | undefined;
}

/** geth's BlockOverrides (internal/ethapi/override/override.go:130@v1.17.5), new names and old, for eth_simulateV1. */
export const simulatedBlockOverrides: Codec<SimulatedBlockOverrides> = {
  doc: `{${OVERRIDES_DOC}, beaconRoot?, withdrawals?}`,
  decode(value, path) {
    const raw = rawBlockOverrides.decode(value, path);
    return {
      beaconRoot: raw.beaconRoot,
      withdrawals: raw.withdrawals,
      number: raw.number,
      time: raw.time,
      gasLimit: raw.gasLimit,
      coinbase: raw.feeRecipient ?? raw.coinbase,
      difficulty: raw.difficulty,
      prevRandao: raw.prevRandao ?? raw.random,
      baseFee: raw.baseFeePerGas ?? raw.baseFee,
      blobBaseFee: raw.blobBaseFee,
    };
  },
  encode: (value) => value,
};

/** The same for calls, which have no use for a beacon root or withdrawals, as geth. */
export const blockOverrides: Codec<BlockOverrides> = {
  doc: `{${OVERRIDES_DOC}}`,
  decode(value, path) {
    const { beaconRoot, withdrawals, ...rest } = simulatedBlockOverrides.decode(value, path);
    const unsupported =
      beaconRoot === undefined ? (withdrawals === undefined ? undefined : "withdrawals") : "beaconRoot";
    if (unsupported !== undefined) {
      throw EthApiError("FAILED", {
        reason: `block override "${unsupported}" is not supported for this RPC method`,
      });
    }
    return rest;
  },
  encode: (value) => value,
};
