import { nodeHost } from "#host/node";
import { toHex } from "#util";
import { openChainDir, openChainOf } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { readGenesis } from "./genesis-file.ts";
import { loggerOf } from "./log-setup.ts";
import { chainFlags } from "./node-flags.ts";

/** `glim init`: writes block 0 into a data directory, or takes up the forks that a chain's genesis has gained. */
export const init: Command<typeof chainFlags> = {
  usage: "glim init GENESIS --datadir DIR",
  details:
    "GENESIS is a file in geth's JSON format. A data directory that has this genesis already takes up its new forks.",
  flags: chainFlags,
  words: 1,
  async run({ flags: values, rest }, io) {
    const [path] = rest;
    if (path === undefined) throw CliError("MISSING_FLAG", { flag: "GENESIS", why: "name one genesis file" });
    const world = { host: nodeHost(), io, log: loggerOf(values, io) };
    const genesis = await readGenesis(path, world.host);
    const dataDir = values.datadir;
    await using dir = await openChainDir(
      { dataDir, minFreeMb: values["datadir.minfreedisk"], create: true },
      world,
    );
    const chain = await openChainOf(dir, genesis, dataDir ?? "", world);
    await chain.persist();
    io.print(`genesis    ${toHex(chain.genesis.hash)}`);
    io.print(`chain      id ${chain.config.chainId}, head #${chain.head.number}`);
  },
};
