import { keySigner } from "#consensus/clique";
import { Ethereum } from "#eth";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { LesServer } from "#les";
import { Node } from "#node";
import { toHex } from "#util";
import { genesisOf, genesisPathOf, INSTANCE } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flag, Flags } from "./flags.ts";
import { writeGenesis } from "./genesis-file.ts";
import { configOf, loggerOf, nodeFlags, readKeyFile } from "./node-flags.ts";
import { readPeers } from "./peer-urls.ts";
import { followChain } from "./sync-progress.ts";
import { runNode } from "./run-node.ts";
import { VERSION } from "./version.ts";

const flags = [
  {
    name: "genesis",
    type: "text",
    value: "FILE",
    doc: "Genesis of the network, in geth's JSON format (default: that of glim init)",
  },
  {
    name: "peer",
    type: "texts",
    value: "ENODE",
    doc: "A peer's enode URL, kept connected; several by comma or by repetition",
  },
  {
    name: "syncmode",
    type: "text",
    value: "MODE",
    default: "full",
    doc: "full: execute every block; fast: an empty chain takes the state of a recent block from peers",
  },
  { name: "mine", type: "boolean", default: false, doc: "Seal blocks with the key of --miner.key (clique)" },
  {
    name: "miner.key",
    type: "text",
    value: "FILE",
    doc: "File with the private key that seals, 64 hex digits",
  },
  {
    name: "light.serve",
    aliases: ["lightserv"],
    type: "number",
    value: "PERCENT",
    min: 0,
    max: 100,
    default: 0,
    doc: "Most of one core spent on light clients; 0 serves none",
  },
  {
    name: "light.maxpeers",
    aliases: ["lightpeers"],
    type: "number",
    value: "N",
    min: 0,
    max: 10_000,
    default: 20,
    doc: "Most light clients at once, of --maxpeers",
  },
  ...nodeFlags,
] as const satisfies readonly Flag[];

async function readSigner(values: Flags<typeof flags>, host: Pick<Host, "files">) {
  const path = values["miner.key"];
  if (!values.mine) return undefined;
  if (path === undefined)
    throw CliError("MISSING_FLAG", { flag: "--miner.key", why: "--mine needs the key that seals" });
  return keySigner(await readKeyFile(path, "--miner.key", host));
}

function readSyncMode(mode: string): "full" | "fast" {
  if (mode === "full" || mode === "fast") return mode;
  throw CliError("BAD_FLAG", { flag: "--syncmode", why: `"${mode.slice(0, 40)}" is neither full nor fast` });
}

/** `glim node`: a full node. */
export const node: Command<typeof flags> = {
  usage: "glim node --genesis FILE --datadir DIR [--peer ENODE …] [flags]",
  flags,
  async run({ flags: values, notices }, io) {
    for (const notice of notices) io.complain(notice);
    const host = nodeHost();
    const genesis = await genesisOf(values.genesis, values.datadir, host);
    const syncMode = readSyncMode(values.syncmode);
    const sealer = await readSigner(values, host);
    const defaults = {
      name: INSTANCE,
      version: VERSION,
      maxPeers: 50,
      listenHost: "",
      staticNodes: readPeers(values.peer),
    };
    const config = await configOf(values, defaults, host, io);
    const running = new Node(config);
    const networkId = values.networkid === undefined ? {} : { networkId: values.networkid };
    running.register(
      (context) =>
        new Ethereum(context, {
          genesis,
          syncMode,
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
