import { exportChain } from "#core";
import { nodeHost } from "#host/node";
import { explainEnd, openChainDir, openStoredChain } from "./chain-dir.ts";
import { writeChainFile } from "./chain-file.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";
import { loggerOf } from "./log-setup.ts";
import { chainFlags } from "./node-flags.ts";

const flags = [
  { name: "force", type: "boolean", default: false, doc: "Replace a file that is there" },
  ...chainFlags,
] as const satisfies readonly TableRow[];

function readNumber(text: string | undefined, name: string, most: number, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= most))
    throw CliError("BAD_FLAG", {
      flag: name,
      why: `"${text.slice(0, 40)}" is not a block from 0 to ${most}`,
    });
  return number;
}

/** `glim export`: writes blocks of the canonical chain into a file that `geth import` takes. */
export const exportBlocks: Command<typeof flags> = {
  usage: "glim export FILE [FIRST LAST] --datadir DIR",
  details:
    "Writes the chain, or its blocks from FIRST to LAST, as geth import reads them; packed if FILE ends in .gz.",
  flags,
  words: 3,
  async run({ flags: values, rest }, io) {
    const [path, first, last] = rest;
    if (path === undefined) throw CliError("MISSING_FLAG", { flag: "FILE", why: "name the file to write" });
    if (rest.length === 2)
      throw CliError("BAD_FLAG", { flag: "FIRST LAST", why: "give both numbers, or none" });
    const host = nodeHost();
    const log = loggerOf(values, io);
    const dataDir = values.datadir ?? "";
    if (!values.force && (await host.files.exists(path)))
      throw CliError("BAD_FILE", { path, why: "there is such a file already (--force replaces it)" });
    await using dir = await openChainDir(
      { dataDir: values.datadir, minFreeMb: values["datadir.minfreedisk"], create: false },
      { host, io, log },
    );
    const chain = await openStoredChain(dir, dataDir, { host, log });
    const to = readNumber(last, "LAST", chain.head.number, chain.head.number);
    const from = readNumber(first, "FIRST", to, 0);
    try {
      await writeChainFile(path, exportChain(chain, { from, to }), dir.signal);
    } catch (error) {
      throw explainEnd(error, dir, io, "nothing was written");
    }
    io.print(`exported   ${to - from + 1} blocks, #${from} to #${to}, to ${path}`);
  },
};
