// The thread of HandshakeThread: jobs in, outcomes out, one message for one.
import { parentPort } from "node:worker_threads";
import { type HandshakeJob, type HandshakeOutcome, runHandshakeJob } from "./job.ts";

export interface HandshakeQuestion {
  readonly id: number;
  readonly job: HandshakeJob;
}

export interface HandshakeAnswer {
  readonly id: number;
  readonly outcome: HandshakeOutcome;
}

parentPort?.on("message", ({ id, job }: HandshakeQuestion) => {
  const answer: HandshakeAnswer = { id, outcome: runHandshakeJob(job) };
  parentPort?.postMessage(answer);
});
