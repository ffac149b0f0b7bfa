import { nodeHost } from "#host/node";
import { toHex } from "#util";
import { openChainDir, openStoredChain } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { loggerOf } from "./log-setup.ts";
import { chainFlags } from "./node-flags.ts";

/** `glim set-head`: goes back to an earlier block of the canonical chain. */
export const setHead: Command<typeof chainFlags> = {
  usage: "glim set-head NUMBER --datadir DIR",
  details:
    "Blocks above NUMBER stay in the database as a side chain, which an import or a peer can make canonical again.",
  flags: chainFlags,
  words: 1,
  async run({ flags: values, rest }, io) {
    const [text = ""] = rest;
    const host = nodeHost();
    const log = loggerOf(values, io);
    await using dir = await openChainDir(
      { dataDir: values.datadir, minFreeMb: values["datadir.minfreedisk"], create: false },
      { host, io, log },
    );
    const chain = await openStoredChain(dir, values.datadir ?? "", { host, log });
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number <= chain.head.number))
      throw CliError("BAD_FLAG", { flag: "NUMBER", why: `name a block from 0 to ${chain.head.number}` });
    await chain.setHead(number);
    await chain.persist({ isLast: true });
    io.print(`head       #${chain.head.number} ${toHex(chain.head.hash)}`);
  },
};
