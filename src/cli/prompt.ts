import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

/** Longest line that is read, bytes. */
const MAX_LINE = 64 * 1024;
const [CTRL_C, CTRL_D, BACKSPACE, LINE_FEED, RETURN, DELETE] = [3, 4, 8, 10, 13, 127];

/** A terminal that can be told not to echo. */
type Raw = NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };

/**
 * Asks for secrets on the terminal, without echo; where input is no terminal, it says so once and reads lines. A secret is
 * the bytes that were typed, without their line end; whoever gets it overwrites it.
 */
export class SecretPrompt {
  readonly #io: Io;
  /** What came in and was not asked for yet: input may bring several lines at once. */
  #waiting = Buffer.alloc(0);
  #hasEnded = false;
  #hasWarned = false;

  constructor(io: Io) {
    this.#io = io;
  }

  /** One secret. @throws CLI_NO_SECRET at the end of input, CLI_INTERRUPTED for Ctrl-C */
  async ask(label: string): Promise<Uint8Array> {
    const input: Raw = this.#io.input;
    const isTerminal = input.isTTY === true && input.setRawMode !== undefined;
    if (!isTerminal && !this.#hasWarned) this.#io.print("!! Unsupported terminal, password will be echoed.");
    this.#hasWarned = true;
    this.#io.output.write(label);
    if (!isTerminal) {
      const line = await this.#line();
      return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
    }
    input.setRawMode?.(true);
    try {
      return await this.#typed();
    } finally {
      input.setRawMode?.(false);
      this.#io.output.write("\n");
    }
  }

  /** A new secret, twice. @throws CLI_NO_MATCH */
  async askTwice(label = "Password: "): Promise<Uint8Array> {
    const first = await this.ask(label);
    const second = await this.ask(`Repeat ${label.toLowerCase()}`);
    const isSame = Buffer.compare(first, second) === 0;
    second.fill(0);
    if (!isSame) throw CliError("NO_MATCH");
    return first;
  }

  async #line(): Promise<Uint8Array> {
    for (;;) {
      const end = this.#waiting.indexOf(LINE_FEED);
      if (end >= 0) return this.#take(end, 1);
      if (this.#hasEnded && this.#waiting.length > 0) return this.#take(this.#waiting.length, 0);
      await this.#more();
    }
  }

  /** Keys one by one, as a terminal gives them when nobody edits the line for us. */
  async #typed(): Promise<Uint8Array> {
    const typed: number[] = [];
    for (;;) {
      if (this.#waiting.length === 0) await this.#more();
      const [key] = this.#take(1, 0);
      if (key === RETURN || key === LINE_FEED) return Uint8Array.from(typed);
      if (key === CTRL_C) throw CliError("INTERRUPTED", { what: "no password was given" });
      if (key === CTRL_D) throw CliError("NO_SECRET");
      if (key === DELETE || key === BACKSPACE) {
        while (((typed.pop() ?? 0) & 0xc0) === 0x80); // a whole letter of UTF-8
      } else if (key !== undefined) typed.push(key);
    }
  }

  #take(length: number, skip: number): Uint8Array {
    const taken = new Uint8Array(this.#waiting.subarray(0, length));
    this.#waiting = this.#waiting.subarray(length + skip);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#hasEnded) throw CliError("NO_SECRET");
    if (this.#waiting.length > MAX_LINE) throw CliError("NO_SECRET");
    const { input } = this.#io;
    await new Promise<void>((resolve) => {
      const done = (chunk?: Buffer | string) => {
        input.pause();
        input.off("data", done).off("end", ended);
        if (chunk !== undefined) this.#waiting = Buffer.concat([this.#waiting, Buffer.from(chunk)]);
        resolve();
      };
      const ended = () => {
        this.#hasEnded = true;
        done();
      };
      input.on("data", done).on("end", ended).resume();
    });
  }
}
