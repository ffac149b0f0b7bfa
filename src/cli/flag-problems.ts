import { nearestFlag, nearestName, type OptionRow, type SettingProblem } from "#config";
import { CliError } from "./errors.ts";

/** One thing wrong with what was given. */
export type Problem =
  | SettingProblem
  | { readonly kind: "stray word"; readonly name: string; readonly why: string };

const whyOf = ({ kind, why }: Problem) => (kind === "unsafe" ? `cannot be passed over: ${why}` : why);

function errorOfOne(problem: Problem, command: string, rows: readonly OptionRow[]): Error {
  const { kind, name } = problem;
  const why = whyOf(problem);
  if (kind === "unknown flag")
    return CliError("UNKNOWN_FLAG", { flag: name, command, near: nearestFlag(name, rows) });
  if (kind === "stray word") return CliError("STRAY_WORD", { word: name.slice(0, 60), command, hint: why });
  return CliError("BAD_FLAG", { flag: name, why });
}

/** All problems as one error; of a single one, the code says what it is. */
export function errorOf(problems: readonly Problem[], command: string, rows: readonly OptionRow[]): Error {
  const errors = problems.map((problem) => errorOfOne(problem, command, rows));
  const [first] = errors;
  return errors.length === 1 && first !== undefined
    ? first
    : CliError("BAD_SETTINGS", { lines: errors.map(({ message }) => message) });
}

/** What somebody most likely meant by a word that a command has no use for. */
export function hintAt(word: string, rows: readonly OptionRow[], commands: readonly string[]): string {
  if (word === "true" || word === "false") return `a switch takes its value with "=": --switch=${word}`;
  const flag = nearestFlag(word, rows);
  const isFlag = flag !== undefined && rows.some((row) => `--${row.flag}` === flag);
  const command = nearestName(word, commands);
  if (command === word || !isFlag) return command === undefined ? "" : `did you mean glim ${command}?`;
  return `did you mean ${flag}?`;
}
