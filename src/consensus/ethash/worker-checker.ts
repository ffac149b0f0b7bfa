import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "#util";
import { LocalChecks, localSealChecker, type Seal, type SealChecker, type SealVerdict } from "./seal.ts";
import type { SealAnswer, SealQuestion } from "./worker.ts";
import { isOutOfThreads } from "#host";

interface Waiting {
  readonly seals: readonly Seal[];
  readonly done: Deferred<readonly SealVerdict[]>;
}

/**
 * Checks seals in a thread that starts at the first question and does not keep the process alive while it is idle.
 * If the thread dies (memory), what it was asked is checked here, and the next question starts another.
 */
class WorkerSealChecker implements SealChecker {
  readonly #module: URL;
  readonly #local = new LocalChecks();
  /** Questions under way. BOUNDED: one for each insert under way, and those are queued by the chain. */
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #isClosed = false;

  constructor(module: URL) {
    this.#module = module;
  }

  checkNow(seal: Seal): SealVerdict {
    return this.#local.check(seal);
  }

  check(seals: readonly Seal[]): Promise<readonly SealVerdict[]> {
    if (this.#isClosed || seals.length === 0)
      return Promise.resolve(seals.map((seal) => this.checkNow(seal)));
    const worker = (this.#worker ??= this.#start());
    if (worker === undefined) return Promise.resolve([]); // as where it has gone
    const question: SealQuestion = { id: ++this.#lastId, seals };
    const done = deferred<readonly SealVerdict[]>();
    this.#waiting.set(question.id, { seals, done });
    worker.ref();
    worker.postMessage(question);
    return done.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
    this.#answerHere();
  }

  #make(): Worker | undefined {
    try {
      return new Worker(this.#module, { execArgv: [] }); // flags of this process (--eval, --inspect) are not the thread's
    } catch (error) {
      if (isOutOfThreads(error)) return undefined;
      throw error;
    }
  }

  #start(): Worker | undefined {
    const worker = this.#make();
    if (worker === undefined) return undefined;
    worker.on("message", ({ id, verdicts }: SealAnswer) => {
      this.#waiting.get(id)?.done.resolve(verdicts);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
    });
    const onEnd = () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#answerHere();
    };
    worker.on("error", onEnd);
    worker.on("exit", onEnd);
    return worker;
  }

  /** The thread is gone: what it did not answer is left to `checkNow`, header by header. */
  #answerHere(): void {
    for (const { done } of this.#waiting.values()) done.resolve([]);
    this.#waiting.clear();
  }
}

/** Checks seals in a thread of its own where the built package runs, and in place from sources (Node 20 reads no TypeScript). */
export function workerSealChecker(): SealChecker {
  return import.meta.url.endsWith(".js")
    ? new WorkerSealChecker(new URL("./worker.js", import.meta.url))
    : localSealChecker();
}
