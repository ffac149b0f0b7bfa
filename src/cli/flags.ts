// long: what a flag is, and how a line of them is read and told
import {
  categories,
  type Category,
  formatDuration,
  type Layer,
  type OptionKind,
  type OptionRow,
  readArguments,
  readVariables,
  type Setting,
} from "#config";
import { errorOf, hintAt, type Problem } from "./flag-problems.ts";

interface FlagBase {
  /** Without the dashes. geth's name where geth has the flag. */
  readonly name: string;
  readonly doc: string;
  /** Older names that still work and say so once. */
  readonly aliases?: readonly string[];
}

/** A flag of one command. Options of a node, and whatever stands in a configuration file, are an `OptionRow` instead. */
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

/** A row of a command's table. Help, parsing and docs all come from it. */
export type TableRow = Flag | OptionRow;

type ValueOfFlag<F> = F extends { type: "boolean" }
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

type ValueOfKind<K> = K extends "bool"
  ? boolean
  : K extends "port" | "count" | "decimal" | "duration"
    ? number
    : K extends "list" | "nodes" | "cidrs"
      ? readonly string[]
      : K extends "networkId" | "wei"
        ? bigint
        : string;

type ValueOfRow<R> = R extends { flagKind: infer K }
  ? ValueOfKind<K> | undefined
  : R extends { kind: infer K; default: undefined }
    ? ValueOfKind<K> | undefined
    : R extends { kind: infer K }
      ? ValueOfKind<K>
      : never;

type NameOf<R> = R extends { type: string; name: infer N extends string }
  ? N
  : R extends { flag: infer N extends string }
    ? N
    : never;

/** The values of a table, by flag name; of a row whose flag has a kind of its own, the flag's, if it was given. */
export type Flags<Table extends readonly TableRow[]> = {
  readonly [R in Table[number] as NameOf<R>]: R extends { type: string } ? ValueOfFlag<R> : ValueOfRow<R>;
};

export interface Parsed<Table extends readonly TableRow[]> {
  readonly flags: Flags<Table>;
  /** What was given, by the rows' paths: by flag, variable or file. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** What is no flag, in order. */
  readonly rest: readonly string[];
  /** Old names that were used, and names of geth that mean nothing here: told to the user once. */
  readonly notices: readonly string[];
  readonly wantsHelp: boolean;
}

/** What is read beside the arguments. */
export interface Surroundings {
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** The configuration file, read, and its path. */
  readonly file?: { readonly path: string; readonly layer: Layer } | undefined;
  /** Arguments before the command's name: flags there may be of any command. */
  readonly before?: readonly string[] | undefined;
  /** Rows of all commands. */
  readonly everywhere?: readonly TableRow[] | undefined;
  /** How many words that are no flags the command takes; default: any number. */
  readonly words?: number | undefined;
  /** Names of all commands, for hints. */
  readonly commands?: readonly string[] | undefined;
}

const KINDS: Readonly<Record<Flag["type"], OptionKind>> = {
  text: "text",
  texts: "nodes", // empty ones dropped
  number: "count",
  boolean: "bool",
};

/** A command's own flag as a row like the others. */
export function rowOf(row: TableRow): OptionRow {
  if (!("type" in row)) return row;
  return {
    path: `--${row.name}`,
    kind: KINDS[row.type],
    flag: row.name,
    oldFlags: row.aliases ?? [],
    default: "default" in row ? row.default : row.type === "texts" ? [] : undefined,
    ...("value" in row ? { value: row.value } : {}),
    ...("min" in row ? { min: row.min, max: row.max } : {}),
    category: "MISC",
    doc: row.doc,
  };
}

const inFile = (path: string, layer: Layer): Layer => ({
  ...layer,
  problems: layer.problems.map((one) => ({
    ...one,
    name: one.name === "" ? path : `${path}: ${one.name}`,
  })),
});

function noticesOf(layers: readonly Layer[]): readonly string[] {
  const notices = [...new Set(layers.flatMap((layer) => layer.notices))];
  const ignored = [...new Set(layers.flatMap((layer) => layer.ignored))];
  return ignored.length === 0
    ? notices
    : [...notices, `known from geth, without effect here: ${ignored.join(", ")}`];
}

