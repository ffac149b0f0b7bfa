import { join } from "node:path";
import type { Host } from "#host";
import { nodeHost, setHeapGrowth } from "#host/node";
import { LightEthereum } from "#les";
import { Node } from "#node";
import { genesisOf } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Parsed, TableRow } from "./flags.ts";
import { loggerOf } from "./log-setup.ts";
import { nodeFlags } from "./node-flags.ts";
import { configOf } from "./node-settings.ts";
import { chainOptions, lightOptions } from "./options.ts";
import { readPeers } from "./peer-urls.ts";
import { readRequiredBlocks } from "./required-blocks.ts";
import { runNode } from "./run-node.ts";
import { followSync, watchRefusals } from "./sync-progress.ts";
import { unlockAccounts } from "./unlock.ts";
import { INSTANCE, VERSION } from "./version.ts";

const flags = [...chainOptions, ...lightOptions, ...nodeFlags] as const satisfies readonly TableRow[];

/** What keeps the process below its ceiling under attack (docs/design/memory-under-attack.md). Threads started later do as well. */
const HEAP_GROWTH_PERCENT = 50;

/** Servers named elsewhere than by --peer: in the configuration file, static-nodes.json, or to be searched for. */
async function hasServers(
  { flags: values, settings }: Pick<Parsed<typeof flags>, "flags" | "settings">,
  { files }: Pick<Host, "files">,
): Promise<boolean> {
  if (settings.has("p2p.staticNodes") || settings.has("p2p.bootstrapNodes")) return true;
  return values.datadir !== undefined && files.exists(join(values.datadir, INSTANCE, "static-nodes.json"));
}

/** `glim light`: a light node on a network whose genesis and servers are named. */
export const light: Command<typeof flags> = {
  usage: "glim light --genesis FILE --peer ENODE [--peer …] [flags]",
  flags,
  async run(parsed, io) {
    const { flags: values } = parsed;
    setHeapGrowth(HEAP_GROWTH_PERCENT);
    const host = nodeHost();
    const genesis = await genesisOf(values.genesis, values.datadir, host);
    if (values.peer.length === 0 && !(await hasServers(parsed, host)))
      throw CliError("MISSING_FLAG", { flag: "--peer", why: "name at least one LES server's enode URL" });
    const defaults = {
      name: INSTANCE,
      version: VERSION,
      maxPeers: 25,
      listenHost: "",
      staticNodes: readPeers(values.peer),
      // servers are searched for where a boot node is named; no network's own is asked
      discovers: parsed.settings.has("p2p.bootstrapNodes"),
      modules: ["light"],
    };
    const config = await configOf(parsed, defaults, host, io);
    const node = new Node(config);
    await unlockAccounts(node, values, host, io);
    const networkId = values.networkid === undefined ? {} : { networkId: values.networkid };
    node.register(
      (context) =>
        new LightEthereum(context, {
          genesis,
          cacheDiskMb: values["cache.disk"],
          requiredBlocks: readRequiredBlocks(values["eth.requiredblocks"]),
          ...networkId,
        }),
    );
    await runNode(node, config, io, async (signal) => {
      const light = node.service(LightEthereum);
      const log = loggerOf(values, io);
      const peers = defaults.staticNodes;
      await Promise.all([followSync(light, log, io, signal), watchRefusals(light, { peers, log, signal })]);
    });
  },
};
