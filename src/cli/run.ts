import {
  gethSwitches,
  gethValueFlags,
  isSwitch,
  nearestName,
  type OptionRow,
  readArguments,
  readConfigFile,
  rowsByFlag,
  variableOf,
} from "#config";
import { nodeHost } from "#host/node";
import { GlimError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { formatFlags, parseFlags, rowOf, type Surroundings, type TableRow } from "./flags.ts";
import type { Io } from "./io.ts";
import { sourceOptions } from "./options.ts";
import { VERSION } from "./version.ts";

type Runnable = { readonly [K in keyof Command]: Command[K] };

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Not listed: it is reached by a script of its own. */
  readonly isHidden?: boolean;
  /** Loaded when asked for: a command brings its whole part of the program. */
  load(): Promise<unknown>;
}

/** What flags without a command's name run. */
const BARE: Entry = {
  name: "[flags]",
  summary:
    "run a node as geth would: a full one, with --syncmode light a light one, with --dev a development chain",
  load: async () => (await import("./bare.ts")).bare,
};

const entries: readonly Entry[] = [
  {
    name: "demo",
    summary: "watch a light node prove what it reads from a full node, on a chain of their own",
    load: async () => (await import("./demo.ts")).demo,
  },
  {
    name: "light",
    summary: "run a light node: it follows a chain from LES servers and proves every answer it gives",
    load: async () => (await import("./light.ts")).light,
  },
  {
    name: "dev",
    summary:
      "run a development chain: a full node that seals blocks, has funded accounts and serves light nodes",
    load: async () => (await import("./dev.ts")).dev,
  },
  {
    name: "node",
    summary: "run a full node: it executes and keeps a whole chain, answers for it and serves light nodes",
    load: async () => (await import("./node.ts")).node,
  },
  {
    name: "init",
    summary: "write a genesis into a data directory",
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "import",
    summary: "execute the blocks of files that geth or glim exported",
    load: async () => (await import("./import.ts")).importBlocks,
  },
  {
    name: "export",
    summary: "write blocks into a file that geth or glim imports",
    load: async () => (await import("./export.ts")).exportBlocks,
  },
  {
    name: "verify",
    summary: "prove the chain in a data directory whole, or say what is wrong with it",
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "set-head",
    summary: "go back to an earlier block",
    load: async () => (await import("./set-head.ts")).setHead,
  },
  {
    name: "dumpconfig",
    summary: "print the configuration the flags come to, as a file for --config",
    load: async () => (await import("./dumpconfig.ts")).dumpconfig,
  },
  {
    name: "serve-chain",
    isHidden: true,
    summary: "run a node for a conformance test, set up by environment variables",
    load: async () => (await import("./serve-chain.ts")).serveChain,
  },
  {
    name: "account",
    summary: "list, make, import and change accounts, and try their passwords",
    load: async () => (await import("./account.ts")).account,
  },
  {
    name: "wallet",
    summary: "import a wallet of the presale of 2014",
    load: async () => (await import("./wallet.ts")).wallet,
  },
  {
    name: "bootnode",
    summary: "run a node of discovery alone, for others to begin their search at",
    load: async () => (await import("./bootnode.ts")).bootnode,
  },
  {
    name: "crawl",
    summary: "find the nodes of a network and write them down as geth's devp2p crawl does",
    load: async () => (await import("./crawl.ts")).crawl,
  },
  {
    name: "dns",
    summary: "list the nodes of a list in the DNS (EIP-1459)",
    load: async () => (await import("./dns.ts")).dns,
  },
  {
    name: "enr",
    summary: "print what a node record or an enode URL says",
    load: async () => (await import("./enr.ts")).enr,
  },
  {
    name: "ping",
    summary: "ask a node by discovery v4 and v5.1 whether it is there",
    load: async () => (await import("./ping.ts")).ping,
  },
  {
    name: "console",
    summary: "run a node as glim alone does, with a console on it",
    load: async () => (await import("./console.ts")).consoleCommand,
  },
  {
    name: "js",
    summary: "run a node as glim alone does, and scripts on it",
    load: async () => (await import("./console.ts")).js,
  },
  {
    name: "version",
    summary: "print version numbers",
    load: async () => (await import("./about.ts")).version,
  },
  {
    name: "license",
    summary: "print the licence",
    load: async () => (await import("./about.ts")).license,
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    load: async () => (await import("./completion.ts")).completionCommand(completionEntries),
  },
  {
    name: "attach",
    summary: "open a console on a running node (http, ws, or the path of an IPC socket)",
    load: async () => (await import("./attach.ts")).attach,
  },
];

/** Commands that help tells of. */
const shown = entries.filter(({ isHidden }) => isHidden !== true);
const commands = shown.map(({ name }) => name);

/** Every command's table, for the completion scripts. */
async function completionEntries() {
  const rowsOf = async (entry: Entry) => ((await entry.load()) as Runnable).flags; // as: every entry loads a command
  const all = shown.map(async (entry) => {
    const { name, summary } = entry;
    return { name, summary, rows: name === "completion" ? [] : await rowsOf(entry) };
  });
  return {
    entries: await Promise.all(all),
    bare: { name: BARE.name, summary: BARE.summary, rows: await rowsOf(BARE) },
  };
}

