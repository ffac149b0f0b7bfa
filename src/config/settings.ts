import { gethKeys, gethSwitches, gethValueFlags, unsafeToIgnore } from "./geth-names.ts";
import { nearestName } from "./nearest.ts";
import { type OptionRow, variableOf, wantedInstead } from "./option.ts";
import { isSwitch, parseOptionText } from "./text.ts";
import { fromToml, readToml } from "./toml.ts";

/** One thing wrong with what was given. */
export interface SettingProblem {
  readonly kind: "unknown flag" | "unknown key" | "bad value" | "unsafe" | "no TOML";
  /** What the user wrote: `--http.port`, `GLIM_HTTP_PORT`, `Node.HTTPPort`. */
  readonly name: string;
  readonly why: string;
}

/** A value that was given, and where. */
export interface Setting {
  /** As a config object has it; of a flag whose kind is another, see `flagKind`, still the flag's. */
  readonly value: unknown;
  readonly source: "flag" | "variable" | "file";
  readonly name: string;
}

/** What a command line, the environment or a file says. */
export interface Layer {
  readonly settings: ReadonlyMap<OptionRow, Setting>;
  readonly problems: readonly SettingProblem[];
  /** Names of geth's that have no meaning here. */
  readonly ignored: readonly string[];
  /** Older names that were used: told to the user once. */
  readonly notices: readonly string[];
}

interface Writing {
  readonly settings: Map<OptionRow, Setting>;
  readonly problems: SettingProblem[];
  readonly ignored: string[];
  readonly notices: string[];
}

const blank = (): Writing => ({ settings: new Map(), problems: [], ignored: [], notices: [] });

/** Rows by flag, older names included. */
export function rowsByFlag(rows: readonly OptionRow[]): ReadonlyMap<string, OptionRow> {
  const byFlag = new Map<string, OptionRow>();
  for (const row of rows) {
    for (const old of row.oldFlags ?? []) byFlag.set(old, row);
    if (row.flag !== undefined) byFlag.set(row.flag, row);
  }
  return byFlag;
}

function putText(row: OptionRow, name: string, source: Setting["source"], text: string, into: Writing): void {
  const parsed = parseOptionText(row, text);
  if ("wrong" in parsed) {
    into.problems.push({ kind: "bad value", name, why: parsed.wrong });
    return;
  }
  const before = into.settings.get(row)?.value;
  const value =
    Array.isArray(before) && Array.isArray(parsed.value) ? [...before, ...parsed.value] : parsed.value;
  if (row.flagKind === undefined) {
    const wanted = wantedInstead(row, value);
    if (wanted !== undefined) {
      into.problems.push({ kind: "bad value", name, why: `want ${wanted}` });
      return;
    }
  }
  into.settings.set(row, { value, source, name });
}

/** Arguments as geth takes them: `--name value`, `--name=value`, one dash or two, `--no-name` for switches, `--` ends. */
export function readArguments(
  rows: readonly OptionRow[],
  args: readonly string[],
  knownElsewhere: ReadonlyMap<string, OptionRow> = new Map(),
): Layer & { readonly rest: readonly string[]; readonly wantsHelp: boolean } {
  const into = blank();
  const byFlag = rowsByFlag(rows);
  const rest: string[] = [];
  let wantsHelp = false;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      rest.push(...args.slice(at + 1));
      break;
    }
    if (!/^--?[^-]/.test(arg)) {
      rest.push(arg);
      continue;
    }
    const [, name = "", , inline] = /^--?([^=]+)(=([\s\S]*))?$/.exec(arg) ?? [];
    if (name === "help" || name === "h") {
      wantsHelp = true;
      continue;
    }
    const found = byFlag.get(name) ?? switchedOff(name, byFlag);
    if (found === undefined) {
      if (passOver(name, knownElsewhere, into) && inline === undefined) at++;
      continue;
    }
    at += readFlag({ row: found, name, inline, next: args[at + 1] }, into);
  }
  return { ...into, rest, wantsHelp };
}

function switchedOff(name: string, byFlag: ReadonlyMap<string, OptionRow>): OptionRow | undefined {
  const row = name.startsWith("no-") ? byFlag.get(name.slice(3)) : undefined;
  return row !== undefined && isSwitch(row) ? row : undefined;
}

interface Written {
  readonly row: OptionRow;
  readonly name: string;
  readonly inline: string | undefined;
  readonly next: string | undefined;
}

/** @returns how many further arguments the flag took */
function readFlag({ row, name, inline, next }: Written, into: Writing): number {
  if (row.oldFlags?.includes(name) ?? false) into.notices.push(`--${name} is now --${row.flag}`);
  const shown = `--${row.flag}`;
  if (isSwitch(row)) {
    const isOff = name !== row.flag && !(row.oldFlags?.includes(name) ?? false);
    if (isOff && inline !== undefined)
      into.problems.push({ kind: "bad value", name: `--${name}`, why: "the flag takes no value" });
    else putText(row, shown, "flag", isOff ? "false" : (inline ?? "true"), into);
    return 0;
  }
  if (inline !== undefined) putText(row, shown, "flag", inline, into);
  else if (next === undefined || /^--[^-]/.test(next)) {
    into.problems.push({ kind: "bad value", name: shown, why: "the flag needs a value" });
  } else putText(row, shown, "flag", next, into);
  return inline === undefined && next !== undefined && !/^--[^-]/.test(next) ? 1 : 0;
}

