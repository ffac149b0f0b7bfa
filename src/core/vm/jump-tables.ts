import type { EVM } from "@ethereumjs/evm";
import { type FrameMemory, type MemoryMeter, meterFrame, releaseFrame } from "./memory-meter.ts";

/** What ethereumjs' interpreter finds out about a code before its first jump; opaque here. */
type Analysis = object;
/** The members of its Interpreter that matter. They are not public: if they are gone, nothing is remembered or left out. */
interface InterpreterInside {
  readonly _evm?: EVM;
  _env?: object;
  readonly _runState?: { readonly memory?: FrameMemory };
  _getValidJumpDestinations?: (code: Uint8Array) => Analysis;
  run?: (code: Uint8Array, options?: object) => Promise<Outcome>;
}
/** What its `run` gives; `runState` has thirty members, of which three are read. */
interface Outcome {
  readonly runState: RunState;
  readonly exceptionError?: unknown;
}
interface RunState {
  readonly gasLeft: bigint;
  readonly gasRefund: bigint;
  readonly stateGasSpilled: bigint;
}

/** What we know of an EVM of ours. */
interface Adopted {
  /** Analyses by code array. BOUNDED by the codes that are alive: one goes with its array. */
  readonly tables: WeakMap<Uint8Array, Analysis>;
  /** What meters its frames now. */
  readonly meterOf: () => MemoryMeter | undefined;
}

const adopted = new WeakMap<EVM, Adopted>();
const patched = new WeakSet<object>();
const NO_ENV = {};

/**
 * ethereumjs looks for jump destinations anew in every frame, which is 40 % of a block that calls much; here each code array is
 * looked through once. And it copies state and environment of a frame into its result, member by member, where nobody reads
 * them: a seventh of a short call. EVMs that are not ours (an embedding program's) are left as they were.
 *
 * @param interpreter - any instance, from which the class is reached, because it is not exported
 */
export function rememberJumps(interpreter: object): void {
  const prototype = Object.getPrototypeOf(interpreter) as InterpreterInside & object;
  if (patched.has(prototype)) return;
  patched.add(prototype);
  dropFrames(prototype);
  const analyse = prototype._getValidJumpDestinations;
  if (typeof analyse !== "function") return;
  prototype._getValidJumpDestinations = function remembered(
    this: InterpreterInside,
    code: Uint8Array,
  ): Analysis {
    const known = this._evm === undefined ? undefined : adopted.get(this._evm)?.tables;
    if (known === undefined) return analyse.call(this, code);
    let analysis = known.get(code);
    if (analysis === undefined) known.set(code, (analysis = analyse.call(this, code)));
    return analysis;
  };
}

function dropFrames(prototype: InterpreterInside): void {
  const { run } = prototype;
  if (typeof run !== "function") return;
  prototype.run = async function short(this: InterpreterInside, code, options): Promise<Outcome> {
    const known = this._evm === undefined ? undefined : adopted.get(this._evm);
    if (known === undefined) return run.call(this, code, options);
    const memory = this._runState?.memory;
    if (memory !== undefined) meterFrame(memory, known.meterOf());
    const outcome = await run.call(this, code, options);
    if (memory !== undefined) releaseFrame(memory);
    this._env = NO_ENV; // the frame is over
    const { gasLeft, gasRefund, stateGasSpilled } = outcome.runState;
    return { runState: { gasLeft, gasRefund, stateGasSpilled }, exceptionError: outcome.exceptionError };
  };
}

/** This EVM is ours, and its frames are metered by what `meterOf` gives when they begin. */
export function adopt(evm: EVM, meterOf: () => MemoryMeter | undefined): void {
  adopted.set(evm, { tables: new WeakMap(), meterOf });
}
