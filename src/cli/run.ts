import { GlimError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { type Flag, formatFlags, parseFlags } from "./flags.ts";
import type { Io } from "./io.ts";
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
    name: "serve-chain",
    isHidden: true,
    summary: "run a node for a conformance test, set up by environment variables",
    load: async () => (await import("./serve-chain.ts")).serveChain,
  },
  {
    name: "attach",
    summary: "open a console on a running node (http, ws, or the path of an IPC socket)",
    load: async () => (await import("./attach.ts")).attach,
  },
];

function help(): string {
  return [
    `glim ${VERSION}: an Ethereum node that proves what it says`,
    "",
    "usage: glim COMMAND [flags]",
    "",
    ...entries
      .filter(({ isHidden }) => !isHidden)
      .map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`),
    "",
    "glim COMMAND --help lists a command's flags. Exit codes: 0 clean, 1 failed, 2 wrong flag or file, 3 data directory in use,",
    "4 database damaged, 5 disk, 6 port in use, 7 database of a newer glim, 70 internal fault.",
  ].join("\n");
}

function commandHelp({ usage, details, flags }: Runnable, summary: string): string {
  const text = [`usage: ${usage}`, "", `${summary}.`, ""];
  if (details !== undefined) text.push(details, "");
  return [...text, "flags:", formatFlags(flags as readonly Flag[])].join("\n");
}

/** Runs a command line. Resolves to the exit code. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    io.print(help());
    return 0;
  }
  if (name === "--version" || name === "-v" || name === "version") {
    io.print(VERSION);
    return 0;
  }
  try {
    const entry = entries.find((one) => one.name === name);
    if (entry === undefined) throw CliError("UNKNOWN_COMMAND", { command: name.slice(0, 40) });
    const command = (await entry.load()) as Runnable; // a command runs only with what its own table parsed
    const parsed = parseFlags(entry.name, command.flags, rest);
    if (parsed.wantsHelp) io.print(commandHelp(command, entry.summary));
    else await command.run(parsed, io);
    return 0;
  } catch (error) {
    if (!(error instanceof GlimError) || error.blame === "bug") throw error;
    io.complain(`glim: ${error.message}`);
    return error.exitCode ?? 1;
  }
}
