import type { Account, Address } from "@ethereumjs/util";
import type { EvmBlock } from "./block-context.ts";
import type { FrameStack, OwnMemory } from "./frame-parts.ts";
import type { MaybePromise } from "./state-reader.ts";

/** A call or creation, as ethereumjs' EVM hands it from frame to frame; creations begin without `to`. */
export interface FrameMessage {
  readonly to?: Address | undefined;
  readonly caller: Address;
  readonly codeAddress: Address;
  readonly value: bigint;
  readonly gasLimit: bigint;
  readonly data: Uint8Array;
  readonly depth: number;
  readonly isStatic: boolean;
  readonly isCreate?: boolean;
  readonly delegatecall: boolean;
  readonly gasRefund: bigint;
  /** A function: a precompile. */
  code?: Uint8Array | Precompile | undefined;
  readonly selfdestruct?: Map<string, string> | undefined;
  readonly createdAddresses?: Set<string> | undefined;
  readonly blobVersionedHashes?: readonly string[] | undefined;
}

export type Precompile = (input: object) => MaybePromise<FrameOutcome>;

export type FrameLog = [address: Uint8Array, topics: Uint8Array[], data: Uint8Array];

/** How a frame ended: of ethereumjs' ExecResult what is read. */
export interface FrameOutcome {
  returnValue: Uint8Array;
  executionGasUsed: bigint;
  gasRefund?: bigint | undefined;
  exceptionError?: { readonly error: string } | undefined;
  logs?: FrameLog[] | undefined;
  selfdestruct?: Map<string, string> | undefined;
  createdAddresses?: Set<string> | undefined;
}

/** What its opcodes know of where they run. */
export interface FrameEnv {
  readonly address: Address;
  readonly caller: Address;
  readonly callData: Uint8Array;
  readonly callValue: bigint;
  readonly code: Uint8Array;
  readonly isStatic: boolean;
  readonly isCreate: boolean;
  readonly depth: number;
  readonly gasPrice: bigint;
  readonly origin: Address;
  readonly block: EvmBlock;
  contract: Account;
  readonly codeAddress: Address;
  readonly gasRefund: bigint;
  readonly blobVersionedHashes: readonly string[];
  readonly createdAddresses: Set<string> | undefined;
}

/** What its opcodes work on; the members that ethereumjs' handlers ask for, under their names. */
export interface RunState {
  programCounter: number;
  opCode: number;
  readonly memory: OwnMemory;
  memoryWordCount: bigint;
  highestMemCost: bigint;
  readonly stack: FrameStack;
  readonly code: Uint8Array;
  validJumps: Uint8Array;
  cachedPushes: Pushes;
  readonly shouldDoJumpAnalysis: boolean;
  readonly stateManager: object;
  readonly blockchain: object;
  readonly env: FrameEnv;
  readonly interpreter: FrameFace;
  gasRefund: bigint;
  gasLeft: bigint;
  stateGasSpilled: bigint;
  returnBytes: Uint8Array;
  messageGasLimit?: bigint | undefined;
}

/** Values of PUSH opcodes by the place behind the opcode, found when they are first pushed. */
export type Pushes = (bigint | undefined)[];

/** The interpreter as opcodes see it. */
export interface FrameFace {
  useGas(amount: bigint): void;
  finish(returnData: Uint8Array): void;
}
