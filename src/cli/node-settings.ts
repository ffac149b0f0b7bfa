import { join } from "node:path";
import type { OptionRow, Setting } from "#config";
import { type PrivateKey, parsePrivateKey } from "#crypto";
import { formatEnode } from "#enode";
import type { Host } from "#host";
import { type Config, configTable, loadNodeList } from "#node";
import { fromHex } from "#util";
import { CliError } from "./errors.ts";
import type { Parsed } from "./flags.ts";
import type { Io } from "./io.ts";
import { loggerOf } from "./log-setup.ts";
import type { nodeFlags } from "./node-flags.ts";
import { guardEndpoints } from "./unlock.ts";
import { VERSION } from "./version.ts";

const LOOPBACK = "127.0.0.1";
const DEFAULT_HTTP_PORT = 8545;
const DEFAULT_WS_PORT = 8546;
const DEFAULT_P2P_PORT = 30303;
const DEFAULT_METRICS_PORT = 6060;
const DEFAULT_IPC = "glim.ipc";
const DEFAULT_MODULES = ["eth", "net", "web3"];

/** What one command means where nothing is said. */
export interface NodeDefaults {
  readonly name: string;
  readonly version: string;
  readonly maxPeers: number;
  /** Address peers are listened for: "" is all. */
  readonly listenHost: string;
  readonly staticNodes: readonly string[];
  /** Whether it searches for other nodes unless told not to, and where that begins. */
  readonly discovers?: boolean;
  readonly bootnodes?: readonly string[];
  /** Namespaces served over HTTP and WebSocket beside eth, net and web3, unless others are named. */
  readonly modules?: readonly string[];
}

/** Defaults of a node that is no development chain. */
export const nodeDefaults = (name: string): NodeDefaults => ({
  name,
  version: VERSION,
  maxPeers: 50,
  listenHost: "",
  staticNodes: [],
  discovers: true,
});

/** What a command that runs a node was given, of its whole table. */
export type NodeParsed = Pick<Parsed<typeof nodeFlags>, "flags" | "settings">;

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

/** The identity that `--nodekey` gives; undefined without it. @throws CLI_BAD_FILE */
export async function nodeKeyOf(
  { nodekey }: { readonly nodekey: string | undefined },
  host: Pick<Host, "files">,
): Promise<PrivateKey | undefined> {
  return nodekey === undefined ? undefined : readKeyFile(nodekey, "--nodekey", host);
}

type Given = ReadonlyMap<string, Setting>;

/** HTTP and WebSocket by host: "" is off. A file's empty host turns an endpoint off, as in geth; else they are on. */
function hostsOf(settings: Given): { http: string; ws: string } {
  const of = (path: string) => settings.get(path)?.value as string | boolean | undefined; // as: read by the rows of these paths
  const isOn = (name: "http" | "ws") => of(`${name}.on`) ?? of(`${name}.host`) !== "";
  const httpHost = of("http.host") || LOOPBACK;
  const wsHost = of("ws.host") || httpHost;
  return { http: isOn("http") ? String(httpHost) : "", ws: isOn("ws") ? String(wsHost) : "" };
}

/** `--metrics` and `--pprof`, each with its address: one endpoint serves both, that of the metrics where both are asked for. */
function setMetrics(settings: Given, values: Map<string, unknown>): void {
  const of = (path: string) => settings.get(`cli.${path}`)?.value;
  const [hasMetrics, hasProfiles] = [of("metrics") === true, of("pprof") === true];
  const name = hasMetrics ? "metrics" : "pprof";
  values.set("metrics.host", hasMetrics || hasProfiles ? (of(`${name}Addr`) ?? LOOPBACK) : "");
  values.set("metrics.port", of(`${name}Port`) ?? DEFAULT_METRICS_PORT);
  values.set("metrics.profile", hasProfiles);
}

/**
 * The values of a node's options by path: what was given, else the command's own defaults, else the table's. What switches
 * and lists of other flags do to them is done here, so that a dump of them means the same without those flags.
 */
