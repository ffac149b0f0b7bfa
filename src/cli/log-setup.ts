import { RotatingFile } from "#host/node";
import { createLogger, type Logger, logLevels, parseVmodule } from "#log";
import { CliError } from "./errors.ts";
import type { Flags } from "./flags.ts";
import type { Io } from "./io.ts";
import type { logOptions } from "./options.ts";

type LogFlagValues = Flags<typeof logOptions>;

/** What every command says about its log; the files are a node's. */
type LogFlags = Pick<LogFlagValues, "verbosity" | "log.json"> & Partial<LogFlagValues>;

/** Loggers by their flags: a command asks for its logger more than once, and a log file is opened once. */
const opened = new WeakMap<object, Logger>();

function fileOf(flags: LogFlags, io: Io): RotatingFile | undefined {
  const path = flags["log.file"] ?? "";
  if (path === "") return undefined;
  try {
    return new RotatingFile({
      path,
      rotate: flags["log.rotate"] ?? false,
      maxBytes: (flags["log.maxsize"] ?? 100) * 1_000_000,
      maxBackups: flags["log.maxbackups"] ?? 10,
      maxAgeDays: flags["log.maxage"] ?? 30,
      compress: flags["log.compress"] ?? false,
      onFailure: (error) => io.complain(`glim: log lines are lost, ${path}: ${String(error)}`),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw CliError("BAD_FILE", { path, why: `cannot write the log file (--log.file): ${why}` });
  }
}

function checkVmodule(text: string): string {
  try {
    parseVmodule(text);
    return text;
  } catch (error) {
    throw CliError("BAD_FLAG", { flag: "--log.vmodule", why: (error as Error).message }); // as: a RangeError
  }
}

/**
 * The logger of a command: to standard error, so that standard output stays for what was asked, and to the log file if one
 * is named. @throws CLI_BAD_FILE, CLI_BAD_FLAG
 */
export function loggerOf(flags: LogFlags, io: Io): Logger {
  const known = opened.get(flags);
  if (known !== undefined) return known;
  const rules = checkVmodule(flags["log.vmodule"] ?? "");
  const file = fileOf(flags, io);
  const format = flags["log.format"] ?? "terminal";
  const logger = createLogger({
    level: logLevels[flags.verbosity] ?? "info",
    format: flags["log.json"] || format === "json" ? "json" : format === "logfmt" ? "logfmt" : "terminal",
    write: (line) => {
      io.complain(line.replace(/\n$/, ""));
      file?.write(line);
    },
  });
  logger.control?.setVmodule(rules);
  opened.set(flags, logger);
  return logger;
}
