/**
 * core/vm: the EVM over any StateReader — calls, gas estimates, access lists, whole blocks. The only room that knows
 * @ethereumjs/*; none of its types leave. State and tries are ours: execution returns a StateDiff, `#core/state` turns
 * it into a root.
 *
 * Every call has a gas cap and a deadline; a reader that has to wait (network) is awaited, nothing is declared ahead.
 *
 * Not here: whether a header is valid (`#consensus`), roots (`#core/state`), JSON (`#ethapi`).
 */
import type { Body, Header, AccessListEntry, Authorization, Log, Receipt, Transaction, Withdrawal } from "#core/types";
import type { Clock } from "#host";
import type { ChainConfig } from "#params";
import type { StateDiff } from "./state-diff.ts";
import type { MaybePromise, StateReader } from "./state-reader.ts";

export type { AccountDiff, StateDiff } from "./state-diff.ts";
export type { Account, MaybePromise, StateReader } from "./state-reader.ts";

/** Where a call runs: on top of the state after `header`, with its block context. */
export interface CallEnv {
  readonly config: ChainConfig;
  readonly header: Header;
  /** Hash of an ancestor by number, for BLOCKHASH (the last 256). Absent: zero. */
  readonly blockHash?: ((number: number) => MaybePromise<Uint8Array | undefined>) | undefined;
  /** Author in place of `header.coinbase` (clique: the signer). */
  readonly coinbase?: Uint8Array | undefined;
}

/** A message as eth_call takes it. Absent: `from` zero address, `gas` the cap, prices 0, `to` creates. */
export interface CallRequest {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
  readonly gas?: bigint | undefined;
  readonly gasPrice?: bigint | undefined;
  readonly maxFeePerGas?: bigint | undefined;
  readonly maxPriorityFeePerGas?: bigint | undefined;
  readonly value?: bigint | undefined;
  readonly input?: Uint8Array | undefined;
  readonly accessList?: readonly AccessListEntry[] | undefined;
  readonly maxFeePerBlobGas?: bigint | undefined;
  readonly blobVersionedHashes?: readonly Uint8Array[] | undefined;
  readonly authorizationList?: readonly Authorization[] | undefined;
}

/** geth's state overrides. `state` replaces all storage, `stateDiff` single slots; slots and values are 32 bytes. */
export interface AccountOverride {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly nonce?: bigint | undefined;
  readonly balance?: bigint | undefined;
  readonly code?: Uint8Array | undefined;
  readonly state?: readonly (readonly [slot: Uint8Array, value: Uint8Array])[] | undefined;
  readonly stateDiff?: readonly (readonly [slot: Uint8Array, value: Uint8Array])[] | undefined;
}

export interface BlockOverrides {
  readonly number?: number | undefined;
  readonly time?: number | undefined;
  readonly gasLimit?: bigint | undefined;
  readonly coinbase?: Uint8Array | undefined;
  readonly difficulty?: bigint | undefined;
  readonly prevRandao?: Uint8Array | undefined;
  readonly baseFee?: bigint | undefined;
}

export interface CallOptions {
  /** Most gas a call may use; default 50,000,000 (geth --rpc.gascap). */
  readonly gasCap?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Needs `clock`. Default 5,000 (geth --rpc.evmtimeout). */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Pick<Clock, "now"> | undefined;
  readonly overrides?: readonly AccountOverride[] | undefined;
  readonly blockOverrides?: BlockOverrides | undefined;
}

/** `revert`: REVERT was executed, its data is `returnData`. `failed`: out of gas, bad opcode, …: `error` says which. */
export interface CallResult {
  readonly status: "ok" | "revert" | "failed";
  readonly returnData: Uint8Array;
  /** With intrinsic gas, after refunds. */
  readonly gasUsed: bigint;
  /** geth's text, e.g. "out of gas". Present when `failed`. */
  readonly error?: string | undefined;
  readonly logs: readonly Log[];
  /** Only from createAccessList. */
  readonly accessList?: readonly AccessListEntry[] | undefined;
}

/**
 * Runs a message without changing anything.
 * @throws VM_TIMEOUT, VM_* for a message that could not even start (funds, intrinsic gas, fees); what the reader throws; AbortError
 */
export declare function runCall(env: CallEnv, call: CallRequest, reader: StateReader, options?: CallOptions): Promise<CallResult>;
/**
 * Least gas with which the message succeeds (geth's binary search).
 * @throws VM_REVERTED (rpcCode 3, data) if it reverts; VM_* if it fails at the cap
 */
export declare function estimateGas(env: CallEnv, call: CallRequest, reader: StateReader, options?: CallOptions): Promise<bigint>;
/** Runs the message again and again until the access list it needs stands still (geth eth_createAccessList). */
export declare function createAccessList(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options?: CallOptions,
): Promise<CallResult & { readonly accessList: readonly AccessListEntry[] }>;

export interface ExecuteOptions {
  /** Who gets fees and reward: the engine's author. Default `header.coinbase`. */
  readonly coinbase?: Uint8Array | undefined;
  readonly blockHash?: ((number: number) => MaybePromise<Uint8Array | undefined>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** State root after a diff to the parent state; needed for receipts before Byzantium only. */
  readonly intermediateRoot?: ((diff: StateDiff) => MaybePromise<Uint8Array>) | undefined;
}

export interface BlockResult {
  readonly receipts: readonly Receipt[];
  readonly gasUsed: bigint;
  /** From Cancun. */
  readonly blobGasUsed: bigint;
  /** From Prague: type ‖ data, empty ones left out (EIP-7685). */
  readonly requests?: readonly Uint8Array[] | undefined;
  readonly requestsHash?: Uint8Array | undefined;
  readonly diff: StateDiff;
}

/**
 * Runs a whole block on the state of its parent. Of the header it reads number, time, gasLimit, difficulty, baseFee,
 * mixDigest, coinbase, parentHash and the blob fields; it compares no root (the caller does).
 * @throws VM_BAD_TRANSACTION and others, blame "peer", if the block cannot be executed
 */
export declare function executeBlock(
  config: ChainConfig,
  header: Header,
  body: Body,
  reader: StateReader,
  options?: ExecuteOptions,
): Promise<BlockResult>;

/** A block in the making: for executeBlock, and for who seals. */
export interface BlockExecution {
  readonly gasUsed: bigint;
  /** Runs one transaction on top. After a VM_BAD_TRANSACTION nothing has changed and another may be tried. */
  apply(tx: Transaction): Promise<Receipt>;
  /** Withdrawals, rewards, system calls at the end; then the execution is over. */
  finish(rest?: { uncles?: readonly Header[]; withdrawals?: readonly Withdrawal[] | undefined }): Promise<BlockResult>;
}
/** Starts a block: system calls at its beginning are done. */
export declare function openBlock(
  config: ChainConfig,
  header: Header,
  reader: StateReader,
  options?: ExecuteOptions,
): Promise<BlockExecution>;
