/**
 * log: levels, context, formats, on pino. Message constant, facts as fields (house.md §2.10).
 *
 * A logger is any object of this shape, so a user's own pino logger wrapped in `fromPino` fits too. Text that came
 * from a peer is escaped by JSON; nothing from a peer is printed at info or above.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { LogControl } from "./control.ts";
import type { LogLevel } from "./levels.ts";
import { logfmtLine, terminalLine } from "./lines.ts";

export { LogControl, parseVmodule } from "./control.ts";
export { type LogLevel, logLevels } from "./levels.ts";

type Facts = Readonly<Record<string, unknown>>;

export interface Logger {
  trace(message: string, facts?: Facts): void;
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** A logger that adds these facts to each line. */
  child(facts: Facts): Logger;
  /** What it prints, if that can be changed while it runs. */
  readonly control?: LogControl | undefined;
}

/** Says nothing, costs nothing. */
export const silentLogger: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/** Any pino logger as ours. */
export function fromPino(logger: PinoLogger): Logger {
  return {
    trace: (message, facts = {}) => logger.trace(facts, message),
    debug: (message, facts = {}) => logger.debug(facts, message),
    info: (message, facts = {}) => logger.info(facts, message),
    warn: (message, facts = {}) => logger.warn(facts, message),
    error: (message, facts = {}) => logger.error(facts, message),
    child: (facts) => fromPino(logger.child(facts)),
  };
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object a line. `terminal`: `INFO [11-24|05:30:00] message key=value`, and `logfmt`: geth's forms. */
  readonly format: "json" | "terminal" | "logfmt";
  /** Takes whole lines, line end included. */
  readonly write: (line: string) => void;
}

const identity = (line: string) => line;
const FORMS = { json: identity, terminal: terminalLine, logfmt: logfmtLine } as const;

/** A logger that prints what its control lets through; the control is asked for each line, so it may change. */
function controlled(logger: PinoLogger, control: LogControl, room: string): Logger {
  const at =
    (level: Exclude<LogLevel, "silent">) =>
    (message: string, facts: Facts = {}) => {
      if (control.lets(level, room)) logger[level](facts, message);
    };
  return {
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    control,
    child(facts) {
      const own = facts["room"];
      return controlled(logger.child(facts), control, typeof own === "string" ? own : room);
    },
  };
}

export function createLogger({ level, format, write }: LogOptions): Logger {
  const form = FORMS[format];
  const destination: DestinationStream = { write: (line) => write(form(line)) };
  const safe = (_key: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
  const logger = pino(
    {
      level: "trace",
      base: null,
      formatters: {
        log: (facts) => {
          const plain: Record<string, unknown> = {};
          for (const [key, value] of Object.entries(facts)) {
            if (typeof value === "bigint") plain[key] = value.toString();
            else if (value instanceof Uint8Array) plain[key] = `0x${Buffer.from(value).toString("hex")}`;
            else if (value instanceof Error)
              plain[key] = "code" in value ? `${String(value.code)}: ${value.message}` : value.message;
            else
              plain[key] =
                typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value, safe)) : value;
          }
          return plain;
        },
      },
    },
    destination,
  );
  return controlled(logger, new LogControl(level), "");
}