/**
 * Reads a command's arguments, its variables and its configuration file by its table.
 * @throws CLI_UNKNOWN_FLAG, CLI_BAD_FLAG, CLI_STRAY_WORD for one problem, CLI_BAD_SETTINGS for all of them (exit code 2)
 */
export function parseFlags<const Table extends readonly TableRow[]>(
  command: string,
  table: Table,
  args: readonly string[],
  { environment = {}, file, before = [], everywhere = [], words, commands = [] }: Surroundings = {},
): Parsed<Table> {
  const rows = table.map(rowOf);
  const elsewhere = new Map(
    everywhere.flatMap((row) => {
      const { flag, oldFlags = [] } = rowOf(row);
      return flag === undefined ? [] : [flag, ...oldFlags].map((name) => [name, rowOf(row)] as const);
    }),
  );
  const early = readArguments(rows, before, elsewhere);
  const late = readArguments(rows, args);
  const variables = readVariables(rows, environment, everywhere.map(rowOf));
  const layers = [...(file === undefined ? [] : [inFile(file.path, file.layer)]), variables, early, late];
  const wantsHelp = early.wantsHelp || late.wantsHelp;
  const strays = late.rest
    .slice(words ?? late.rest.length)
    .map((name) => ({ kind: "stray word", name, why: hintAt(name, rows, commands) }) as const);
  const problems: Problem[] = [...layers.flatMap((layer) => layer.problems), ...strays];
  if (problems.length > 0 && !wantsHelp) throw errorOf(problems, command, rows);
  const given = new Map<OptionRow, Setting>();
  for (const layer of layers) for (const [row, setting] of layer.settings) given.set(row, setting);
  return {
    flags: Object.fromEntries(rows.flatMap((row) => flagValue(row, given.get(row)))) as Flags<Table>, // each value was read by the row that types it
    settings: new Map(rows.flatMap((row) => settingOf(row, given.get(row)))),
    rest: late.rest,
    notices: noticesOf(layers),
    wantsHelp,
  };
}

function flagValue(row: OptionRow, setting: Setting | undefined): [string, unknown][] {
  if (row.flag === undefined) return [];
  if (row.flagKind === undefined) return [[row.flag, setting === undefined ? row.default : setting.value]];
  return [[row.flag, setting?.source === "file" ? undefined : setting?.value]];
}

function settingOf(row: OptionRow, setting: Setting | undefined): [string, Setting][] {
  if (setting === undefined) return [];
  if (setting.source === "file" || row.fromFlag === undefined) return [[row.path, setting]];
  return [[row.path, { ...setting, value: row.fromFlag(setting.value as never) }]]; // as: read by the row's own flagKind
}

function helpLine(row: OptionRow): string {
  const { flag = "", value = "VALUE", kind, flagKind = kind, doc, default: preset } = row;
  const head = flagKind === "bool" ? `--${flag}` : `--${flag} ${value}`;
  const plain = kind === "duration" && typeof preset === "number" ? formatDuration(preset) : preset;
  const text = Array.isArray(plain) ? plain.join(",") : String(plain ?? "");
  const shown = text === "" || preset === false || row.flagKind !== undefined ? "" : ` (default ${text})`;
  return `  ${head.padEnd(28)} ${doc.replace(/\.$/, "")}${shown}`;
}

/** The help lines of a table: flag, value, text, default; a command's own flags first, the others under geth's headings. */
export function formatFlags(table: readonly TableRow[]): string {
  const own = table.filter((row) => "type" in row).map((row) => helpLine(rowOf(row)));
  const shared = table.filter((row): row is OptionRow => !("type" in row) && row.flag !== undefined);
  const groups = categories.map((category: Category) => ({
    category,
    lines: shared.filter((row) => row.category === category).map(helpLine),
  }));
  return [
    ...own,
    `  ${"--help, -h".padEnd(28)} This text`,
    ...groups.flatMap(({ category, lines }) => (lines.length === 0 ? [] : ["", category, ...lines])),
  ].join("\n");
}
