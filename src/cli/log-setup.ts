import { createLogger, type Logger, type LogLevel } from "#log";
import type { Flags } from "./flags.ts";
import type { Io } from "./io.ts";
import type { logOptions } from "./options.ts";

export type LogFlagValues = Flags<typeof logOptions>;

const LEVELS: readonly LogLevel[] = ["silent", "error", "warn", "info", "debug", "trace"];

/** The logger of a command: to standard error, so that standard output stays for what was asked. */
export function loggerOf(flags: Pick<LogFlagValues, "verbosity" | "log.json">, io: Io): Logger {
  return createLogger({
    level: LEVELS[flags.verbosity] ?? "info",
    format: flags["log.json"] ? "json" : "terminal",
    write: (line) => io.complain(line.replace(/\n$/, "")),
  });
}
