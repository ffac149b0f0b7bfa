import type { Clock, Thread, Threads, Timer } from "#host";
import { type Deferred, deferred, onAbort } from "#util";
import { VmError } from "./errors.ts";
import type { PrecompileJob, PrecompileOutcome } from "./precompile-job.ts";
import type { PrecompileAnswer } from "./precompile-thread.ts";

/** Does precompiles beside the main loop, and can be stopped in the middle of one. */
export interface PrecompileRunner {
  /**
   * @param order.ms - what it is estimated to take
   * @param order.timeLeftMs - when it is stopped, wherever it stands
   * @returns undefined where there is no other thread: do it yourself
   * @throws VM_TIMEOUT, VM_MEMORY, the signal's reason
   */
  run(job: PrecompileJob, order: PrecompileOrder): Promise<PrecompileOutcome> | undefined;
}

export interface PrecompileOrder {
  readonly ms: number;
  readonly timeLeftMs: number;
  /** What the caller was promised, for the error's text. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly job: PrecompileJob;
  readonly order: PrecompileOrder;
  readonly done: Deferred<PrecompileOutcome>;
  lane: Lane | undefined;
}

interface Lane {
  /** Takes nothing longer than this, so that it is soon free again. */
  readonly mostMs: number;
  thread: Thread | undefined;
  work: Waiting | undefined;
}

/** What the first lane takes: a pairing check of an ordinary proof, not what lasts a call's whole time. */
const SHORT_MS = 250;
/** The heap of a thread. Operands are a few megabytes, which is what a frame can pay for. */
const HEAP_MB = 96;
/** Threads end when there was nothing to do for so long: their memory (30 MB) is given back. */
const IDLE_MS = 10_000;
/** Falls in a row without an answer, other than by memory, after which no thread is tried any more. */
const MAX_FALLS = 3;

/**
 * Two threads, started when they are needed: one for short work only, one for any. An endless precompile holds up the second
 * until its caller's time is over, when its thread is killed; a short one never waits for it.
 */
export class PrecompileThreads implements PrecompileRunner, AsyncDisposable {
  readonly #threads: Threads;
  readonly #clock: Clock;
  readonly #lanes: readonly Lane[] = [
    { mostMs: SHORT_MS, thread: undefined, work: undefined },
    { mostMs: Number.POSITIVE_INFINITY, thread: undefined, work: undefined },
  ];
  /** In the order they came. BOUNDED: one for each call that runs, and those are bounded by who lets calls in. */
  readonly #waiting = new Set<Waiting>();
  #idle: Timer | undefined;
  #falls = 0;

  constructor({ threads, clock }: { readonly threads: Threads; readonly clock: Clock }) {
    this.#threads = threads;
    this.#clock = clock;
  }

  run(job: PrecompileJob, order: PrecompileOrder): Promise<PrecompileOutcome> | undefined {
    if (this.#falls >= MAX_FALLS) return undefined;
    const input = job.input.slice(); // a view sent to another thread takes along all that it is a view of
    const waiting: Waiting = { job: { ...job, input }, order, done: deferred(), lane: undefined };
    this.#waiting.add(waiting);
    this.#assign();
    if (this.#falls >= MAX_FALLS) {
      this.#waiting.delete(waiting);
      return undefined;
    }
    return this.#wait(waiting);
  }

  async #wait(waiting: Waiting): Promise<PrecompileOutcome> {
    const { signal, timeLeftMs, timeoutMs } = waiting.order;
    const stop = (error: unknown): void => {
      this.#kill(waiting);
      waiting.done.reject(error);
    };
    const timer = Number.isFinite(timeLeftMs)
      ? this.#clock.after(timeLeftMs, () => stop(VmError("TIMEOUT", { timeoutMs })))
      : undefined;
    const release = signal === undefined ? undefined : onAbort(signal, stop);
    try {
      return await waiting.done.promise;
    } finally {
      timer?.cancel();
      release?.();
    }
  }

  /** Gives waiting work to free lanes. */
  #assign(): void {
    for (const lane of this.#lanes) {
      if (lane.work !== undefined) continue;
      const next = [...this.#waiting].find(({ order }) => order.ms <= lane.mostMs);
      if (next === undefined) continue;
      this.#idle?.cancel();
      lane.thread ??= this.#start(lane);
      if (lane.thread === undefined) return;
      this.#waiting.delete(next);
      lane.work = next;
      next.lane = lane;
      lane.thread.setBusy(true);
      lane.thread.post(next.job);
    }
  }

  #start(lane: Lane): Thread | undefined {
    const thread = this.#threads.start(new URL("./precompile-thread.js", import.meta.url), {
      heapMb: HEAP_MB,
      onMessage: (message) => this.#take(lane, message as PrecompileAnswer), // our own module's
      onEnd: (error) => this.#fell(lane, error),
    });
    if (thread === undefined) this.#falls = MAX_FALLS;
    return thread;
  }

  #take(lane: Lane, { outcome, fault }: PrecompileAnswer): void {
    const { work } = lane;
    lane.work = undefined;
    this.#falls = 0;
    if (outcome === undefined) work?.done.reject(fault);
    else work?.done.resolve(outcome);
    lane.thread?.setBusy(false);
    this.#assign();
    this.#rest();
  }

  /** Nobody works: threads end if it stays so. */
  #rest(): void {
    this.#idle?.cancel();
    if (
      this.#lanes.some((one) => one.work !== undefined) ||
      this.#lanes.every((one) => one.thread === undefined)
    )
      return;
    this.#idle = this.#clock.after(IDLE_MS, () => void this.#endThreads());
  }

  #fell(lane: Lane, error: Error | undefined): void {
    const { work } = lane;
    lane.thread = undefined;
    lane.work = undefined;
    const isMemory = (error as { code?: string } | undefined)?.code === "ERR_WORKER_OUT_OF_MEMORY";
    if (!isMemory) this.#falls++;
    work?.done.reject(
      isMemory
        ? VmError("MEMORY", { mebibytes: HEAP_MB })
        : VmError("EXECUTION_FAILED", { reason: "a precompile's thread fell" }, { cause: error }),
    );
    this.#assign();
    this.#rest();
  }

  #kill(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    const { lane } = waiting;
    if (lane === undefined || lane.work !== waiting) return;
    void lane.thread?.end();
    lane.thread = undefined;
    lane.work = undefined;
    this.#assign();
    this.#rest();
  }

  async #endThreads(): Promise<void> {
    const ended = this.#lanes.map(async (lane) => {
      const { thread } = lane;
      lane.thread = undefined;
      await thread?.end();
    });
    await Promise.all(ended);
  }

  /** Stops what runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#falls = MAX_FALLS;
    this.#idle?.cancel();
    const error = VmError("EXECUTION_FAILED", { reason: "the node stops" });
    for (const { done } of this.#waiting) done.reject(error);
    this.#waiting.clear();
    for (const lane of this.#lanes) {
      lane.work?.done.reject(error);
      lane.work = undefined;
    }
    await this.#endThreads();
  }
}
