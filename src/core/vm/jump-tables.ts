import type { EVM } from "@ethereumjs/evm";

/** What ethereumjs' interpreter finds out about a code before its first jump; opaque here. */
type Analysis = object;
/** The two members of its Interpreter that matter. They are not public: if they are gone, nothing is remembered. */
interface InterpreterInside {
  readonly _evm?: EVM;
  _getValidJumpDestinations?: (code: Uint8Array) => Analysis;
}

/** Analyses by code array, per EVM of ours. BOUNDED by the codes of one run: forgotten at its end. */
const tables = new WeakMap<EVM, Map<Uint8Array, Analysis>>();
const patched = new WeakSet<object>();

/**
 * ethereumjs looks for jump destinations anew in every frame, which is 40 % of a block that calls much. Here each code is
 * looked through once a run. EVMs that are not ours (an embedding program's) are left as they were.
 *
 * @param interpreter - any instance, from which the class is reached, because it is not exported
 */
export function rememberJumps(interpreter: object): void {
  const prototype = Object.getPrototypeOf(interpreter) as InterpreterInside & object;
  if (patched.has(prototype)) return;
  patched.add(prototype);
  const analyse = prototype._getValidJumpDestinations;
  if (typeof analyse !== "function") return;
  prototype._getValidJumpDestinations = function remembered(
    this: InterpreterInside,
    code: Uint8Array,
  ): Analysis {
    const known = this._evm === undefined ? undefined : tables.get(this._evm);
    if (known === undefined) return analyse.call(this, code);
    let analysis = known.get(code);
    if (analysis === undefined) known.set(code, (analysis = analyse.call(this, code)));
    return analysis;
  };
}

/** Starts with nothing remembered; also the end of the run before. */
export function forgetJumps(evm: EVM): void {
  const known = tables.get(evm);
  if (known === undefined) tables.set(evm, new Map());
  else known.clear();
}
