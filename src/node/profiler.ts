import { Session } from "node:inspector/promises";
import { PerformanceObserver } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NodeError } from "./errors.ts";

/** Pauses remembered. */
const MAX_PAUSES = 64;

/** Garbage collections since somebody first asked. */
export class GcWatch implements Disposable {
  readonly #unixMs: () => number;
  #observer: PerformanceObserver | undefined;
  #count = 0;
  #totalNs = 0;
  /** BOUNDED: MAX_PAUSES. Newest first. */
  #pauses: readonly number[] = [];
  #last = 0;

  constructor(unixMs: () => number) {
    this.#unixMs = unixMs;
  }

  /** In the names of Go's debug.GCStats; durations in nanoseconds. */
  stats(): object {
    this.#start();
    return {
      LastGC: new Date(this.#last).toISOString(),
      NumGC: this.#count,
      PauseTotal: this.#totalNs,
      Pause: this.#pauses,
    };
  }

  #start(): void {
    this.#observer ??= new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        const ns = Math.round(duration * 1e6);
        this.#count++;
        this.#totalNs += ns;
        this.#last = this.#unixMs();
        this.#pauses = [ns, ...this.#pauses].slice(0, MAX_PAUSES);
      }
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  [Symbol.dispose](): void {
    this.#observer?.disconnect();
    this.#observer = undefined;
  }
}

/** One CPU profile at a time, in the form that Chrome's tools and node read (.cpuprofile). */
export class CpuProfiler implements Disposable {
  #session: Session | undefined;

  /** @throws NODE_PROFILING */
  async start(): Promise<void> {
    if (this.#session !== undefined)
      throw NodeError("PROFILING", { why: "CPU profiling already in progress" });
    const session = new Session();
    this.#session = session;
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
  }

  /** @throws NODE_PROFILING */
  async stop(): Promise<string> {
    const session = this.#session;
    if (session === undefined) throw NodeError("PROFILING", { why: "CPU profiling not in progress" });
    try {
      const { profile } = await session.post("Profiler.stop");
      return JSON.stringify(profile);
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#session?.disconnect();
    this.#session = undefined;
  }
}

/** A full collection, which V8 gives only to who knows how to ask. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect === "function") collect();
}