/** A flag that this command has no row for. @returns true if it takes a value */
function passOver(name: string, knownElsewhere: ReadonlyMap<string, OptionRow>, into: Writing): boolean {
  const shown = `--${name}`;
  const elsewhere = knownElsewhere.get(name);
  const unsafe = unsafeToIgnore.get(name);
  if (unsafe !== undefined) into.problems.push({ kind: "unsafe", name: shown, why: unsafe });
  else if (elsewhere !== undefined || gethSwitches.has(name) || gethValueFlags.has(name))
    into.ignored.push(shown);
  else into.problems.push({ kind: "unknown flag", name: shown, why: "" });
  return elsewhere === undefined ? gethValueFlags.has(name) : !isSwitch(elsewhere);
}

/**
 * Variables of the environment: `GLIM_HTTP_PORT` is `--http.port`, older names too. Unknown ones are left alone, but for those that
 * may not be passed over.
 * @param elsewhere - rows of other commands: a variable of theirs is no mistake, the shell is everybody's
 */
export function readVariables(
  rows: readonly OptionRow[],
  environment: Readonly<Record<string, string | undefined>>,
  elsewhere: readonly OptionRow[] = [],
): Layer {
  const into = blank();
  const known = new Set(
    [...rows, ...elsewhere].flatMap((row) => (row.flag === undefined ? [] : [variableOf(row)])),
  );
  for (const row of rows) {
    if (row.flag === undefined) continue;
    const name = variableOf(row);
    const text = environment[name];
    if (text !== undefined) putText(row, name, "variable", text, into);
    else putOlder(row, name, { environment, known }, into);
  }
  for (const { oldFlags = [] } of [...rows, ...elsewhere])
    for (const flag of oldFlags) known.add(variableOf({ flag }));
  for (const [flag, why] of unsafeToIgnore) {
    const name = variableOf({ flag });
    const text = environment[name] ?? "";
    if (text !== "" && !known.has(name)) into.problems.push({ kind: "unsafe", name, why });
  }
  return into;
}

interface Around {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Variables that are some row's own: no older name of another. */
  readonly known: ReadonlySet<string>;
}

function putOlder(row: OptionRow, name: string, { environment, known }: Around, into: Writing): void {
  for (const flag of row.oldFlags ?? []) {
    const older = variableOf({ flag });
    const text = environment[older];
    if (text === undefined || known.has(older)) continue;
    into.notices.push(`${older} is now ${name}`);
    putText(row, older, "variable", text, into);
    return;
  }
}

/**
 * A configuration file in TOML, with geth's sections and keys.
 * @param isMeant - rows the command uses; a key of another row is no mistake, and not used
 */
export function readConfigFile(rows: readonly OptionRow[], text: string): Layer {
  const into = blank();
  const byKey = new Map(rows.flatMap((row) => (row.toml === undefined ? [] : [[row.toml, row] as const])));
  const file = readToml(text, (path) => unsafeToIgnore.has(path) || byKey.has(path));
  if ("wrong" in file) {
    into.problems.push({ kind: "no TOML", name: "", why: file.wrong });
    return into;
  }
  for (const [key, value] of file.keys) {
    const row = byKey.get(key);
    if (row !== undefined) putFileValue(row, key, value, into);
    else if (unsafeToIgnore.has(key)) {
      if (isSet(value)) into.problems.push({ kind: "unsafe", name: key, why: unsafeToIgnore.get(key) ?? "" });
    } else if (gethKeys.has(key)) into.ignored.push(key);
    else {
      const near = nearestName(key, [...byKey.keys(), ...gethKeys]);
      into.problems.push({
        kind: "unknown key",
        name: key,
        why: near === undefined ? "no such key" : `no such key; did you mean ${near}?`,
      });
    }
  }
  return into;
}

const isSet = (value: unknown) =>
  value !== "" && value !== false && value !== 0 && !(Array.isArray(value) && value.length === 0);

function putFileValue(row: OptionRow, key: string, given: unknown, into: Writing): void {
  const value = fromToml(row, given);
  const wanted = wantedInstead(row, value);
  if (wanted === undefined) into.settings.set(row, { value, source: "file", name: key });
  else into.problems.push({ kind: "bad value", name: key, why: `want ${wanted}` });
}

/** Says what the user most likely meant by a flag nobody knows. */
export function nearestFlag(name: string, rows: readonly OptionRow[]): string | undefined {
  const known = rows.flatMap((row) => [
    ...(row.flag === undefined ? [] : [row.flag]),
    ...(row.oldFlags ?? []),
  ]);
  const near = nearestName(name.replace(/^-+/, ""), [...known, ...gethSwitches, ...gethValueFlags]);
  return near === undefined ? undefined : `--${near}`;
}
