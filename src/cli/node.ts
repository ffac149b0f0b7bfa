import { keySigner } from "#consensus/clique";
import { Ethereum } from "#eth";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { LesServer } from "#les";
import { Node } from "#node";
import { toHex } from "#util";
import { gcModeOf, genesisOf, genesisPathOf } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flags, TableRow } from "./flags.ts";
import { writeGenesis } from "./genesis-file.ts";
import { knownBootnodes } from "./known-bootnodes.ts";
import { loggerOf } from "./log-setup.ts";
import { nodeFlags } from "./node-flags.ts";
import { configOf, readKeyFile } from "./node-settings.ts";
import { chainOptions, fullOptions } from "./options.ts";
import { readPeers } from "./peer-urls.ts";
import { readRequiredBlocks } from "./required-blocks.ts";
import { followChain } from "./sync-progress.ts";
import { runNode } from "./run-node.ts";
import { accountSigner, unlockAccounts } from "./unlock.ts";
import { INSTANCE, VERSION } from "./version.ts";

const flags = [...chainOptions, ...fullOptions, ...nodeFlags] as const satisfies readonly TableRow[];

/** Who seals: an account of the node, or the key of a file. */
async function readSigner(values: Flags<typeof flags>, node: Node, host: Pick<Host, "files">) {
  const path = values["miner.key"];
  if (!values.mine) return undefined;
  if (path !== undefined) return keySigner(await readKeyFile(path, "--miner.key", host));
  return accountSigner(node, values["miner.etherbase"]);
}

/** Bounds and prices of the pool, by --txpool.…. */
function poolLimitsOf(values: Flags<typeof flags>) {
  return {
    priceLimit: values["txpool.pricelimit"],
    priceBump: values["txpool.pricebump"],
    accountSlots: values["txpool.accountslots"],
    globalSlots: values["txpool.globalslots"],
    accountQueue: values["txpool.accountqueue"],
    globalQueue: values["txpool.globalqueue"],
    lifetimeMs: values["txpool.lifetime"],
  };
}

/** geth's snap sync is not spoken here: the state comes by fast sync. A light node is `glim light`. */
function readSyncMode(mode: string): "full" | "fast" {
  if (mode === "light")
    throw CliError("BAD_FLAG", {
      flag: "--syncmode",
      why: "a light node is run by glim light, or by glim alone",
    });
  return mode === "full" ? "full" : "fast";
}

/** `glim node`: a full node. */
export const node: Command<typeof flags> = {
  usage: "glim node --genesis FILE --datadir DIR [--peer ENODE …] [flags]",
  flags,
  async run(parsed, io) {
    const { flags: values } = parsed;
    const host = nodeHost();
    const genesis = await genesisOf(values.genesis, values.datadir, host);
    const syncMode = readSyncMode(values.syncmode);
    const defaults = {
      name: INSTANCE,
      version: VERSION,
      maxPeers: 50,
      listenHost: "",
      staticNodes: readPeers(values.peer),
      discovers: true,
      bootnodes: knownBootnodes(genesis),
    };
    const config = await configOf(parsed, defaults, host, io);
    const running = new Node(config);
    const sealer = await readSigner(values, running, host);
    await unlockAccounts(running, values, host, io);
    const networkId = values.networkid === undefined ? {} : { networkId: values.networkid };
    running.register(
      (context) =>
        new Ethereum(context, {
          genesis,
          syncMode,
          gcMode: gcModeOf(values.gcmode) ?? "full",
          cacheMb: values.cache,
          preimages: values["cache.preimages"] || values.gcmode === "archive",
          jsTracers: values["rpc.jstracers"],
          fakePow: values.fakepow,
          txPool: poolLimitsOf(values),
          requiredBlocks: readRequiredBlocks(values["eth.requiredblocks"]),
          ...networkId,
          ...(sealer === undefined ? {} : { sealer }),
        }),
    );
    const lightServ = values["light.serve"];
    if (lightServ > 0)
      running.register(
        (context) =>
          new LesServer(context, {
            eth: context.service(Ethereum),
            lightServ,
            lightPeers: values["light.maxpeers"],
          }),
      );
    await runNode(running, config, io, async () => {
      const { head } = running.service(Ethereum).chain;
      if (values.datadir !== undefined) await writeGenesis(genesisPathOf(values.datadir), genesis, host);
      io.print(`chain      id ${genesis.config.chainId}, head #${head.number} ${toHex(head.hash)}`);
      if (sealer !== undefined) io.print(`sealing    as ${toHex(sealer.address)}`);
      await followChain(running.service(Ethereum), loggerOf(values, io), io);
    });
  },
};
