import { type PrivateKey, parsePrivateKey } from "#crypto";
import type { Host } from "#host";
import { createLogger, type Logger, type LogLevel } from "#log";
import { type Config, configTable } from "#node";
import { fromHex } from "#util";
import { CliError } from "./errors.ts";
import type { Flag, Flags } from "./flags.ts";
import type { Io } from "./io.ts";

/** The text of an option as the config table has it: said once, there. */
function docOf(path: string): string {
  const row = configTable.find((one) => one.path === path);
  return (row?.doc ?? "")
    .replace(/; empty: nothing is written to disk\.$/, "; without it nothing is written to disk")
    .replace(/\.$/, "");
}

const minFreeDiskFlag = {
  name: "datadir.minfreedisk",
  type: "number",
  value: "MB",
  min: 0,
  max: 1_000_000_000,
  default: 1024,
  doc: docOf("minFreeDiskMb"),
} as const;

const DEFAULT_IPC = "glim.ipc";

const verbosityFlags = [
  {
    name: "verbosity",
    type: "number",
    value: "0-5",
    min: 0,
    max: 5,
    default: 3,
    doc: "0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace",
  },
  { name: "log.json", type: "boolean", default: false, doc: "Log lines as JSON" },
] as const;

/** Flags of every command that works on a data directory and runs no node. */
export const chainFlags = [
  { name: "datadir", type: "text", value: "DIR", doc: "Folder of the node's data" },
  minFreeDiskFlag,
  ...verbosityFlags,
] as const satisfies readonly Flag[];

/** Flags of every command that runs a node; names are geth's. */
export const nodeFlags = [
  { name: "datadir", type: "text", value: "DIR", doc: docOf("dataDir") },
  minFreeDiskFlag,
  {
    name: "networkid",
    type: "number",
    value: "N",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    doc: "Network id (default: chain id of the genesis)",
  },
  {
    name: "port",
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    default: 30303,
    doc: "TCP port for peers; 0 takes a free one",
  },
  { name: "maxpeers", type: "number", value: "N", min: 1, max: 10_000, doc: docOf("p2p.maxPeers") },
  { name: "nodekey", type: "text", value: "FILE", doc: "File with this node's private key, 64 hex digits" },
  { name: "identity", type: "text", value: "TEXT", default: "", doc: docOf("userIdent") },
  {
    name: "http",
    aliases: ["rpc"],
    type: "boolean",
    default: true,
    doc: "Serve JSON-RPC over HTTP (on; --no-http turns it off)",
  },
  {
    name: "http.addr",
    aliases: ["rpcaddr"],
    type: "text",
    value: "IP",
    default: "127.0.0.1",
    doc: "Address HTTP listens on",
  },
  {
    name: "http.port",
    aliases: ["rpcport"],
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    default: 8545,
    doc: docOf("http.port"),
  },
  {
    name: "http.api",
    aliases: ["rpcapi"],
    type: "texts",
    value: "LIST",
    doc: "Namespaces served over HTTP (default eth,net,web3, of a light node light)",
  },
  {
    name: "http.corsdomain",
    aliases: ["rpccorsdomain"],
    type: "texts",
    value: "LIST",
    doc: docOf("http.cors"),
  },
  { name: "http.vhosts", aliases: ["rpcvhosts"], type: "texts", value: "LIST", doc: docOf("http.vhosts") },
  {
    name: "ws",
    type: "boolean",
    default: true,
    doc: "Serve JSON-RPC over WebSocket (on; --no-ws turns it off)",
  },
  {
    name: "ws.addr",
    aliases: ["wsaddr"],
    type: "text",
    value: "IP",
    doc: "Address WebSocket listens on (default: that of HTTP)",
  },
  {
    name: "ws.port",
    aliases: ["wsport"],
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    doc: "TCP port of WebSocket (default: shared with HTTP)",
  },
  {
    name: "ws.api",
    aliases: ["wsapi"],
    type: "texts",
    value: "LIST",
    doc: "Namespaces served over WebSocket (default eth,net,web3, of a light node light)",
  },
  { name: "ws.origins", aliases: ["wsorigins"], type: "texts", value: "LIST", doc: docOf("ws.origins") },
  {
    name: "ipcpath",
    type: "text",
    value: "PATH",
    default: DEFAULT_IPC,
    doc: "IPC socket; a bare name lies in the data directory",
  },
  { name: "ipcdisable", type: "boolean", default: false, doc: "Open no IPC socket" },
  ...verbosityFlags,
] as const satisfies readonly Flag[];

