// The thread of HandshakeThread: jobs in, outcomes out, one message for one.
import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { forAnotherThread, type HandshakeJob, type HandshakeOutcome, runHandshakeJob } from "./job.ts";

export interface HandshakeQuestion {
  readonly id: number;
  readonly job: HandshakeJob;
}

export interface HandshakeAnswer {
  readonly id: number;
  readonly outcome: HandshakeOutcome;
}

/** Behind the main thread where they share a core. On Linux 0 is the calling thread; elsewhere it would be the process. */
const NICE = 5;
if (process.platform === "linux") setPriority(0, NICE);

parentPort?.on("message", ({ id, job }: HandshakeQuestion) => {
  const outcome = runHandshakeJob(job);
  const answer: HandshakeAnswer = {
    id,
    outcome: outcome?.kind === "accept" ? forAnotherThread(outcome) : outcome,
  };
  parentPort?.postMessage(answer);
});
