import { isSwitch, type OptionRow } from "#config";
import { CliError } from "./errors.ts";
import type { Command } from "./command.ts";
import { rowOf, type TableRow } from "./flags.ts";

const none = [] as const satisfies readonly TableRow[];

/** A command with the flags it takes. */
export interface CompletionEntry {
  readonly name: string;
  readonly summary: string;
  readonly rows: readonly TableRow[];
}

interface Shown {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly OptionRow[];
}

const isFile = ({ kind, flagKind = kind }: OptionRow) => flagKind === "path" || flagKind === "text";
const quoted = (text: string) => text.replaceAll("'", "'\\''");

function bash(commands: readonly Shown[], bare: Shown): string {
  const flagsOf = ({ flags }: Shown) => flags.map(({ flag }) => `--${flag}`).join(" ");
  const taking = [
    ...new Set(
      commands.flatMap(({ flags }) => flags.filter((row) => !isSwitch(row)).map(({ flag }) => `--${flag}`)),
    ),
  ];
  return [
    "# bash completion of glim: source <(glim completion bash)",
    "_glim() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" one',
    `  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case "$one" in ${commands.map(({ name }) => name).join("|")}) command="$one"; break;; esac; done`,
    `  case "$before" in ${taking.join("|")}) COMPREPLY=($(compgen -f -- "$word")); return;; esac`,
    '  if [[ "$word" != -* ]]; then',
    `    if [[ -z "$command" ]]; then COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(" ")}' -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi`,
    "    return",
    "  fi",
    '  case "$command" in',
    ...commands.map((one) => `    ${one.name}) COMPREPLY=($(compgen -W '${flagsOf(one)}' -- "$word"));;`),
    `    *) COMPREPLY=($(compgen -W '${flagsOf(bare)}' -- "$word"));;`,
    "  esac",
    "}",
    "complete -o filenames -F _glim glim",
  ].join("\n");
}

function zsh(commands: readonly Shown[], bare: Shown): string {
  const spec = (row: OptionRow) => {
    const text = row.doc.replace(/[[\]:]/g, " ");
    const value = isSwitch(row) ? "" : `:${row.value ?? "value"}:${isFile(row) ? "_files" : ""}`;
    return `'--${row.flag}[${quoted(text)}]${value}'`;
  };
  const args = ({ flags }: Shown) => `_arguments ${flags.map(spec).join(" ")} '*:file:_files'`;
  return [
    "#compdef glim",
    "# zsh completion of glim: glim completion zsh > ~/.zfunc/_glim",
    "_glim() {",
    "  local -a commands",
    "  commands=(",
    ...commands.map(({ name, summary }) => `    '${name}:${quoted(summary.replaceAll(":", " "))}'`),
    "  )",
    "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then _describe command commands; return; fi",
    "  case $words[2] in",
    ...commands.map((one) => `    ${one.name}) ${args(one)};;`),
    `    *) ${args(bare)};;`,
    "  esac",
    "}",
    '_glim "$@"',
  ].join("\n");
}

function fish(commands: readonly Shown[], bare: Shown): string {
  const names = commands.map(({ name }) => name).join(" ");
  const line = (row: OptionRow, condition: string) =>
    `complete -c glim -n '${condition}' -l '${row.flag}'${isSwitch(row) ? "" : " -r"} -d '${quoted(row.doc)}'`;
  return [
    "# fish completion of glim: glim completion fish > ~/.config/fish/completions/glim.fish",
    ...commands.map(
      ({ name, summary }) =>
        `complete -c glim -n 'not __fish_seen_subcommand_from ${names}' -f -a ${name} -d '${quoted(summary)}'`,
    ),
    ...commands.flatMap(({ name, flags }) =>
      flags.map((row) => line(row, `__fish_seen_subcommand_from ${name}`)),
    ),
    ...bare.flags.map((row) => line(row, `not __fish_seen_subcommand_from ${names}`)),
  ].join("\n");
}

const SHELLS = { bash, zsh, fish } as const;

/** The completion script of a shell, from the tables of the commands. */
export function completionOf(
  shell: keyof typeof SHELLS,
  entries: readonly CompletionEntry[],
  bare: CompletionEntry,
): string {
  const shown = ({ name, summary, rows }: CompletionEntry): Shown => ({
    name,
    summary,
    flags: rows.map(rowOf).filter(({ flag }) => flag !== undefined),
  });
  return SHELLS[shell](entries.map(shown), shown(bare));
}

/** `glim completion SHELL`. */
export function completionCommand(
  load: () => Promise<{ entries: readonly CompletionEntry[]; bare: CompletionEntry }>,
): Command<typeof none> {
  return {
    usage: "glim completion bash|zsh|fish",
    details: "For bash: source <(glim completion bash).",
    flags: none,
    words: 1,
    async run({ rest }, io) {
      const [shell = ""] = rest;
      if (shell !== "bash" && shell !== "zsh" && shell !== "fish")
        throw CliError("BAD_FLAG", {
          flag: "SHELL",
          why: `"${shell.slice(0, 40)}" is not one of bash, zsh, fish`,
        });
      const { entries, bare } = await load();
      io.print(completionOf(shell, entries, bare));
    },
  };
}
