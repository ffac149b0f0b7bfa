import type {
  AccessListEntry,
  Authorization,
  Header,
  Log,
  Receipt,
  Transaction,
  Withdrawal,
} from "#core/types";
import type { ChainConfig } from "#params";
import type { RunClock } from "./guard.ts";
import type { MemoryBudget } from "./memory-meter.ts";
import type { PrecompileRunner } from "./precompile-pool.ts";
import type { StateDiff } from "./state-diff.ts";
import type { MaybePromise } from "./state-reader.ts";
import type { Tracer } from "./tracer.ts";

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
  /** Of a precompile: it answers at this address, no longer at its own. 20 bytes, of no other override. */
  readonly movePrecompileTo?: Uint8Array | undefined;
}

export interface BlockOverrides {
  readonly number?: number | undefined;
  readonly time?: number | undefined;
  readonly gasLimit?: bigint | undefined;
  readonly coinbase?: Uint8Array | undefined;
  readonly difficulty?: bigint | undefined;
  readonly prevRandao?: Uint8Array | undefined;
  readonly baseFee?: bigint | undefined;
  /** Wei per blob gas. */
  readonly blobBaseFee?: bigint | undefined;
}

/** What a run may take of the process beside its gas and its time (RP-12). */
export interface RunBounds {
  /** Where dear precompiles run, and are stopped when the time is over; absent: in place, to their end. */
  readonly precompiles?: PrecompileRunner | undefined;
  /** What the memory of frames is taken from, shared by runs. Default for a call: 256 MiB of its own; for a block: no bound. */
  readonly memory?: MemoryBudget | undefined;
}

export interface CallOptions extends RunBounds {
  /** Most gas a call may use; default 50,000,000 (geth --rpc.gascap). */
  readonly gasCap?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Needs `clock`. Default 5,000 (geth --rpc.evmtimeout). */
  readonly timeoutMs?: number | undefined;
  readonly clock?: RunClock | undefined;
  readonly overrides?: readonly AccountOverride[] | undefined;
  readonly blockOverrides?: BlockOverrides | undefined;
  /** Looks on. Of runCall only. */
  readonly tracer?: Tracer | undefined;
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

export interface ExecuteOptions extends RunBounds {
  /** So that a long block gives way to the rest of the process by time; without it, by work done. */
  readonly clock?: RunClock | undefined;
  /** Who gets fees and reward: the engine's author. Default `header.coinbase`. */
  readonly coinbase?: Uint8Array | undefined;
  readonly blockHash?: ((number: number) => MaybePromise<Uint8Array | undefined>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Longest time for all of it; needs `clock`. */
  readonly timeoutMs?: number | undefined;
  /** True: `apply` takes tracers. Such a block runs several times slower, traced or not. */
  readonly traced?: boolean | undefined;
  /** Where precompiles answer, of overrides that the reader knows the rest of. */
  readonly overrides?: readonly AccountOverride[] | undefined;
  /** Wei per blob gas in place of the header's. */
  readonly blobBaseFee?: bigint | undefined;
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

/** A block in the making: for executeBlock, and for who seals. */
export interface BlockExecution {
  readonly gasUsed: bigint;
  /** Runs one transaction on top. After a VM_BAD_TRANSACTION nothing has changed and another may be tried. */
  apply(tx: Transaction, options?: { readonly tracer?: Tracer | undefined }): Promise<Receipt>;
  /** What has changed since the beginning. */
  diff(): StateDiff;
  /** The account as it is now. */
  account(address: Uint8Array): Promise<{ readonly nonce: bigint; readonly balance: bigint } | undefined>;
  /**
   * Runs a message without a signature on top, for a block that is only imagined; its receipt has type 2. With `nonce` it
   * must have that one and pay the base fee; it may come from a contract and have any gas. @throws VM_BAD_TRANSACTION
   */
  call(
    request: CallRequest,
    options: {
      readonly gas: bigint;
      readonly nonce?: bigint | undefined;
      readonly tracer?: Tracer | undefined;
    },
  ): Promise<CallResult & { readonly maxGasUsed: bigint }>;
  /** Withdrawals, rewards, system calls at the end; then the execution is over. */
  finish(rest?: {
    uncles?: readonly Header[];
    withdrawals?: readonly Withdrawal[] | undefined;
  }): Promise<BlockResult>;
}
