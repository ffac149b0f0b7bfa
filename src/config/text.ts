import type { OptionRow } from "./option.ts";

const MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's form of a duration, `1h0m0s`, `1.5s`, `300ms`, `0`, in ms; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text.length > 64 || !/^(\d{1,20}(\.\d{0,20})?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit = "ms"] of text.matchAll(/(\d{1,20}(?:\.\d{0,20})?)(ns|us|µs|ms|s|m|h)/g))
    ms += Number(count) * (MS[unit] ?? 1);
  return ms;
}

/** A duration as Go would print it: whole hours, minutes and seconds. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms === 0 ? "0s" : `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${(ms % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** `a, b,c` → three texts; an empty text is one empty text, as geth has it for `--http.api ""`. */
export function splitList(text: string): readonly string[] {
  return text.split(",").map((one) => one.trim());
}

/** True for flags that may stand without a value. */
export const isSwitch = ({ kind, flagKind = kind }: OptionRow): boolean => flagKind === "bool";

function parseNumber(
  text: string,
  { flag, min = 0, max = Number.MAX_SAFE_INTEGER }: NumberRange,
): ParsedText {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return { value };
  return { wrong: `"${text.slice(0, 40)}" is not a number from ${min} to ${max}`, flag };
}

interface NumberRange {
  readonly flag: string | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** A value, or what is wrong with the text. */
export type ParsedText =
  | { readonly value: unknown }
  | { readonly wrong: string; readonly flag: string | undefined };

/** Reads the text of a flag or variable as its row's kind of value. */
export function parseOptionText(row: OptionRow, text: string): ParsedText {
  const { flag, min, max } = row;
  const kind = row.flagKind ?? row.kind;
  const wrong = (why: string): ParsedText => ({ wrong: `"${text.slice(0, 40)}" is not ${why}`, flag });
  if (kind === "list") return { value: splitList(text) };
  if (kind === "nodes" || kind === "cidrs") return { value: splitList(text).filter((one) => one !== "") };
  switch (kind) {
    case "port":
      return parseNumber(text, { flag, max: 65_535 });
    case "count":
      return parseNumber(text, { flag, min, max });
    case "bool":
      if (text === "" || text === "true" || text === "1") return { value: true };
      return text === "false" || text === "0" ? { value: false } : wrong("true or false");
    case "decimal":
      return /^\d{1,15}(\.\d{1,15})?$/.test(text) ? { value: Number(text) } : wrong("a number");
    case "networkId":
    case "wei":
      return /^\d{1,78}$/.test(text) ? { value: BigInt(text) } : wrong("a whole number");
    case "duration": {
      const value = parseDuration(text);
      return value === undefined ? wrong("a duration like 1h30m or 500ms") : { value };
    }
    case "choice":
      if (row.choices?.includes(text) ?? true) return { value: text };
      return wrong(`one of ${row.choices?.join(", ")}`);
    case "key":
    case "code":
      return wrong("to be given as text");
    default:
      return { value: text };
  }
}
