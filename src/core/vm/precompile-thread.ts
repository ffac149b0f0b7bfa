// The thread of PrecompileThreads: jobs in, outcomes out, one at a time.
import { parentPort } from "node:worker_threads";
import type { PrecompileJob, PrecompileOutcome } from "./precompile-job.ts";
import { runPrecompile } from "./precompiles.ts";

/** `outcome` absent: it threw, which is a fault of ours. */
export interface PrecompileAnswer {
  readonly outcome?: PrecompileOutcome | undefined;
  readonly fault?: unknown;
}

async function answer(job: PrecompileJob): Promise<PrecompileAnswer> {
  try {
    return { outcome: await runPrecompile(job) };
  } catch (fault) {
    return { fault };
  }
}

parentPort?.on("message", (job: PrecompileJob) => {
  void answer(job).then((message) => parentPort?.postMessage(message));
});