function help(): string {
  return [
    `glim ${VERSION}: an Ethereum node that proves what it says`,
    "",
    "usage: glim COMMAND [flags]",
    `       glim [flags]: ${BARE.summary} (glim help flags lists them)`,
    "",
    ...shown.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`),
    "",
    "glim COMMAND --help lists a command's flags. Exit codes: 0 clean, 1 failed, 2 wrong flag or file, 3 data directory in use,",
    "4 database damaged, 5 disk, 6 port in use, 7 database of a newer glim, 70 internal fault.",
  ].join("\n");
}

function commandHelp({ usage, details, flags }: Runnable, summary: string): string {
  const text = [`usage: ${usage}`, "", `${summary}.`, ""];
  if (details !== undefined) text.push(details, "");
  return [...text, "flags:", formatFlags(flags)].join("\n");
}

/** The command a line names, and what stands before and after the name. Without a name, flags alone run a node, as in geth. */
function commandOf(args: readonly string[], everywhere: readonly TableRow[]) {
  const byFlag = rowsByFlag(everywhere.map(rowOf));
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!arg.startsWith("-") || arg === "-" || arg === "--") break;
    const [, name = "", inline] = /^--?([^=]+)(=.*)?$/s.exec(arg) ?? [];
    if (inline === undefined && takesValue(name, args[at + 1], byFlag)) at++;
  }
  const name = args[at];
  return { name, before: args.slice(0, at), rest: args.slice(at + 1) };
}

/** Whether the argument after a flag is its value. After a flag nobody knows it is, unless it names a command. */
function takesValue(name: string, next: string | undefined, byFlag: ReadonlyMap<string, OptionRow>): boolean {
  const row = byFlag.get(name) ?? byFlag.get(name.replace(/^no-/, ""));
  if (row !== undefined) return !isSwitch(row);
  if (gethSwitches.has(name) || name === "help" || name === "h") return false;
  return gethValueFlags.has(name) || (next !== undefined && !entries.some((one) => one.name === next));
}

/** Reads the file that `--config` or its variable names. @throws CLI_BAD_FILE */
async function readFileOf(
  args: readonly string[],
  environment: Surroundings["environment"],
  everywhere: readonly TableRow[],
) {
  const named = readArguments(sourceOptions, args).settings.get(sourceOptions[0]);
  const path = named?.value ?? environment?.[variableOf(sourceOptions[0])];
  if (typeof path !== "string" || path === "") return undefined;
  const bytes = await nodeHost()
    .files.readFile(path)
    .catch(() => undefined);
  if (bytes === undefined)
    throw CliError("BAD_FILE", { path, why: "cannot read this configuration file (--config)" });
  return { path, layer: readConfigFile(everywhere.map(rowOf), new TextDecoder().decode(bytes)) };
}

/** The arguments around a command's name, and the rows of all commands. */
interface Line {
  readonly before: readonly string[];
  readonly rest: readonly string[];
  readonly everywhere: readonly TableRow[];
}

async function runEntry(entry: Entry, { before, rest, everywhere }: Line, io: Io): Promise<void> {
  const command = (await entry.load()) as Runnable; // a command runs only with what its own table parsed
  const { environment } = io;
  const usesFile = command.flags.some((row) => row === sourceOptions[0]);
  const file = usesFile ? await readFileOf([...before, ...rest], environment, everywhere) : undefined;
  const { words = 0 } = command;
  const around = { environment, file, before, everywhere, words, commands };
  const parsed = parseFlags(entry.name, command.flags, rest, around);
  if (parsed.wantsHelp) {
    io.print(commandHelp(command, entry.summary));
    return;
  }
  for (const notice of parsed.notices) io.complain(notice);
  await command.run(parsed, io);
}

/** Runs a command line. Resolves to the exit code. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<number> {
  const [first = "--help"] = args;
  const asked = first === "help" ? args[1] : undefined;
  if (asked === undefined && ["--help", "-h", "help"].includes(first)) {
    io.print(help());
    return 0;
  }
  if (first === "--version" || first === "-v") {
    io.print(VERSION);
    return 0;
  }
  try {
    const { allOptions } = await import("./all-options.ts");
    // `glim help COMMAND` is `glim COMMAND --help`, `glim help flags` that of no command
    const line = asked === undefined ? args : [...(asked === "flags" ? [] : [asked]), "--help"];
    const { name, before, rest } = commandOf(line, allOptions);
    const entry = name === undefined ? BARE : entries.find((one) => one.name === name);
    if (entry === undefined) throw unknownCommand(name ?? "");
    const [early, late] = name === undefined ? [[], line] : [before, rest];
    await runEntry(entry, { before: early, rest: late, everywhere: allOptions }, io);
    return 0;
  } catch (error) {
    if (!(error instanceof GlimError) || error.blame === "bug") throw error;
    io.complain(`glim: ${error.message}`);
    return error.exitCode ?? 1;
  }
}

function unknownCommand(name: string): Error {
  return CliError("UNKNOWN_COMMAND", { command: name.slice(0, 40), near: nearestName(name, commands) });
}
