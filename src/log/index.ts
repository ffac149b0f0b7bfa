/**
 * log: levels, context, formats, on pino. Message constant, facts as fields (house.md §2.10).
 *
 * A logger is any object of this shape, so a user's own pino logger wrapped in `fromPino` fits too. Text that came
 * from a peer is escaped by JSON; nothing from a peer is printed at info or above.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
type Facts = Readonly<Record<string, unknown>>;

export interface Logger {
  trace(message: string, facts?: Facts): void;
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** A logger that adds these facts to each line. */
  child(facts: Facts): Logger;
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
  /** `json`: one object a line. `terminal`: geth's form, `INFO [11-24|05:30:00] message key=value`. */
  readonly format: "json" | "terminal";
  /** Takes whole lines, line end included. */
  readonly write: (line: string) => void;
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO ",
  40: "WARN ",
  50: "ERROR",
};

// biome-ignore lint: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g;

/** Control characters (ANSI escapes, line ends, direction marks) as `\u…`, so that a peer's text cannot draw on the terminal. */
function escapeControls(text: string): string {
  return text.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function formatFact(value: unknown): string {
  if (typeof value === "string") return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? "";
  return String(value);
}

/** One pino JSON line → one terminal line in geth's form. */
function terminalLine(json: string): string {
  const {
    level,
    time,
    msg,
    pid: _pid,
    hostname: _hostname,
    ...facts
  } = JSON.parse(json) as Record<string, unknown>;
  const when = new Date(Number(time)).toISOString();
  const stamp = `${when.slice(5, 10)}|${when.slice(11, 19)}`;
  const text = Object.entries(facts)
    .map(([key, value]) => `${key}=${formatFact(value)}`)
    .join(" ");
  const head = `${LEVEL_NAMES[Number(level)] ?? "INFO "} [${stamp}] ${String(msg)}`;
  return `${escapeControls(text === "" ? head : `${head.padEnd(60)} ${text}`)}\n`;
}

export function createLogger({ level, format, write }: LogOptions): Logger {
  const destination: DestinationStream = {
    write: format === "json" ? write : (line) => write(terminalLine(line)),
  };
  const safe = (_key: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
  const logger = pino(
    {
      level,
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
  return fromPino(logger);
}
