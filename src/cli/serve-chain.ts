import { parseEnode } from "#enode";
import { Ethereum } from "#eth";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { LesServer, LightEthereum } from "#les";
import { createLogger, type Logger } from "#log";
import { type Config, Node } from "#node";
import type { Genesis } from "#params";
import { GlimError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { readGenesis } from "./genesis-file.ts";
import { importFile } from "./import.ts";
import type { Io } from "./io.ts";
import { readPeers } from "./peer-urls.ts";
import { runNode } from "./run-node.ts";
import { INSTANCE, VERSION } from "./version.ts";

const MODULES = ["admin", "clique", "debug", "eth", "les", "light", "miner", "net", "rpc", "txpool", "web3"];

/** What the environment of `scripts/serve-chain` says, checked. */
interface Settings {
  readonly dataDir: string;
  readonly genesis: Genesis;
  /** File of blocks; "" for none. */
  readonly chain: string;
  readonly networkId: number | undefined;
  readonly listenIp: string;
  readonly p2pPort: number;
  readonly httpPort: number;
  readonly syncMode: "full" | "fast" | "light";
  readonly servesLight: boolean;
  /** Seals of ethash are not checked. */
  readonly fakePow: boolean;
  readonly peers: readonly string[];
  /** By v4 and v5.1, on UDP of the p2p port. */
  readonly discovers: boolean;
}

type FullSettings = Settings & { readonly syncMode: "full" | "fast" };

type Env = Readonly<Record<string, string | undefined>>;

function numberOf(env: Env, name: string, most: number, otherwise: number): number {
  const text = env[name] ?? "";
  if (text === "") return otherwise;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most))
    throw CliError("BAD_FLAG", { flag: name, why: `"${text.slice(0, 40)}" is not a number up to ${most}` });
  return value;
}

function oneOf<const T extends string>(env: Env, name: string, values: readonly T[], otherwise: T): T {
  const text = env[name] ?? "";
  if (text === "") return otherwise;
  const value = values.find((one) => one === text);
  if (value === undefined)
    throw CliError("BAD_FLAG", { flag: name, why: `"${text.slice(0, 40)}" is none of ${values.join(", ")}` });
  return value;
}

function required(env: Env, name: string, why: string): string {
  const text = env[name] ?? "";
  if (text === "") throw CliError("MISSING_FLAG", { flag: name, why });
  return text;
}

async function readSettings(env: Env, host: Pick<Host, "files">): Promise<Settings> {
  const networkId = numberOf(env, "NETWORK_ID", Number.MAX_SAFE_INTEGER, 0);
  return {
    dataDir: required(env, "NODE_DIR", "name an empty folder for the node's data"),
    genesis: await readGenesis(required(env, "GENESIS", "name the network's genesis file"), host),
    chain: env["CHAIN"] ?? "",
    networkId: networkId === 0 ? undefined : networkId,
    listenIp: (env["LISTEN_IP"] ?? "") === "" ? "127.0.0.1" : String(env["LISTEN_IP"]),
    p2pPort: numberOf(env, "P2P_PORT", 65535, 30303),
    httpPort: numberOf(env, "HTTP_PORT", 65535, 8545),
    syncMode: oneOf(env, "SYNC_MODE", ["full", "fast", "light"], "full"),
    servesLight: oneOf(env, "LES_SERVE", ["0", "1"], "0") === "1",
    fakePow: oneOf(env, "SKIP_POW", ["0", "1"], "0") === "1",
    discovers: oneOf(env, "DISCOVERY", ["0", "1"], "0") === "1",
    peers: readPeers((env["BOOTNODES"] ?? "").split(/[\s,]+/).filter((url) => url !== "")),
  };
}

function configOf(settings: Settings, log: Logger): Config {
  const { dataDir, listenIp, p2pPort, httpPort, networkId, peers, discovers } = settings;
  return {
    name: INSTANCE,
    version: VERSION,
    dataDir,
    logger: log,
    ...(networkId === undefined ? {} : { networkId }),
    // whoever can reach this address is meant to use it: a test tool, in a network of its own
    http: { host: listenIp, port: httpPort, modules: MODULES, vhosts: ["*"], cors: ["*"] },
    ws: { host: listenIp, modules: MODULES, origins: ["*"] },
    p2p: {
      listenAddr: `${listenIp.includes(":") ? `[${listenIp}]` : listenIp}:${p2pPort}`,
      maxPeers: 50,
      // a boot node that has no listener cannot be a peer
      staticNodes: peers.filter((url) => parseEnode(url).tcp !== 0),
      // the table is empty but for them: no network's boot nodes are asked
      ...(discovers ? { noDiscovery: false, discoveryV5: true, bootstrapNodes: [...peers] } : {}),
    },
  };
}

function registerFull(node: Node, settings: FullSettings, io: Io, host: Host, log: Logger): void {
  const { genesis, networkId, chain: path, servesLight, syncMode, fakePow } = settings;
  node.register(
    (context) =>
      new Ethereum(context, {
        genesis,
        networkId,
        syncMode,
        fakePow,
        prepare: async (chain) => {
          if (path === "") return;
          try {
            await importFile(path, { chain, dir: { signal: io.stopping }, io, host, log });
          } catch (error) {
            // a chain with a bad block is served up to it: tools give such chains on purpose
            if (!CliError.is(error, "IMPORT_FAILED")) throw error;
            io.complain(`glim: ${error.message}`);
          }
        },
      }),
  );
  if (servesLight)
    node.register(
      (context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 50, lightPeers: 25 }),
    );
}

/**
 * The conformance entry: a node whose settings are environment variables, as test tools of many clients give them. Runs in
 * the foreground and ends on SIGTERM with 0. `scripts/serve-chain` is its program.
 */
export const serveChain: Command<[]> = {
  usage: "scripts/serve-chain",
  details: [
    "Settings come from the environment: NODE_DIR (empty folder), GENESIS (geth's JSON), CHAIN (RLP blocks to import first),",
    "NETWORK_ID, LISTEN_IP, P2P_PORT, HTTP_PORT, SYNC_MODE (full, fast, light), LES_SERVE (1), BOOTNODES (enode URLs of peers),",
    "DISCOVERY (1: nodes are searched for, on UDP of P2P_PORT), SKIP_POW (1: proof of work is not checked). HTTP serves every namespace, admin_ too.",
  ].join("\n"),
  flags: [],
  words: Number.POSITIVE_INFINITY,
  async run(_parsed, io) {
    const host = nodeHost();
    const settings = await readSettings(process.env, host);
    const log = createLogger({
      level: "info",
      format: "terminal",
      write: (line) => io.complain(line.replace(/\n$/, "")),
    });
    const config = configOf(settings, log);
    const node = new Node(config);
    const { genesis, networkId, syncMode, chain } = settings;
    if (syncMode === "light" && chain !== "")
      io.complain("glim: CHAIN is not read: SYNC_MODE light keeps no blocks, headers come from BOOTNODES");
    if (syncMode !== "light") registerFull(node, { ...settings, syncMode }, io, host, log);
    else
      node.register(
        (context) =>
          new LightEthereum(context, { genesis, ...(networkId === undefined ? {} : { networkId }) }),
      );
    try {
      await runNode(node, config, io, async () => {});
    } catch (error) {
      // asked to stop while it was starting
      if (!io.stopping.aborted || !(error instanceof GlimError)) throw error;
    }
  },
};
