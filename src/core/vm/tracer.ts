import type { MaybePromise } from "./state-reader.ts";

/** One opcode, before it runs. Valid during the call only: arrays are the EVM's own or views of them. */
export interface TraceStep {
  readonly pc: number;
  /** 0 … 255. */
  readonly op: number;
  /** geth's name of it. */
  readonly name: string;
  /** Left before the opcode. */
  readonly gas: bigint;
  /** What it takes; for calls with the gas handed on, for creations without. */
  readonly cost: bigint;
  /** From 1. */
  readonly depth: number;
  readonly refund: bigint;
  /** Bottom first. */
  readonly stack: readonly bigint[];
  /** Before the opcode grows it: whole words. */
  readonly memory: Uint8Array;
  /** What the last call of this frame returned. */
  readonly returnData: Uint8Array;
  /** 20 bytes: whose storage this code works on. */
  readonly address: Uint8Array;
  /** Why it cannot run: gas or stack. Other faults are told by the frame's end. */
  readonly error: string | undefined;
}

export type FrameType =
  | "CALL"
  | "CALLCODE"
  | "DELEGATECALL"
  | "STATICCALL"
  | "CREATE"
  | "CREATE2"
  | "SELFDESTRUCT";

/** A call, a creation, or a SELFDESTRUCT (whose exit follows at once). */
export interface TraceFrame {
  readonly type: FrameType;
  /** 0 for the transaction itself. */
  readonly depth: number;
  readonly from: Uint8Array;
  /** The code that runs; of a creation the new address; of SELFDESTRUCT who inherits. */
  readonly to: Uint8Array;
  readonly input: Uint8Array;
  /** Stipend included; for depth 0 without intrinsic gas. */
  readonly gas: bigint;
  /** Absent: STATICCALL. */
  readonly value: bigint | undefined;
}

export interface TraceExit {
  readonly depth: number;
  readonly output: Uint8Array;
  readonly gasUsed: bigint;
  /** geth's text; `execution reverted` for REVERT. */
  readonly error: string | undefined;
}

/** State as the running code sees it. */
export interface TraceState {
  account(
    address: Uint8Array,
  ): Promise<{ readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Uint8Array } | undefined>;
  /** Empty if there is none. */
  code(address: Uint8Array): Promise<Uint8Array>;
  /** 32-byte slot → minimal value. */
  storage(address: Uint8Array, slot: Uint8Array): Promise<Uint8Array>;
}

export interface TraceStart {
  readonly from: Uint8Array;
  /** The new contract's address for a creation. */
  readonly to: Uint8Array;
  readonly isCreate: boolean;
  /** The transaction's limit. */
  readonly gas: bigint;
  readonly value: bigint;
  readonly coinbase: Uint8Array;
  /** Who signed an EIP-7702 authorization in it. */
  readonly authorities: readonly Uint8Array[];
  readonly isCancun: boolean;
  readonly isPrague: boolean;
  /** Logs of the block's transactions before this one. */
  readonly firstLog: number;
}

/**
 * Looks on while one message runs (geth's core/tracing.Hooks). What a hook throws ends the run and is thrown by it.
 * Hooks that answer with a promise are awaited, except enter and exit.
 */
export interface Tracer {
  /** Opcodes that `step` is told of; absent: all. */
  readonly ops?: ReadonlySet<number> | undefined;
  /** The state is still as it was: no gas is bought. */
  begin?(start: TraceStart, state: TraceState): MaybePromise<void>;
  step?(step: TraceStep, state: TraceState): MaybePromise<void>;
  enter?(frame: TraceFrame): void;
  exit?(exit: TraceExit): void;
  /** Refunds and fees are paid; destroyed contracts are still there. */
  end?(gasUsed: bigint, state: TraceState): MaybePromise<void>;
}
