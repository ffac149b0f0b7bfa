// A program of ours as a user starts it: its own process, its output by lines, ended by a signal.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Everything printed so far, both streams. */
  output(): string;
  /** The first match in standard output, once it is printed; throws if the program ends before. */
  prints(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Sends the signal and resolves with exit code and how long the end took. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }>;
  /** Resolves with the exit code when it ends by itself. */
  ended(): Promise<number | null>;
}

/** "Within seconds" of the documents, where a machine is busy with other things too, ms: the exit code says that it ended in order. */
export const SECONDS_MS = 30_000;

/** Starts `node` with these arguments. Ended with SIGKILL when disposed of. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Program {
  const child: ChildProcess = spawn(process.execPath, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let all = "";
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const check of waiting) check();
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    all += chunk.toString();
    wake();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    all += chunk.toString();
  });
  const closed = once(child, "close").then(() => {
    wake();
    return child.exitCode;
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    output: () => all,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = out.match(pattern);
          if (match === null && !hasEnded()) return;
          waiting.delete(check);
          if (match === null)
            reject(
              new Error(
                `ended with ${child.exitCode ?? child.signalCode} before it printed ${pattern}:\n${all}`,
              ),
            );
          else resolve(match);
        };
        waiting.add(check);
        check();
      }),
    async stop(signal = "SIGINT") {
      const from = performance.now();
      child.kill(signal);
      return { code: await closed, tookMs: performance.now() - from };
    },
    ended: () => closed,
    async [Symbol.asyncDispose]() {
      if (!hasEnded()) child.kill("SIGKILL");
      await closed;
    },
  };
}
