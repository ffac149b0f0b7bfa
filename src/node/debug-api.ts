// long: a table of methods
import { getHeapSnapshot, getHeapStatistics } from "node:v8";
import { type LogControl, logLevels } from "#log";
import {
  type Api,
  api,
  bool,
  type CallContext,
  json,
  method,
  type Method,
  none,
  number,
  optional,
  RpcError,
  rpcCodes,
  text,
  textUpTo,
} from "#rpc";
import type { NodeFace } from "./builtin-apis.ts";
import { newDataFile, writeNewDataFile } from "./data-files.ts";
import { CpuProfiler, collectGarbage, GcWatch } from "./profiler.ts";

const path = textUpTo(4_096);
/** Longest CPU profile of one call, seconds. */
const MAX_PROFILE_SECONDS = 300;

const refuse = (reason: string) => new RpcError(rpcCodes.failed, reason);

/** A method of Go's runtime that has no meaning here: it exists, and says so. */
const notHere = (what: string, params: Method["params"] = []) =>
  method({
    doc: `Refused: ${what}.`,
    params: [...params],
    result: json,
    handle: (): unknown => {
      throw refuse(`not supported: ${what}`);
    },
  });

function checkTransport({ transport }: CallContext): void {
  if (transport === "ipc" || transport === "inproc") return;
  throw new RpcError(rpcCodes.methodNotFound, "methods that touch files are served over IPC only");
}

function controlOf({ config: { logger } }: NodeFace): LogControl {
  if (logger.control === undefined)
    throw refuse("this node's logger was made elsewhere, and cannot be adjusted");
  return logger.control;
}

/** What V8 and the system say, under those of Go's runtime.MemStats names that mean the same; bytes. */
function memStats(): object {
  const heap = getHeapStatistics();
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    ...{ Alloc: heapUsed, Sys: rss, HeapAlloc: heapUsed, HeapSys: heapTotal, HeapInuse: heapUsed },
    HeapIdle: heapTotal - heapUsed,
    node: { external, arrayBuffers, heap },
  };
}

/** What keeps the event loop busy, where geth lists its goroutines. */
function stacks(): string {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} × ${name}`).join("\n");
}

/** debug_ of the process itself (geth internal/debug/api.go), which every node has. Life: the node's. */
export class DebugApi implements Disposable {
  readonly #gc: GcWatch;
  readonly #profiler = new CpuProfiler();
  /** Of debug_startCPUProfile: where it goes. */
  #profile: string | undefined;
  readonly api: Api;

  constructor(node: NodeFace) {
    this.#gc = new GcWatch(() => node.unixSeconds() * 1_000);
    this.api = api({
      namespace: "debug",
      isPublic: false,
      methods: { ...this.#logging(node), ...this.#memory(node), ...this.#profiles(node), ...ofGo },
    });
  }

  [Symbol.dispose](): void {
    this.#gc[Symbol.dispose]();
    this.#profiler[Symbol.dispose]();
  }

  #logging(node: NodeFace): Record<string, Method> {
    return {
      verbosity: method({
        doc: "How much is logged: 0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace.",
        params: [number],
        result: none,
        handle: ([level]) => {
          const name = logLevels[Math.max(0, Math.min(level, logLevels.length - 1))];
          if (name === undefined) throw refuse("the level must be a whole number");
          controlOf(node).setLevel(name);
        },
      }),
      vmodule: method({
        doc: "Other levels for rooms of the program: p2p=5,eth/*=4; empty for none.",
        params: [textUpTo(1_024)],
        result: none,
        handle: ([rules]) => {
          try {
            controlOf(node).setVmodule(rules);
          } catch (error) {
            if (error instanceof RangeError) throw refuse(error.message);
            throw error;
          }
        },
      }),
    };
  }

  #memory({ config: { dataDir } }: NodeFace): Record<string, Method> {
    return {
      memStats: method({ doc: "Memory of this process, bytes.", params: [], result: json, handle: memStats }),
      gcStats: method({
        doc: "Garbage collections since this was first asked.",
        params: [],
        result: json,
        handle: () => this.#gc.stats(),
      }),
      stacks: method({
        doc: "What keeps the event loop alive, counted by kind.",
        params: [optional(text)],
        result: text,
        handle: stacks,
      }),
      freeOSMemory: method({
        doc: "Collects all garbage now; the process stands still meanwhile. IPC only.",
        params: [],
        result: none,
        handle: (_, ctx) => {
          checkTransport(ctx);
          collectGarbage();
        },
      }),
      writeMemProfile: method({
        doc: "Writes a heap snapshot (which holds every secret of this process) to a new file inside the data directory. IPC only.",
        params: [path],
        result: bool,
        isHeavy: true,
        handle: async ([file], ctx) => {
          checkTransport(ctx);
          await newDataFile(dataDir, file); // before the heap is walked
          await writeNewDataFile(dataDir, file, getHeapSnapshot());
          return true;
        },
      }),
    };
  }

  #profiles({ config: { dataDir }, sleep }: NodeFace): Record<string, Method> {
    return {
      startCPUProfile: method({
        doc: "Begins a CPU profile, for a new file inside the data directory (.cpuprofile). IPC only.",
        params: [path],
        result: none,
        handle: async ([file], ctx) => {
          checkTransport(ctx);
          const target = await newDataFile(dataDir, file);
          await this.#profiler.start();
          this.#profile = target;
        },
      }),
      stopCPUProfile: method({
        doc: "Ends the profile and writes it. IPC only.",
        params: [],
        result: none,
        handle: async (_, ctx) => {
          checkTransport(ctx);
          const profile = await this.#profiler.stop();
          await writeNewDataFile(dataDir, this.#profile ?? "", profile);
        },
      }),
      cpuProfile: method({
        doc: "A CPU profile of so many seconds, at most 300, into a new file inside the data directory. IPC only.",
        params: [path, number],
        result: none,
        isHeavy: true,
        handle: async ([file, seconds], ctx) => {
          checkTransport(ctx);
          await newDataFile(dataDir, file);
          await this.#profiler.start();
          try {
            await sleep(Math.min(Math.max(seconds, 0), MAX_PROFILE_SECONDS) * 1_000, { signal: ctx.signal });
          } finally {
            await writeNewDataFile(dataDir, file, await this.#profiler.stop());
          }
        },
      }),
    };
  }
}

const NO_THREADS = "nothing here waits for locks: the program is one thread";
const NO_TRACE = "this is Go's execution trace; debug_startCPUProfile is nearest";
const V8_HEAP = "V8 sizes its heap itself (node --max-old-space-size)";

const ofGo: Record<string, Method> = {
  backtraceAt: notHere("log lines here carry no source lines", [text]),
  goTrace: notHere(NO_TRACE, [text, number]),
  startGoTrace: notHere(NO_TRACE, [text]),
  stopGoTrace: notHere(NO_TRACE),
  blockProfile: notHere(NO_THREADS, [text, number]),
  setBlockProfileRate: notHere(NO_THREADS, [number]),
  writeBlockProfile: notHere(NO_THREADS, [text]),
  mutexProfile: notHere(NO_THREADS, [text, number]),
  setMutexProfileFraction: notHere(NO_THREADS, [number]),
  writeMutexProfile: notHere(NO_THREADS, [text]),
  setGCPercent: notHere(V8_HEAP, [number]),
  setMemoryLimit: notHere(V8_HEAP, [number]),
};
