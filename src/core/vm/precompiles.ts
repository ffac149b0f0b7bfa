import { createEVM, type EVM } from "@ethereumjs/evm";
import type { PrecompileFunc } from "@ethereumjs/evm";
import type { Guard } from "./guard.ts";
import { commonFor } from "./common.ts";
import { withOwnPower } from "./modexp.ts";
import {
  DEAR_MS,
  estimateMs,
  NOTABLE_MS,
  type PrecompileJob,
  type PrecompileOutcome,
  toExecResult,
} from "./precompile-job.ts";

const MODEXP = 5;
const keyOf = (precompile: number): string => precompile.toString(16).padStart(40, "0");

/** Puts our own arithmetic in where the library's is too slow to be safe. */
function improve(precompiles: Map<string, PrecompileFunc>): void {
  const modexp = precompiles.get(keyOf(MODEXP));
  if (modexp !== undefined) precompiles.set(keyOf(MODEXP), withOwnPower(modexp));
}

/**
 * Puts a watch on the precompiles of an EVM: what takes notable time is told to the guard of the run, what takes long goes
 * where the guard says (RP-12).
 */
export function watchPrecompiles(evm: EVM, guardOf: () => Guard): void {
  const fork = evm.common.hardfork();
  improve(evm.precompiles);
  for (const [key, here] of evm.precompiles) {
    const precompile = Number.parseInt(key, 16);
    evm.precompiles.set(key, (input) => {
      const { data, gasLimit } = input;
      const ms = estimateMs(precompile, data, gasLimit);
      if (ms < NOTABLE_MS) return here(input);
      const guard = guardOf();
      guard.hurry();
      if (ms < DEAR_MS) return here(input);
      const elsewhere = guard.elsewhere({ fork, precompile, input: data, gasLimit }, ms);
      if (elsewhere === undefined) return here(input);
      return elsewhere.then(toExecResult, (error: unknown) => {
        guard.look();
        if (!guard.isUntimed) throw error;
        return here(input); // whatever became of the thread, a block means the same
      });
    });
  }
}

/** EVMs for the precompiles alone. BOUNDED: one a fork. */
const evms = new Map<string, Promise<EVM>>();

async function makeEvm(fork: string): Promise<EVM> {
  const evm = await createEVM({ common: commonFor(1n, fork) }); // no precompile asks for the chain
  improve(evm.precompiles);
  return evm;
}

/** Does the work of a precompile here. @throws nothing that its caller can cause */
export async function runPrecompile(job: PrecompileJob): Promise<PrecompileOutcome> {
  let made = evms.get(job.fork);
  if (made === undefined) evms.set(job.fork, (made = makeEvm(job.fork)));
  const evm = await made;
  const { common } = evm;
  const run = evm.precompiles.get(keyOf(job.precompile));
  if (run === undefined) throw new RangeError(`no precompile ${job.precompile} in ${job.fork}`);
  const result = await run({ data: job.input, gasLimit: job.gasLimit, common, _EVM: evm });
  return {
    returnValue: result.returnValue.slice(), // a view would take along what it is a view of
    gasUsed: result.executionGasUsed,
    error: result.exceptionError?.error,
  };
}
