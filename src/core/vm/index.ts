/**
 * core/vm: the EVM over any StateReader — calls, gas estimates, access lists, whole blocks. The only room that knows
 * @ethereumjs/*; none of its types leave. State and tries are ours: execution returns a StateDiff, `#core/state` turns
 * it into a root.
 *
 * Every call has a gas cap and, with a clock, a deadline; a reader that has to wait (network) is awaited, nothing is
 * declared ahead; long runs give way to the rest of the process. The EVM is loaded at the first call.
 *
 * Not here: whether a header is valid (`#consensus`), roots (`#core/state`), JSON (`#ethapi`). Not built: blobs
 * themselves (only what a block says of them).
 */
export { type RefusalKind, VmError } from "./errors.ts";
export { revertReason } from "./evm-errors.ts";
export { LayeredState, overrideDiff } from "./layers.ts";
export { MemoryBudget } from "./memory-meter.ts";
export { type PrecompileRunner, PrecompileThreads } from "./precompile-pool.ts";
export { createAccessList, estimateGas, executeBlock, loadVm, openBlock, runCall } from "./lazy.ts";
export type { AccountDiff, StateDiff } from "./state-diff.ts";
export type { Account, MaybePromise, StateReader } from "./state-reader.ts";
export { memoryAt } from "./trace-memory.ts";
export type {
  FrameType,
  Tracer,
  TraceExit,
  TraceFrame,
  TraceStart,
  TraceState,
  TraceStep,
} from "./tracer.ts";
export type {
  AccountOverride,
  BlockExecution,
  BlockOverrides,
  BlockResult,
  CallEnv,
  CallOptions,
  CallRequest,
  CallResult,
  ExecuteOptions,
  RunBounds,
} from "./types.ts";
