import { keySigner } from "#consensus/clique";
import type { BlockChain } from "#core";
import { Ethereum } from "#eth";
import { nodeHost } from "#host/node";
import { LesServer } from "#les";
import { type Config, Node } from "#node";
import { DEV_KEY, type Genesis } from "#params";
import { toHex } from "#util";
import { parsePrivateKey } from "#crypto";
import type { Command } from "./command.ts";
import { devAccounts, devChainGenesis } from "./dev-chain.ts";
import { DevWallets } from "./dev-wallets.ts";
import type { TableRow } from "./flags.ts";
import { writeGenesis } from "./genesis-file.ts";
import { nodeFlags } from "./node-flags.ts";
import { configOf } from "./node-settings.ts";
import { devOptions } from "./options.ts";
import { runNode } from "./run-node.ts";
import { unlockAccounts } from "./unlock.ts";
import { VERSION } from "./version.ts";

const flags = [
  ...nodeFlags,
  ...devOptions,
  {
    name: "genesis.out",
    type: "text",
    value: "FILE",
    doc: "Write the chain's genesis here, for glim light --genesis and for geth init",
  },
] as const satisfies readonly TableRow[];

/** A full node that seals the dev chain and serves light nodes; not started. */
export function makeDevNode(
  config: Config,
  genesis: Genesis,
  period: number,
  prepare?: (chain: BlockChain) => Promise<void>,
): Node {
  const node = new Node(config);
  void node.accountManager.addBackend(new DevWallets()); // at once: nothing runs yet
  const sealer = keySigner(parsePrivateKey(DEV_KEY));
  const { networkId } = config;
  node.register((context) => new Ethereum(context, { genesis, networkId, sealer, period, prepare }));
  node.register(
    (context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 50, lightPeers: 20 }),
  );
  return node;
}

/** `glim dev`: a chain of one, for developing against. */
export const dev: Command<typeof flags> = {
  usage: "glim dev [flags]",
  flags,
  async run(parsed, io) {
    const { flags: values } = parsed;
    const genesis = devChainGenesis(values["dev.period"]);
    const out = values["genesis.out"];
    if (out !== undefined) await writeGenesis(out, genesis, nodeHost());
    const defaults = {
      name: "glim-dev",
      version: VERSION,
      maxPeers: 50,
      listenHost: "127.0.0.1",
      staticNodes: [],
    };
    const config = await configOf(parsed, defaults, nodeHost(), io);
    const node = makeDevNode(config, genesis, values["dev.period"]);
    await unlockAccounts(node, values, nodeHost(), io);
    await runNode(node, config, io, async () => {
      io.print(`chain      id ${genesis.config.chainId}, a block every ${values["dev.period"]} s`);
      for (const { address, key } of devAccounts())
        io.print(`account    ${toHex(address)}  key ${toHex(key)}`);
      io.print("These keys are public: never use them elsewhere. Ctrl-C stops.");
    });
  },
};
