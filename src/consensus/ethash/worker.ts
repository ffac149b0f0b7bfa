// The thread of workerSealChecker: seals in, verdicts out, one message for one.
import { parentPort } from "node:worker_threads";
import { LocalChecks, type Seal, type SealVerdict } from "./seal.ts";

export interface SealQuestion {
  readonly id: number;
  readonly seals: readonly Seal[];
}

export interface SealAnswer {
  readonly id: number;
  readonly verdicts: readonly SealVerdict[];
}

const checks = new LocalChecks();

parentPort?.on("message", ({ id, seals }: SealQuestion) => {
  const answer: SealAnswer = { id, verdicts: seals.map((seal) => checks.check(seal)) };
  parentPort?.postMessage(answer);
});
