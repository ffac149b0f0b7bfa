import type { Clock } from "#host";
import type { Node } from "#node";

/** What a command touches of the terminal and the process. */
export interface Io {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** A whole line for people or scripts, on standard output. */
  print(line: string): void;
  /** A whole line about trouble or progress, on standard error. */
  complain(line: string): void;
  /** True if standard output is a terminal. */
  readonly isTerminal: boolean;
  readonly clock: Clock;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly stopping: AbortSignal;
  /** Aborted by the second: answers under way are no longer waited for. */
  readonly hurrying?: AbortSignal | undefined;
  /** Aborted when something nobody caught was thrown: what runs is ended in short (F32). Whoever hears it joins `endings`. */
  readonly fault?: FaultLine | undefined;
  /** Runs beside the node that a command starts; the node is stopped when it has ended. */
  readonly withNode?: ((node: Node) => Promise<void>) | undefined;
  /** `GLIM_…` variables are flags. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A fault of the process, and what must end before it does. */
export interface FaultLine {
  readonly signal: AbortSignal;
  /** BOUNDED: by the nodes of a process. */
  readonly endings: Set<Promise<void>>;
}

/** How long an orderly stop may take before the process ends anyway. */
const STOP_DEADLINE_MS = 10_000;

interface Process {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  on(event: string, listener: () => void): unknown;
  exit(code: number): never;
}

/**
 * The real terminal and signals. The first SIGINT or SIGTERM asks for an orderly stop; the second skips what it waits for;
 * the third, or a stop that takes too long, ends the process at once (F36).
 */
export function processIo(host: Process, clock: Clock, fault?: FaultLine): Io {
  const controller = new AbortController();
  const hurry = new AbortController();
  const ask = () => {
    if (hurry.signal.aborted) host.exit(130);
    if (controller.signal.aborted) {
      hurry.abort();
      return;
    }
    controller.abort();
    clock.after(STOP_DEADLINE_MS, () => host.exit(1));
  };
  host.on("SIGINT", ask);
  host.on("SIGTERM", ask);
  host.on("SIGHUP", () => {}); // the terminal may go away, the node stays (F37)
  for (const stream of [host.stdout, host.stderr]) stream.on("error", () => {}); // EPIPE: nobody reads any more
  return {
    input: host.stdin,
    output: host.stdout,
    print: (line) => void host.stdout.write(`${line}\n`),
    complain: (line) => void host.stderr.write(`${line}\n`),
    isTerminal: host.stdout.isTTY === true,
    clock,
    stopping: controller.signal,
    hurrying: hurry.signal,
    fault,
    environment: host.env,
  };
}

/** Resolves when the user asks to stop. */
export function untilStopped(io: Io): Promise<void> {
  return new Promise((resolve) => {
    if (io.stopping.aborted) resolve();
    else io.stopping.addEventListener("abort", () => resolve(), { once: true });
  });
}