export function nodeValues(
  { settings }: Pick<NodeParsed, "settings">,
  defaults: NodeDefaults,
): Map<string, unknown> {
  const rows: readonly OptionRow[] = configTable;
  const values = new Map<string, unknown>(rows.map((row) => [row.path, row.default]));
  const modules = [...DEFAULT_MODULES, ...(defaults.modules ?? [])];
  const own: readonly (readonly [string, unknown])[] = [
    ["name", defaults.name],
    ["version", defaults.version],
    ["ipcPath", DEFAULT_IPC],
    ["http.port", DEFAULT_HTTP_PORT],
    ["http.modules", modules],
    ["ws.modules", modules],
    ["p2p.maxPeers", defaults.maxPeers],
    ["p2p.listenAddr", `${defaults.listenHost}:${DEFAULT_P2P_PORT}`],
    ["p2p.noDiscovery", defaults.discovers !== true],
    ["p2p.bootstrapNodes", defaults.bootnodes],
  ];
  for (const [path, value] of own) values.set(path, value);
  for (const { path } of rows) if (settings.has(path)) values.set(path, settings.get(path)?.value);
  const port = settings.get("p2p.listenAddr");
  if (port !== undefined && port.source !== "file")
    values.set("p2p.listenAddr", `${defaults.listenHost}${String(port.value)}`);
  const discPort = settings.get("p2p.discAddr");
  if (discPort !== undefined && discPort.source !== "file")
    values.set("p2p.discAddr", `${defaults.listenHost}${String(discPort.value)}`);
  const hosts = hostsOf(settings);
  values.set("http.host", hosts.http);
  values.set("ws.host", hosts.ws);
  setMetrics(settings, values);
  if (!settings.has("ws.port") && hosts.http === "" && hosts.ws !== "")
    values.set("ws.port", DEFAULT_WS_PORT);
  if (settings.get("ipc.off")?.value === true) values.set("ipcPath", "");
  return values;
}

/** Values by path → a config object with its groups. */
function grouped(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const [path, value] of values) {
    if (value === undefined) continue;
    const [group = "", name] = path.split(".");
    if (name === undefined) config[group] = value;
    else config[group] = { ...(config[group] as object | undefined), [name]: value }; // as: only groups have dots
  }
  return config;
}

/** Nodes that are kept connected: the flag's and the file's; those of static-nodes.json stay where none are named. */
async function staticNodesOf(
  values: ReadonlyMap<string, unknown>,
  { staticNodes, name }: NodeDefaults,
  { files }: Pick<Host, "files">,
  log: NonNullable<Config["logger"]>,
): Promise<readonly string[] | undefined> {
  const named = values.get("p2p.staticNodes") as readonly string[] | undefined; // as: read by the row of this path
  if (staticNodes.length === 0) return named;
  if (named !== undefined) return [...staticNodes, ...named];
  const dataDir = String(values.get("dataDir"));
  const kept =
    dataDir === "" ? [] : await loadNodeList(join(dataDir, name, "static-nodes.json"), { files }, log);
  return [...staticNodes, ...(kept ?? []).map((node) => formatEnode(node))];
}

/** A node's config from what was given. @throws CLI_* */
export async function configOf(
  parsed: NodeParsed,
  defaults: NodeDefaults,
  host: Pick<Host, "files">,
  io: Io,
): Promise<Config> {
  const values = nodeValues(parsed, defaults);
  // without a data directory the default name would be shared by every node of this machine
  if (values.get("dataDir") === "" && values.get("ipcPath") === DEFAULT_IPC) values.set("ipcPath", "");
  const logger = loggerOf(parsed.flags, io);
  const staticNodes = await staticNodesOf(values, defaults, host, logger);
  const privateKey = await nodeKeyOf(parsed.flags, host);
  if (privateKey !== undefined) values.set("p2p.privateKey", privateKey);
  values.set("p2p.staticNodes", staticNodes);
  const isNamed = (name: "http" | "ws") =>
    parsed.settings.has(`${name}.on`) || parsed.settings.has(`${name}.host`);
  return guardEndpoints({ ...grouped(values), logger }, parsed.flags, isNamed, io);
}
