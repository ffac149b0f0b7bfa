import { readdirSync } from "node:fs";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { lostThreads } from "./threads.ts";

/** What the process uses now. Bytes, seconds. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly externalBytes: number;
  readonly arrayBufferBytes: number;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly uptimeSeconds: number;
  /** Unix seconds. */
  readonly startedAt: number;
  /** undefined where the system does not list them. */
  readonly openFiles: number | undefined;
  /** Of the event loop since the last reading. */
  readonly loopDelayMeanSeconds: number;
  readonly loopDelayMaxSeconds: number;
  /** Modules whose threads fell three times in a row: their work is done in place since. */
  readonly lostThreads: number;
}

function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined; // no /proc on this system
  }
}

/** Reads the process's figures. The event loop is watched from the making to the disposal. */
export class ProcessMeter implements Disposable {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });

  constructor() {
    this.#delay.enable();
  }

  read(): ProcessFigures {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    const { mean, max } = this.#delay;
    this.#delay.reset();
    return {
      residentBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external,
      arrayBufferBytes: memory.arrayBuffers,
      cpuUserSeconds: cpu.user / 1e6,
      cpuSystemSeconds: cpu.system / 1e6,
      uptimeSeconds: process.uptime(),
      startedAt: Math.floor(Date.now() / 1_000 - process.uptime()),
      openFiles: openFiles(),
      loopDelayMeanSeconds: Number.isNaN(mean) ? 0 : mean / 1e9,
      loopDelayMaxSeconds: Number.isFinite(max) ? max / 1e9 : 0,
      lostThreads: lostThreads().length,
    };
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}
