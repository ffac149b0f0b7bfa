import { type ChildProcess, spawn } from "node:child_process";
import type { Clock, Timer } from "#host";
import { type Deferred, deferred, type GlimError } from "#util";
import { TracerError } from "./errors.ts";
import { MAX_TRACE_BYTES } from "./limits.ts";
import { type SandboxMessage, sandboxProgram } from "./sandbox.ts";

export interface ScriptLimits {
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "after">;
  readonly signal: AbortSignal;
}

/** What a script may ask of the node while it runs. @returns text: hex, or a number */
export type AnswerScript = (what: string, ...rest: string[]) => Promise<string> | string;

/** Memory of its heap, MB. Stranger's code that wants more ends with its process. */
const HEAP_MB = 128;
/** Longest line it may write: a trace, as JSON text in JSON text. */
const MAX_LINE = 2 * MAX_TRACE_BYTES;

/** Node's permission model, whose flag lost a word between 20 and 24. */
function permissionFlag(): string {
  const major = Number(process.versions.node.split(".")[0]);
  const isNew = major >= 24 || process.allowedNodeEnvironmentFlags.has("--permission");
  return isNew ? "--permission" : "--experimental-permission";
}

interface Answer {
  readonly ok?: string;
  readonly err?: string;
  readonly ask?: readonly [string, ...string[]];
}

/**
 * The process in which one request's JavaScript tracers run: without files, without processes, without environment, killed
 * when its time is over or the request is. It is started at the first message.
 */
export class Scripts implements Disposable {
  readonly #limits: ScriptLimits;
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #failure: GlimError | undefined;
  #waiting: Deferred<string> | undefined;
  /** BOUNDED: MAX_LINE. */
  #parts: string[] = [];
  #length = 0;

  constructor(limits: ScriptLimits) {
    this.#limits = limits;
  }

  /** Sends a message, answers what the script asks meanwhile, and gives its reply. @throws TRACER_SCRIPT* */
  async send(message: SandboxMessage, answer: AnswerScript): Promise<string> {
    let line = await this.#exchange(JSON.stringify(message));
    for (;;) {
      const { ok, err, ask } = JSON.parse(line) as Answer; // written by our own program there
      if (err !== undefined) throw TracerError("SCRIPT", { reason: err.slice(0, 2_000) });
      if (ask === undefined) return ok ?? "";
      line = await this.#exchange(await answer(...ask));
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#limits.signal.removeEventListener("abort", this.#kill);
    this.#kill();
  }

  readonly #kill = (): void => void this.#child?.kill("SIGKILL");

  #fail(error: GlimError): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#kill();
  }

  #exchange(line: string): Promise<string> {
    if (this.#failure !== undefined) throw this.#failure;
    const child = (this.#child ??= this.#start());
    this.#waiting = deferred<string>();
    // a character is a byte on both sides
    child.stdin?.write(`${line.replace(/[\u0080-\uffff]/g, escape)}\n`, "latin1");
    return this.#waiting.promise;
  }

  #start(): ChildProcess {
    const { timeoutMs, clock, signal } = this.#limits;
    signal.throwIfAborted();
    const flags = [permissionFlag(), "--no-warnings", "--disallow-code-generation-from-strings"];
    const child = spawn(
      process.execPath,
      [...flags, `--max-old-space-size=${HEAP_MB}`, "-e", sandboxProgram],
      { env: {}, cwd: "/", stdio: ["pipe", "pipe", "ignore"], windowsHide: true },
    );
    child.once("error", () => this.#fail(TracerError("SCRIPT_DIED")));
    child.once("exit", () => this.#fail(TracerError("SCRIPT_DIED")));
    child.stdin?.on("error", () => this.#fail(TracerError("SCRIPT_DIED")));
    child.stdout?.setEncoding("latin1").on("data", (text: string) => this.#take(text));
    this.#timer = clock.after(timeoutMs, () => this.#fail(TracerError("SCRIPT_TIMEOUT", { ms: timeoutMs })));
    signal.addEventListener("abort", this.#kill, { once: true });
    return child;
  }

  #take(text: string): void {
    this.#length += text.length;
    if (this.#length > MAX_LINE) return this.#fail(TracerError("SCRIPT_DIED"));
    this.#parts.push(text);
    if (!text.endsWith("\n")) return;
    const line = this.#parts.join("");
    this.#parts = [];
    this.#length = 0;
    this.#waiting?.resolve(line);
  }
}

const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
