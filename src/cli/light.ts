import { nodeHost } from "#host/node";
import { LightEthereum } from "#les";
import { Node } from "#node";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";
import { readGenesis } from "./genesis-file.ts";
import { loggerOf } from "./log-setup.ts";
import { nodeFlags } from "./node-flags.ts";
import { configOf } from "./node-settings.ts";
import { chainOptions, lightOptions } from "./options.ts";
import { readPeers } from "./peer-urls.ts";
import { runNode } from "./run-node.ts";
import { followSync, watchRefusals } from "./sync-progress.ts";
import { unlockAccounts } from "./unlock.ts";
import { VERSION } from "./version.ts";

const flags = [...chainOptions, ...lightOptions, ...nodeFlags] as const satisfies readonly TableRow[];

/** `glim light`: a light node on a network whose genesis and servers are named. */
export const light: Command<typeof flags> = {
  usage: "glim light --genesis FILE --peer ENODE [--peer …] [flags]",
  flags,
  async run(parsed, io) {
    const { flags: values } = parsed;
    if (values.genesis === undefined)
      throw CliError("MISSING_FLAG", { flag: "--genesis", why: "name the network's genesis file" });
    if (values.peer.length === 0)
      throw CliError("MISSING_FLAG", { flag: "--peer", why: "name at least one LES server's enode URL" });
    const host = nodeHost();
    const genesis = await readGenesis(values.genesis, host);
    const defaults = {
      name: "glim",
      version: VERSION,
      maxPeers: 25,
      listenHost: "",
      staticNodes: readPeers(values.peer),
      modules: ["light"],
    };
    const config = await configOf(parsed, defaults, host, io);
    const node = new Node(config);
    await unlockAccounts(node, values, host, io);
    const networkId = values.networkid === undefined ? {} : { networkId: values.networkid };
    node.register(
      (context) => new LightEthereum(context, { genesis, cacheDiskMb: values["cache.disk"], ...networkId }),
    );
    await runNode(node, config, io, async (signal) => {
      const light = node.service(LightEthereum);
      const log = loggerOf(values, io);
      const peers = defaults.staticNodes;
      await Promise.all([followSync(light, log, io, signal), watchRefusals(light, { peers, log, signal })]);
    });
  },
};
