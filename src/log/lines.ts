/** Log lines for people: geth's two forms, made from one JSON line. */
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
  if (typeof value === "string") return value === "" || /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? "";
  return String(value);
}

/** One pino JSON line → one terminal line in geth's form. */
export function terminalLine(json: string): string {
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

const SHORT_NAMES: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
};

/** One pino JSON line → `t=2026-11-24T05:30:00.000Z lvl=info msg="…" key=value`. */
export function logfmtLine(json: string): string {
  const { level, time, msg, ...facts } = JSON.parse(json) as Record<string, unknown>; // as: pino writes objects
  const head = `t=${new Date(Number(time)).toISOString()} lvl=${SHORT_NAMES[Number(level)] ?? "info"} msg=${JSON.stringify(String(msg))}`;
  const text = Object.entries(facts).map(([key, value]) => ` ${key}=${formatFact(value)}`);
  return `${escapeControls(head + text.join(""))}\n`;
}