export type NodeFlagValues = Flags<typeof nodeFlags>;

const LEVELS: readonly LogLevel[] = ["silent", "error", "warn", "info", "debug", "trace"];
const DEFAULT_MODULES = ["eth", "net", "web3"];

/** The logger of a command: to standard error, so that standard output stays for what was asked. */
export function loggerOf(flags: Pick<NodeFlagValues, "verbosity" | "log.json">, io: Io): Logger {
  return createLogger({
    level: LEVELS[flags.verbosity] ?? "info",
    format: flags["log.json"] ? "json" : "terminal",
    write: (line) => io.complain(line.replace(/\n$/, "")),
  });
}

/** A private key from a file of 64 hex digits. @throws CLI_BAD_FILE, which never tells the content */
export async function readKeyFile(
  path: string,
  flag: "--nodekey" | "--miner.key",
  { files }: Pick<Host, "files">,
): Promise<PrivateKey> {
  const kind = flag === "--nodekey" ? "node" : "sealing";
  const bytes = await files.readFile(path).catch(() => undefined);
  if (bytes === undefined)
    throw CliError("BAD_FILE", { path, why: `cannot read this ${kind} key file (${flag})` });
  try {
    return parsePrivateKey(fromHex(new TextDecoder().decode(bytes).trim()));
  } catch {
    throw CliError("BAD_FILE", {
      path,
      why: `not a ${kind} key: want 64 hex digits that are a secp256k1 key`,
    });
  }
}

export interface NodeDefaults {
  readonly name: string;
  readonly version: string;
  readonly maxPeers: number;
  /** Address peers are listened for: "" is all. */
  readonly listenHost: string;
  readonly staticNodes: readonly string[];
  /** Namespaces served over HTTP and WebSocket beside eth, net and web3, unless others are named. */
  readonly modules?: readonly string[];
}

/** A node's config from the flags. @throws CLI_* */
export async function configOf(
  flags: NodeFlagValues,
  defaults: NodeDefaults,
  host: Pick<Host, "files">,
  io: Io,
): Promise<Config> {
  const dataDir = flags.datadir ?? "";
  const modules = [...DEFAULT_MODULES, ...(defaults.modules ?? [])];
  const httpModules = flags["http.api"].length > 0 ? flags["http.api"] : modules;
  const wsModules = flags["ws.api"].length > 0 ? flags["ws.api"] : modules;
  const vhosts = flags["http.vhosts"].length > 0 ? flags["http.vhosts"] : ["localhost"];
  const wsPort = flags["ws.port"] ?? (flags.http ? undefined : 8546);
  return {
    name: defaults.name,
    version: defaults.version,
    userIdent: flags.identity,
    dataDir,
    minFreeDiskMb: flags["datadir.minfreedisk"],
    // without a data directory the default name would be shared by every node of this machine
    ipcPath: flags.ipcdisable || (dataDir === "" && flags.ipcpath === DEFAULT_IPC) ? "" : flags.ipcpath,
    logger: loggerOf(flags, io),
    ...(flags.networkid === undefined ? {} : { networkId: flags.networkid }),
    http: flags.http
      ? {
          host: flags["http.addr"],
          port: flags["http.port"],
          cors: flags["http.corsdomain"],
          vhosts,
          modules: httpModules,
        }
      : { host: "" },
    ws: flags.ws
      ? {
          host: flags["ws.addr"] ?? flags["http.addr"],
          origins: flags["ws.origins"],
          modules: wsModules,
          ...(wsPort === undefined ? {} : { port: wsPort }),
        }
      : { host: "" },
    p2p: {
      maxPeers: flags.maxpeers ?? defaults.maxPeers,
      listenAddr: `${defaults.listenHost}:${flags.port}`,
      staticNodes: [...defaults.staticNodes],
      ...(flags.nodekey === undefined
        ? {}
        : { privateKey: await readKeyFile(flags.nodekey, "--nodekey", host) }),
    },
  };
}
