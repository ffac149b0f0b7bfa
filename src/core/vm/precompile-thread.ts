// The thread of PrecompileThreads: jobs in, outcomes out, one at a time.
import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import type { PrecompileJob, PrecompileOutcome } from "./precompile-job.ts";
import { runPrecompile } from "./precompiles.ts";

/** `outcome` absent: it threw, which is a fault of ours. */
export interface PrecompileAnswer {
  readonly outcome?: PrecompileOutcome | undefined;
  readonly fault?: unknown;
}

/** Behind the main thread where they share a core. On Linux 0 is the calling thread; elsewhere it would be the process. */
const NICE = 10;
if (process.platform === "linux") setPriority(0, NICE);

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
