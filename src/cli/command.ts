import type { Flag, Parsed } from "./flags.ts";
import type { Io } from "./io.ts";

/** One command: its flags, its line of help, and what it does. An error it throws is one line on standard error. */
export interface Command<Table extends readonly Flag[] = readonly Flag[]> {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** More lines for `--help`, if the summary does not say all. */
  readonly details?: string;
  readonly flags: Table;
  run(parsed: Parsed<Table>, io: Io): Promise<void>;
}
