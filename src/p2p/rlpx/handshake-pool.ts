import type { Clock, Thread, Threads, Timer } from "#host";
import { type Deferred, deferred } from "#util";
import { RlpxError } from "./errors.ts";
import type { HandshakeAnswer, HandshakeQuestion } from "./handshake-thread.ts";
import { forAnotherThread, type HandshakeJob, type HandshakeOutcome, runHandshakeJob } from "./job.ts";
import { limits } from "./limits.ts";

/** Does the arithmetic of handshakes: now, or later and elsewhere. */
export interface HandshakeRunner {
  /** Rejects with RLPX_HANDSHAKE_DROPPED: close without a word. */
  run(job: HandshakeJob): HandshakeOutcome | Promise<HandshakeOutcome>;
}

/** On the caller's thread. */
export const localHandshakes: HandshakeRunner = { run: runHandshakeJob };

/** Falls in a row, without an answer in between, after which no thread is tried any more. */
const MAX_FALLS = 3;

/**
 * What strangers make us compute is done by one thread, which starts at the first inbound handshake and ends when it was
 * idle for a while (RX-14). Our own dials are few and of our own pace: those are done in place, and so is everything where
 * no thread can be made.
 *
 * If the thread falls, the handshakes it had are closed (one of them may be why) and the next starts another.
 */
export class HandshakeThread implements HandshakeRunner {
  readonly #threads: Threads;
  readonly #clock: Clock;
  /** Under way. BOUNDED: limits.handshakeQueue. */
  readonly #waiting = new Map<number, Deferred<HandshakeOutcome>>();
  #thread: Thread | undefined;
  #idle: Timer | undefined;
  #lastId = 0;
  #falls = 0;

  constructor({ threads, clock }: { readonly threads: Threads; readonly clock: Clock }) {
    this.#threads = threads;
    this.#clock = clock;
  }

  run(job: HandshakeJob): HandshakeOutcome | Promise<HandshakeOutcome> {
    if (job.kind === "finish" || this.#falls >= MAX_FALLS) return runHandshakeJob(job);
    if (this.#waiting.size >= limits.handshakeQueue)
      return Promise.reject(RlpxError("HANDSHAKE_DROPPED", { why: "too many at once" }));
    this.#thread ??= this.#start();
    if (this.#thread === undefined) return runHandshakeJob(job);
    this.#idle?.cancel();
    const question: HandshakeQuestion = { id: ++this.#lastId, job: forAnotherThread(job) };
    const done = deferred<HandshakeOutcome>();
    this.#waiting.set(question.id, done);
    this.#thread.post(question);
    return done.promise;
  }

  async end(): Promise<void> {
    await this.#endThread("the node stops");
  }

  #start(): Thread | undefined {
    const thread = this.#threads.start(new URL("./handshake-thread.js", import.meta.url), {
      heapMb: limits.handshakeHeapMb,
      onMessage: (message) => this.#take(message as HandshakeAnswer), // our own module's
      onEnd: () => {
        this.#thread = undefined;
        this.#falls++;
        this.#drop("the thread fell");
      },
    });
    if (thread === undefined) this.#falls = MAX_FALLS;
    return thread;
  }

  #take({ id, outcome }: HandshakeAnswer): void {
    this.#falls = 0;
    this.#waiting.get(id)?.resolve(outcome);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#idle = this.#clock.after(limits.handshakeIdleMs, () => void this.#endThread("idle"));
  }

  async #endThread(why: string): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    this.#idle?.cancel();
    this.#drop(why);
    await thread?.end();
  }

  #drop(why: string): void {
    for (const done of this.#waiting.values()) done.reject(RlpxError("HANDSHAKE_DROPPED", { why }));
    this.#waiting.clear();
  }
}

/** Who uses the thread of some Threads. BOUNDED: one entry for each `Threads` in use, which is one in a process. */
const shared = new WeakMap<Threads, { readonly thread: HandshakeThread; holders: number }>();

/** The process's thread for handshakes, shared by its servers: it dies with the last of them. */
export function shareHandshakes(host: {
  readonly threads: Threads;
  readonly clock: Clock;
}): HandshakeRunner & AsyncDisposable {
  const entry = shared.get(host.threads) ?? { thread: new HandshakeThread(host), holders: 0 };
  shared.set(host.threads, entry);
  entry.holders++;
  let isHeld = true;
  return {
    run: (job) => entry.thread.run(job),
    async [Symbol.asyncDispose]() {
      if (!isHeld) return;
      isHeld = false;
      entry.holders--;
      if (entry.holders > 0) return;
      shared.delete(host.threads);
      await entry.thread.end();
    },
  };
}
