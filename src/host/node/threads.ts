import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { isOutOfThreads, type Thread, type ThreadOptions, type Threads } from "#host";

/** Young generation of a thread unless it asks for more, MB: small, so that an idle thread costs little. */
const YOUNG_MB = 4;

/** Node.js cannot tell beforehand whether a worker's module loads, so what we can see is looked at. */
function canStart(module: URL): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } }; // there under --permission
  if (permission?.has("worker") === false) return false;
  return module.protocol === "file:" && module.pathname.endsWith(".js") && existsSync(fileURLToPath(module));
}

/** Undefined where the system lets us have no thread more (F11). */
function make(module: URL, { heapMb, youngMb = YOUNG_MB }: ThreadOptions): Worker | undefined {
  try {
    return new Worker(module, {
      execArgv: [], // flags of this process (--eval, --inspect) are not the thread's
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngMb },
    });
  } catch (error) {
    if (isOutOfThreads(error)) return undefined;
    throw error;
  }
}

/** Falls in a row, without an answer in between, after which those who have threads here do the work in place (F33). */
const STRIKES = 3;
/** Module → falls in a row. BOUNDED: our own modules. */
const falls = new Map<string, number>();

/** Names of the modules that have lost their threads. */
export const lostThreads = (): readonly string[] =>
  [...falls].filter(([, count]) => count >= STRIKES).map(([name]) => name);

function strike(name: string, count = 1): void {
  falls.set(name, (falls.get(name) ?? 0) + count);
}

/** True for what is the work's fault, whose sender is told, and not the thread's. */
const isOutOfMemory = (error: Error | undefined): boolean =>
  error !== undefined && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";

/** Worker threads. One object for the process, so that what is shared by it can be kept by it. */
export const nodeThreads: Threads = {
  start(module: URL, options: ThreadOptions): Thread | undefined {
    if (!canStart(module)) return undefined;
    const worker = make(module, options);
    const name = basename(module.pathname, ".js");
    if (worker === undefined) {
      strike(name, STRIKES);
      return undefined;
    }
    let isOver = false;
    const end = (error?: Error): void => {
      if (isOver) return;
      isOver = true;
      if (!isOutOfMemory(error)) strike(name);
      options.onEnd(error);
    };
    worker.on("message", (message: unknown) => {
      falls.delete(name);
      if (!isOver) options.onMessage(message);
    });
    worker.unref(); // after the listener, which makes it count again
    worker.on("error", end);
    worker.on("exit", () => end());
    return {
      post: (message, handedOver = []) => worker.postMessage(message, [...handedOver]),
      setBusy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
      async end() {
        isOver = true;
        await worker.terminate();
      },
    };
  },
};
