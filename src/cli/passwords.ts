import type { Host } from "#host";
import { CliError } from "./errors.ts";
import { SecretPrompt } from "./prompt.ts";
import type { Io } from "./io.ts";

const [LINE_FEED, RETURN] = [10, 13];
/** Largest password file. */
const MAX_BYTES = 1024 * 1024;

/**
 * The lines of a password file as bytes: one line end each is taken off (`\n` or `\r\n`), nothing else (KS-08). A line end
 * at the end begins no further line.
 */
export function splitPasswords(file: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < file.length || lines.length === 0; ) {
    const found = file.indexOf(LINE_FEED, from);
    const end = found < 0 ? file.length : found;
    const isDos = found >= 0 && end > from && file[end - 1] === RETURN;
    lines.push(file.slice(from, isDos ? end - 1 : end));
    from = end + 1;
  }
  return lines;
}

/** The passwords of `--password FILE`; undefined without it. @throws CLI_BAD_FILE, which tells no content */
export async function readPasswords(
  path: string | undefined,
  { files }: Pick<Host, "files">,
): Promise<readonly Uint8Array[] | undefined> {
  if (path === undefined || path === "") return undefined;
  const bytes = await files.readFile(path).catch(() => undefined);
  if (bytes === undefined)
    throw CliError("BAD_FILE", { path, why: "cannot read this password file (--password)" });
  if (bytes.length > MAX_BYTES) throw CliError("BAD_FILE", { path, why: "too large for a password file" });
  const lines = splitPasswords(bytes);
  bytes.fill(0);
  return lines;
}

/** Where a command's passwords come from: the file, line by line (its last line for all that follow), else the user. */
export class PasswordSource {
  readonly #io: Io;
  readonly #lines: readonly Uint8Array[] | undefined;
  readonly #prompt: SecretPrompt;

  constructor(io: Io, lines: readonly Uint8Array[] | undefined) {
    this.#io = io;
    this.#lines = lines;
    this.#prompt = new SecretPrompt(io);
  }

  /** True if nobody is asked: a wrong password stays wrong. */
  get isFile(): boolean {
    return this.#lines !== undefined;
  }

  /** The password of the `index`th account, after telling what it is for. */
  async of(index: number, what: string): Promise<Uint8Array> {
    const line = this.#line(index);
    if (line !== undefined) return line;
    if (what !== "") this.#io.print(what);
    return this.#prompt.ask("Password: ");
  }

  /** A new password: the `index`th line, or what the user types twice. */
  async fresh(index: number, what: string): Promise<Uint8Array> {
    const line = this.#line(index);
    if (line !== undefined) return line;
    this.#io.print(what);
    return this.#prompt.askTwice();
  }

  /** Another secret than a password, typed once or twice; never of the file. */
  async another(label: string, { isNew }: { readonly isNew: boolean }): Promise<Uint8Array> {
    return isNew ? this.#prompt.askTwice(label) : this.#prompt.ask(label);
  }

  #line(index: number): Uint8Array | undefined {
    return (this.#lines?.[index] ?? this.#lines?.at(-1))?.slice();
  }
}
