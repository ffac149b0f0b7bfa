import type { Parsed, TableRow } from "./flags.ts";
import type { Io } from "./io.ts";

/** One command: its flags, its help, and what it does. An error it throws is one line on standard error. */
export interface Command<Table extends readonly TableRow[] = readonly TableRow[]> {
  readonly usage: string;
  /** More lines for `--help`, if the one line of summary does not say all. */
  readonly details?: string;
  readonly flags: Table;
  /** The most words it takes that are no flags: a file, an address. Default: none. */
  readonly words?: number;
  run(parsed: Parsed<Table>, io: Io): Promise<void>;
}
