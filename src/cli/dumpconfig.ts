import { formatToml, type OptionRow, type Setting, toToml } from "#config";
import { nodeHost } from "#host/node";
import { utf8Encode } from "#util";
import { allOptions } from "./all-options.ts";
import { bareFlags } from "./bare.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { rowOf } from "./flags.ts";
import { nodeDefaults, nodeValues } from "./node-settings.ts";
import { INSTANCE } from "./version.ts";

/** Sections in the order of geth's `dumpconfig`, then ours. */
const SECTIONS = ["Eth", "Eth.TxPool", "Eth.GPO", "Eth.Miner", "Node", "Node.P2P", "Metrics", "Glim"];

const sectionOf = (toml: string) => toml.slice(0, toml.lastIndexOf("."));

/** Everything a node would run with, as a file that `--config` reads back to the same. */
export function dumpOf(settings: ReadonlyMap<string, Setting>): string {
  const peers = (settings.get("peer")?.value ?? []) as readonly string[]; // as: read by the row of this path
  const values = nodeValues({ settings }, nodeDefaults(INSTANCE));
  const statics = values.get("p2p.staticNodes") as readonly string[] | undefined; // as above
  if (peers.length > 0) values.set("p2p.staticNodes", [...peers, ...(statics ?? [])]);
  const valueOf = ({ path, default: preset }: OptionRow) =>
    values.has(path) ? values.get(path) : (settings.get(path)?.value ?? preset);
  const keys = allOptions.map(rowOf).flatMap((row): (readonly [string, unknown])[] => {
    const value = row.toml === undefined ? undefined : toToml(row, valueOf(row));
    return row.toml === undefined || value === undefined ? [] : [[row.toml, value]];
  });
  const rank = (key: string) => SECTIONS.indexOf(sectionOf(key));
  return formatToml(keys.toSorted(([a], [b]) => rank(a) - rank(b)));
}

/** `glim dumpconfig [FILE]`: what the flags, variables and the configuration file come to. */
export const dumpconfig: Command<typeof bareFlags> = {
  usage: "glim dumpconfig [flags] [FILE]",
  details:
    "Secrets are not written: the node key stays in its file, passwords are asked for or read from theirs.",
  flags: bareFlags,
  words: 1,
  async run({ settings, rest }, io) {
    const text = dumpOf(settings);
    const [path] = rest;
    if (path === undefined) {
      io.print(text.trimEnd());
      return;
    }
    try {
      await nodeHost().files.writeFileAtomic(path, utf8Encode(text), { mode: 0o644 });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw CliError("WRITE_FAILED", { path, why }, { cause: error });
    }
  },
};
