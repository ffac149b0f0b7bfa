import { parseArgs } from "node:util";
import { CliError } from "./errors.ts";

interface FlagBase {
  /** Without the dashes. geth's name where geth has the flag. */
  readonly name: string;
  readonly doc: string;
  /** Older names that still work and say so once. */
  readonly aliases?: readonly string[];
}

/** One flag: how it is written, read and explained. Help, parsing and docs all come from this row. */
export type Flag = FlagBase &
  (
    | { readonly type: "text"; readonly value: string; readonly default?: string }
    | { readonly type: "texts"; readonly value: string }
    | {
        readonly type: "number";
        readonly value: string;
        readonly min: number;
        readonly max: number;
        readonly default?: number;
      }
    | { readonly type: "boolean"; readonly default: boolean }
  );

type ValueOf<F extends Flag> = F extends { type: "boolean" }
  ? boolean
  : F extends { type: "texts" }
    ? readonly string[]
    : F extends { type: "number"; default: number }
      ? number
      : F extends { type: "number" }
        ? number | undefined
        : F extends { type: "text"; default: string }
          ? string
          : string | undefined;

/** The values of a flag table, by flag name. */
export type Flags<Table extends readonly Flag[]> = { readonly [F in Table[number] as F["name"]]: ValueOf<F> };

export interface Parsed<Table extends readonly Flag[]> {
  readonly flags: Flags<Table>;
  /** What is no flag, in order. */
  readonly rest: readonly string[];
  /** Old names that were used: told to the user once. */
  readonly notices: readonly string[];
  readonly wantsHelp: boolean;
}

function readNumber(flag: Flag & { type: "number" }, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= flag.min && value <= flag.max))
    throw CliError("BAD_FLAG", {
      flag: `--${flag.name}`,
      why: `"${text.slice(0, 40)}" is not a number from ${flag.min} to ${flag.max}`,
    });
  return value;
}

function readValue(flag: Flag, given: string | boolean | readonly (string | boolean)[] | undefined): unknown {
  if (flag.type === "boolean") return typeof given === "boolean" ? given : flag.default;
  const texts = (Array.isArray(given) ? given : [given]).filter((value) => typeof value === "string");
  if (flag.type === "texts")
    return texts
      .flatMap((text) => text.split(","))
      .map((text) => text.trim())
      .filter((text) => text !== "");
  const last = texts.at(-1);
  if (last === undefined) return flag.default;
  return flag.type === "number" ? readNumber(flag, last) : last;
}

/** `--flag=true` and `--flag=false`, as geth takes them, for flags that node:util's parser knows as plain switches. */
function normalise(table: readonly Flag[], args: readonly string[]): string[] {
  const switches = new Set(
    table.filter((flag) => flag.type === "boolean").flatMap((flag) => [flag.name, ...(flag.aliases ?? [])]),
  );
  return args.map((arg) => {
    const [, name, value] = /^--?([^=]+)=(true|false)$/.exec(arg) ?? [];
    if (name === undefined || !switches.has(name)) return /^-[a-z][a-z.]+/.test(arg) ? `-${arg}` : arg; // geth takes one dash too
    return value === "true" ? `--${name}` : `--no-${name}`;
  });
}

/**
 * Reads a command's arguments by its table.
 * @throws CLI_UNKNOWN_FLAG, CLI_BAD_FLAG (exit code 2)
 */
export function parseFlags<const Table extends readonly Flag[]>(
  command: string,
  table: Table,
  args: readonly string[],
): Parsed<Table> {
  const options: Record<string, { type: "string" | "boolean"; multiple: boolean; short?: string }> = {
    help: { type: "boolean", multiple: false, short: "h" },
  };
  for (const flag of table)
    for (const name of [flag.name, ...(flag.aliases ?? [])])
      options[name] = {
        type: flag.type === "boolean" ? "boolean" : "string",
        multiple: flag.type === "texts",
      };
  const parsed = (() => {
    try {
      return parseArgs({
        args: normalise(table, args),
        options,
        allowPositionals: true,
        allowNegative: true,
        strict: true,
      });
    } catch (error) {
      if (!(error instanceof TypeError && "code" in error)) throw error;
      const named = /'(-[^' ]*)/.exec(error.message)?.[1] ?? "a flag";
      if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION")
        throw CliError("UNKNOWN_FLAG", { flag: named, command });
      throw CliError("BAD_FLAG", { flag: named, why: "the flag needs a value, or takes none" });
    }
  })();
  const values = new Map<string, unknown>();
  const notices: string[] = [];
  for (const flag of table) {
    let given = parsed.values[flag.name];
    for (const alias of flag.aliases ?? []) {
      if (parsed.values[alias] === undefined) continue;
      given ??= parsed.values[alias];
      notices.push(`--${alias} is now --${flag.name}`);
    }
    values.set(flag.name, readValue(flag, given));
  }
  return {
    flags: Object.fromEntries(values) as Flags<Table>, // each value was read by the row that types it
    rest: parsed.positionals,
    notices,
    wantsHelp: parsed.values["help"] === true,
  };
}

/** The help lines of a table: flag, value, text, default. */
export function formatFlags(table: readonly Flag[]): string {
  return table
    .map((flag) => {
      const head = flag.type === "boolean" ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
      const preset =
        flag.type === "texts" || flag.default === undefined || flag.default === false || flag.default === ""
          ? ""
          : ` (default ${String(flag.default)})`;
      return `  ${head.padEnd(28)} ${flag.doc}${preset}`;
    })
    .join("\n");
}
