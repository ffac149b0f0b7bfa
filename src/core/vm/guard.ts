import type { Clock } from "#host";
import { VmError } from "./errors.ts";
import { type MemoryBudget, MemoryMeter } from "./memory-meter.ts";
import type { PrecompileJob, PrecompileOutcome } from "./precompile-job.ts";
import type { PrecompileRunner } from "./precompile-pool.ts";

/** With `after`, the end of a run's time is met while it waits for another run too; else when that one gives way. */
export type RunClock = Pick<Clock, "now"> & Partial<Pick<Clock, "after">>;

export interface GuardOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly clock?: RunClock | undefined;
  /** Where dear precompiles run; absent: in place. */
  readonly precompiles?: PrecompileRunner | undefined;
  /** What the memory of frames is taken from; absent: unbounded, but for its gas. */
  readonly memory?: MemoryBudget | undefined;
}

/** Weight of checks between two looks at clock and signal: a JUMPDEST weighs 1. */
const STRIDE = 64;
/** A message (CALL, CREATE, …) costs as much time as so many small opcodes: precompiles take up to milliseconds. */
const MESSAGE_WEIGHT = 8;
/** All runs together give way to the rest of the process after this long: each takes its share of it. */
const SLICE_MS = 5;
/** Shortest share. */
const LEAST_SLICE_MS = 1;
/** How often a run with much memory has those that wait for it look at their time. */
const NUDGE_MS = 50;
/** …or, without a clock, after this many strides. */
const SLICE_STRIDES = 128;

/** Most runs that go on in one turn of the event loop: the others wait for the next. */
const RUNS_A_TURN = SLICE_MS / LEAST_SLICE_MS;

/** Runs of this process that wait for their turn, in order: they share the event loop whether they know it or not. BOUNDED by who lets runs in. */
const waiting: (() => void)[] = [];

function nextTurn(): void {
  for (const goOn of waiting.splice(0, RUNS_A_TURN)) goOn();
  if (waiting.length > 0) setImmediate(nextTurn);
}

function myTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(nextTurn);
  });
}

/**
 * Watches one run: asked at every JUMPDEST and every message, and no loop is without either. Ends the run at its
 * deadline or signal, and lets other tasks run in between, because an EVM that never waits starves them.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #deadline: number;
  /** Of the frames of this run. */
  readonly memory: MemoryMeter | undefined;
  #count = 0;
  #nudgeAt = 0;
  #strides = 0;
  #sliceEnd: number;

  constructor(options: GuardOptions = {}) {
    this.#options = options;
    this.memory = options.memory === undefined ? undefined : new MemoryMeter(options.memory);
    const now = options.clock?.now() ?? 0;
    this.#deadline = now + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    this.#sliceEnd = now + SLICE_MS;
  }

  /** @throws VM_TIMEOUT, or the signal's reason */
  check(): Promise<void> | undefined {
    return this.#check(1);
  }

  /** The same before a message. `done` is called at once, or when the rest of the process had its turn. */
  checkMessage(done: () => void): void {
    const turn =
      this.memory?.mayGoOn() === false ? this.#standAside(this.memory) : this.#check(MESSAGE_WEIGHT);
    // what the look after the turn throws is thrown again by the next one
    if (turn === undefined) done();
    else void turn.then(done, done);
  }

  /** Something took long: the next check looks at the clock. */
  hurry(): void {
    this.#count = STRIDE;
  }

  /** Nobody waits for an answer in time: a block, which has to be finished. */
  get isUntimed(): boolean {
    return this.#options.timeoutMs === undefined;
  }

  /** Has a dear precompile done beside this thread, within the time that is left; undefined: it has to be done here. */
  elsewhere(job: PrecompileJob, ms: number): Promise<PrecompileOutcome> | undefined {
    const { precompiles, signal, clock, timeoutMs = Number.POSITIVE_INFINITY } = this.#options;
    const timeLeftMs = clock === undefined ? Number.POSITIVE_INFINITY : this.#deadline - clock.now();
    return precompiles?.run(job, { ms, timeLeftMs, timeoutMs, signal });
  }

  #check(weight: number): Promise<void> | undefined {
    this.#count += weight;
    if (this.#count < STRIDE) return undefined;
    this.#count = 0;
    this.#strides++;
    this.look();
    return this.#isSliceOver() ? this.#giveWay() : undefined;
  }

  /** Looks at once; for places that are passed seldom. */
  look(): void {
    const { signal, clock, timeoutMs } = this.#options;
    signal?.throwIfAborted();
    if (clock !== undefined && timeoutMs !== undefined && clock.now() > this.#deadline)
      throw VmError("TIMEOUT", { timeoutMs });
  }

  /** Until no other run with much memory is at work. @throws at once if the time is over */
  #standAside(memory: MemoryMeter): Promise<void> {
    this.look();
    const standing = async (): Promise<void> => {
      while (!memory.mayGoOn()) {
        await this.#woken(memory);
        this.look();
      }
    };
    return standing();
  }

  /** Resolves when the run at work has ended or gives way, and when this one's time or its signal ends it. */
  #woken(memory: MemoryMeter): Promise<void> {
    const { signal, clock } = this.#options;
    const leftMs = this.#deadline - (clock?.now() ?? 0);
    return new Promise((resolve) => {
      const wake = (): void => {
        timer?.cancel();
        place[Symbol.dispose]();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = Number.isFinite(leftMs) ? clock?.after?.(Math.max(0, leftMs) + 1, wake) : undefined;
      const place = memory.stand(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  #isSliceOver(): boolean {
    const { clock } = this.#options;
    return clock === undefined ? this.#strides % SLICE_STRIDES === 0 : clock.now() > this.#sliceEnd;
  }

  async #giveWay(): Promise<void> {
    const now = this.#options.clock?.now() ?? 0;
    if (now >= this.#nudgeAt) {
      this.#nudgeAt = now + NUDGE_MS;
      this.memory?.nudge();
    }
    await myTurn();
    // those still waiting take part in this turn of the loop or in the next
    const share = Math.max(LEAST_SLICE_MS, SLICE_MS / (waiting.length + 1));
    this.#sliceEnd = (this.#options.clock?.now() ?? 0) + share;
    this.look();
  }
}
