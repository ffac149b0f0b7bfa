import type { Node } from "#node";
import { openConsole, runScript, scriptsOf } from "./attach.ts";
import { bare, bareFlags } from "./bare.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";
import type { Io } from "./io.ts";
import { consoleOptions } from "./options.ts";

const flags = [...bareFlags, ...consoleOptions] as const satisfies readonly TableRow[];

/** The terminal of a node beside a console: what the node says goes where its log goes. */
const beside = (io: Io, withNode: (node: Node) => Promise<void>): Io => ({
  ...io,
  print: (line) => io.complain(line),
  withNode,
});

/** `glim console`: a node, and a console on it in the same process; it ends with the console. */
export const consoleCommand: Command<typeof flags> = {
  usage: "glim console [flags]",
  details: "Takes every flag that glim alone takes.",
  flags,
  async run(parsed, io) {
    const withNode = async (node: Node) => {
      const client = node.attach();
      await openConsole(client, `welcome to ${node.config.identifier}`, parsed.flags, io);
    };
    await bare.run(parsed, beside(io, withNode));
  },
};

/** `glim js FILE…`: a node, and scripts that are run on it. */
export const js: Command<typeof flags> = {
  usage: "glim js [flags] FILE…",
  details: "Takes every flag that glim alone takes; the node ends with the last script.",
  flags,
  words: Number.POSITIVE_INFINITY,
  async run(parsed, io) {
    const { rest } = parsed;
    if (rest.length === 0) throw CliError("MISSING_FLAG", { flag: "FILE", why: "name the scripts to run" });
    const { preload = [], ...scripts } = scriptsOf(parsed.flags, io);
    const withNode = async (node: Node) => {
      await runScript(node.attach(), "undefined", { ...scripts, preload: [...preload, ...rest] });
    };
    await bare.run({ ...parsed, rest: [] }, beside(io, withNode));
  },
};
