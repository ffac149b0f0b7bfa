import { nodeHost } from "#host/node";
import { genesisOf } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flags, TableRow } from "./flags.ts";
import { nodeFlags } from "./node-flags.ts";
import { chainOptions, devOptions, fullOptions, lightOptions, networkOptions } from "./options.ts";

export const bareFlags = [
  ...chainOptions,
  ...networkOptions,
  ...fullOptions,
  ...lightOptions,
  ...devOptions,
  ...nodeFlags,
] as const satisfies readonly TableRow[];

/**
 * `glim [flags]`: what geth does with the same flags. A full node, with `--syncmode light` a light node, with `--dev` a
 * development chain.
 */
export const bare: Command<typeof bareFlags> = {
  usage: "glim [flags]",
  flags: bareFlags,
  async run(parsed, io) {
    const { flags: values } = parsed;
    await checkNetwork(values);
    const genesisOut = { ...parsed, flags: { ...values, "genesis.out": undefined } };
    if (values.dev) await (await import("./dev.ts")).dev.run(genesisOut, io);
    else if (values.syncmode === "light") await (await import("./light.ts")).light.run(parsed, io);
    else await (await import("./node.ts")).node.run(parsed, io);
  },
};

const CHAIN_IDS = {
  mainnet: 1n,
  goerli: 5n,
  sepolia: 11_155_111n,
  rinkeby: 4n,
  ropsten: 3n,
  holesky: 17_000n,
  hoodi: 560_048n,
} as const;

/** The network flag that was given, if any. @throws CLI_BAD_FLAG for two of them */
function networkOf(values: Flags<typeof networkOptions>): keyof typeof CHAIN_IDS | undefined {
  const names = Object.keys(CHAIN_IDS)
    .map((name) => name as keyof typeof CHAIN_IDS)
    .filter((name) => values[name]); // as: its own keys
  const [first] = names;
  const chosen = [...names, ...(values.dev ? ["dev"] : [])];
  if (chosen.length > 1)
    throw CliError("BAD_FLAG", {
      flag: chosen.map((name) => `--${name}`).join(", "),
      why: "only one of these can be used",
    });
  return first;
}

/** @throws CLI_BAD_FLAG if the genesis is of another network */
async function checkNetwork(values: Flags<typeof bareFlags>): Promise<void> {
  const name = networkOf(values);
  if (name === undefined) return;
  const { config } = await genesisOf(values.genesis, values.datadir, nodeHost());
  if (config.chainId !== CHAIN_IDS[name])
    throw CliError("BAD_FLAG", { flag: `--${name}`, why: `the genesis is of chain id ${config.chainId}` });
}
