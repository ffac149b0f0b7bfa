import { isAbsolute, resolve } from "node:path";
import { type OptionRow, wantedInstead } from "#config";
import { parseEnode } from "#enode";
import { type Logger, silentLogger } from "#log";
import type { ServerConfig } from "#p2p";
import { configTable } from "./config-table.ts";
import { ConfigError, type ConfigProblem } from "./errors.ts";
import {
  identifierOf,
  instanceNameOf,
  ipcEndpointOf,
  keyStoreDirOf,
  type Machine,
  thisMachine,
} from "./paths.ts";

/** `p2p` part of a config: what Server takes, less what the node fills in. */
export type P2pConfig = Omit<ServerConfig, "name" | "privateKey" | "nodeStore"> & {
  readonly privateKey?: Uint8Array | undefined;
  /** Folder that remembers nodes; "" or left out: `nodes` in the instance directory, in memory for an ephemeral node. */
  readonly nodeDatabase?: string | undefined;
};

/** HTTP endpoint; the group being there turns it on, at 127.0.0.1 unless `host` says otherwise ("" turns it off). */
export interface HttpConfig {
  readonly host?: string | undefined;
  /** 0, the default, takes a free port. */
  readonly port?: number | undefined;
  readonly cors?: readonly string[] | undefined;
  readonly vhosts?: readonly string[] | undefined;
  readonly modules?: readonly string[] | undefined;
}

/** WebSocket endpoint; without `port` it shares the port of HTTP. */
export interface WsConfig {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly origins?: readonly string[] | undefined;
  readonly modules?: readonly string[] | undefined;
  readonly exposeAll?: boolean | undefined;
}

/** Where figures are served; the group being there turns counting on, at 127.0.0.1 unless `host` says otherwise. */
export interface MetricsConfig {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** CPU profiles and heap snapshots on request; only on a loopback address. */
  readonly profile?: boolean | undefined;
}

/**
 * Configures a Node: the seed's Config in camelCase. The grouped form (`http: { host, port, … }`) is the one to use; the
 * seed's flat names (`httpHost`, …) mean the same and may be used instead, not beside it. Every option, with its default,
 * flag and meaning, is a row of `configTable`.
 */
export interface Config {
  readonly name?: string | undefined;
  readonly userIdent?: string | undefined;
  readonly version?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly minFreeDiskMb?: number | undefined;
  readonly p2p?: P2pConfig | undefined;
  readonly keyStoreDir?: string | undefined;
  readonly useLightweightKdf?: boolean | undefined;
  /** Lets accounts be unlocked although HTTP or WebSocket is open. */
  readonly insecureUnlockAllowed?: boolean | undefined;
  /** Lets personal_ be called over HTTP and WebSocket where it is listed (RP-18). */
  readonly enablePersonal?: boolean | undefined;
  /** Looks for hardware wallets; `noUsb` has the last word. */
  readonly usb?: boolean | undefined;
  readonly noUsb?: boolean | undefined;
  readonly ipcPath?: string | undefined;
  readonly networkId?: bigint | number | undefined;
  readonly http?: HttpConfig | undefined;
  readonly ws?: WsConfig | undefined;
  readonly metrics?: MetricsConfig | undefined;
  readonly logger?: Logger | undefined;
  readonly httpHost?: string | undefined;
  readonly httpPort?: number | undefined;
  readonly httpCors?: readonly string[] | undefined;
  readonly httpVirtualHosts?: readonly string[] | undefined;
  readonly httpModules?: readonly string[] | undefined;
  readonly wsHost?: string | undefined;
  readonly wsPort?: number | undefined;
  readonly wsOrigins?: readonly string[] | undefined;
  readonly wsModules?: readonly string[] | undefined;
  readonly wsExposeAll?: boolean | undefined;
  readonly useLightweightKDF?: boolean | undefined;
  readonly noUSB?: boolean | undefined;
}

/** A config with every default filled in and every path absolute. Frozen. */
export interface ResolvedConfig {
  /** As given; "" if none was. */
  readonly name: string;
  /** Never empty: folder in the data directory. */
  readonly instanceName: string;
  /** Client name: hello, admin_nodeInfo, web3_clientVersion. */
  readonly identifier: string;
  readonly userIdent: string;
  readonly version: string;
  /** Absolute; "" = ephemeral. */
  readonly dataDir: string;
  /** 0 = not watched. */
  readonly minFreeDiskMb: number;
  readonly p2p: P2pConfig;
  /** Absolute; undefined for an ephemeral node without one. */
  readonly keyStoreDir: string | undefined;
  readonly useLightweightKdf: boolean;
  readonly insecureUnlockAllowed: boolean;
  readonly enablePersonal: boolean;
  readonly usb: boolean;
  readonly noUsb: boolean;
  /** Socket path or pipe name; "" = IPC off. */
  readonly ipcEndpoint: string;
  readonly networkId: bigint | undefined;
  /** `host` "" = off. */
  readonly http: Required<{ [K in keyof HttpConfig]: NonNullable<HttpConfig[K]> }>;
  /** `host` "" = off; `port` undefined = shared with HTTP. */
  readonly ws: Omit<Required<{ [K in keyof WsConfig]: NonNullable<WsConfig[K]> }>, "port"> & {
    readonly port: number | undefined;
  };
  /** `host` "" = nothing is counted. */
  readonly metrics: Required<{ [K in keyof MetricsConfig]: NonNullable<MetricsConfig[K]> }>;
  readonly logger: Logger;
}

const LOOPBACK = "127.0.0.1";
const GROUPS: ReadonlySet<string> = new Set(["http", "ws", "p2p", "metrics"]);

/** Values by path, as given, and what was wrong on the way. */
interface Reading {
  readonly values: Map<string, unknown>;
  readonly problems: ConfigProblem[];
}

const rows: readonly OptionRow[] = configTable;
const byPath = new Map(rows.map((row) => [row.path, row]));
const bySeedName = new Map(rows.flatMap((row) => (row.seed === undefined ? [] : [[row.seed, row] as const])));

/**
 * Checks a config whole and fills it in.
 * @throws CONFIG_INVALID with every problem: unknown names (ND-03), wrong types, bad values, each with its place and flag
 */
export function parseConfig(config: Config, machine: Machine = thisMachine()): ResolvedConfig {
  const reading: Reading = { values: new Map(), problems: [] };
  collect(config, reading);
  for (const [path, value] of reading.values) {
    const row = byPath.get(path);
    if (row !== undefined) checkValue(row, value, reading.problems);
  }
  checkName(reading);
  checkProfile(reading);
  if (reading.problems.length > 0) throw ConfigError("INVALID", { problems: reading.problems });
  return Object.freeze(resolveConfig(config, reading.values, machine));
}

function collect(config: Config, reading: Reading): void {
  for (const [key, value] of Object.entries(config)) {
    if (value === undefined || key === "logger") continue;
    const seed = bySeedName.get(key);
    if (seed !== undefined) put(seed, value, reading);
    else if (GROUPS.has(key)) collectGroup(key, value, config, reading);
    else {
      const row = byPath.get(key);
      if (row === undefined)
        reading.problems.push({ path: key, flag: undefined, why: `unknown option ${key}` });
      else put(row, value, reading);
    }
  }
}

function collectGroup(group: string, value: unknown, config: Config, reading: Reading): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    reading.problems.push({ path: group, flag: undefined, why: `${group}: want an object` });
    return;
  }
  if (group !== "p2p" && (!("host" in value) || value.host === undefined)) {
    const beside = group === "ws" ? (config.http?.host ?? config.httpHost ?? "") : "";
    put(byPath.get(`${group}.host`), beside === "" ? LOOPBACK : beside, reading);
  }
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const row = byPath.get(`${group}.${name}`);
    if (row === undefined)
      reading.problems.push({
        path: `${group}.${name}`,
        flag: undefined,
        why: `unknown option ${group}.${name}`,
      });
    else put(row, member, reading);
  }
}

function put(row: OptionRow | undefined, value: unknown, { values, problems }: Reading): void {
  if (row === undefined) return;
  if (values.has(row.path)) {
    problems.push({
      path: row.path,
      flag: row.flag,
      why: `${row.path} is given twice: as ${row.path} and as ${row.seed ?? row.path}`,
    });
  }
  values.set(row.path, value);
}

const NODE_LISTS: ReadonlySet<string> = new Set(["p2p.staticNodes", "p2p.trustedNodes"]);

function checkValue(row: OptionRow, value: unknown, problems: ConfigProblem[]): void {
  const { path, flag } = row;
  if (NODE_LISTS.has(path)) {
    checkNodes(path, value, problems);
    return;
  }
  const wanted = wantedInstead(row, value);
  if (wanted !== undefined)
    problems.push({ path, flag, why: `${path}${flag === undefined ? "" : ` (--${flag})`}: want ${wanted}` });
}

function checkNodes(path: string, value: unknown, problems: ConfigProblem[]): void {
  if (!Array.isArray(value)) {
    problems.push({ path, flag: undefined, why: `${path}: want a list of enode URLs` });
    return;
  }
  for (const [index, one] of value.entries()) {
    if (typeof one === "object" && one !== null && "publicKey" in one) continue; // an Enode: checked when it was made
    try {
      parseEnode(String(one));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push({
        path: `${path}[${index}]`,
        flag: undefined,
        why: `${path}[${index}]: invalid enode: ${why}`,
      });
    }
  }
}

function checkName({ values, problems }: Reading): void {
  const name = values.get("name");
  if (typeof name !== "string") return;
  const complain = (why: string) => problems.push({ path: "name", flag: undefined, why });
  if (/[/\\]/.test(name)) complain("Config.Name must not contain '/' or '\\'");
  else if (name === "keystore") complain('Config.Name cannot be "keystore"');
  else if (name.endsWith(".ipc")) complain('Config.Name cannot end in ".ipc"');
  else if (name === "." || name === "..") complain(`Config.Name cannot be "${name}"`);
}

/** 0 handshakes or a ratio of 0 mean the default (seed-behaviour §4.1). */
function p2pOf({ maxPendingPeers, dialRatio, ...p2p }: P2pConfig = {}): P2pConfig {
  return {
    ...p2p,
    ...(maxPendingPeers === undefined || maxPendingPeers === 0 ? {} : { maxPendingPeers }),
    ...(dialRatio === undefined || dialRatio === 0 ? {} : { dialRatio }),
  };
}

const isLoopback = (host: unknown) =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(String(host));

/** A profile shows what a process does, a heap snapshot all it knows: neither leaves this machine by itself. */
function checkProfile({ values, problems }: Reading): void {
  if (values.get("metrics.profile") !== true || isLoopback(values.get("metrics.host"))) return;
  const why = "metrics.profile (--pprof): profiles are served on a loopback address only";
  problems.push({ path: "metrics.profile", flag: "pprof", why });
}

function resolveConfig(
  config: Config,
  values: ReadonlyMap<string, unknown>,
  machine: Machine,
): ResolvedConfig {
  // as: each value was checked against its row's kind
  const get = <T>(path: string) => (values.has(path) ? values.get(path) : byPath.get(path)?.default) as T;
  const given = get<string>("dataDir");
  const dataDir = given === "" || isAbsolute(given) ? given : resolve(machine.cwd, given);
  const instanceName = instanceNameOf(get("name"), machine);
  const names = { instanceName, userIdent: get<string>("userIdent"), version: get<string>("version") };
  const networkId = get<bigint | number | undefined>("networkId");
  return {
    name: get("name"),
    ...names,
    identifier: identifierOf(names, machine),
    dataDir,
    minFreeDiskMb: get("minFreeDiskMb"),
    p2p: Object.freeze(p2pOf(config.p2p)),
    keyStoreDir: keyStoreDirOf(get("keyStoreDir"), dataDir, machine.cwd),
    useLightweightKdf: get("useLightweightKdf"),
    insecureUnlockAllowed: get("insecureUnlockAllowed"),
    enablePersonal: get("enablePersonal"),
    usb: get("usb"),
    noUsb: get("noUsb"),
    ipcEndpoint: ipcEndpointOf(get("ipcPath"), dataDir, machine),
    networkId: networkId === undefined ? undefined : BigInt(networkId),
    http: Object.freeze({
      host: get<string>("http.host"),
      port: get<number>("http.port"),
      cors: get<readonly string[]>("http.cors"),
      vhosts: get<readonly string[]>("http.vhosts"),
      modules: get<readonly string[]>("http.modules"),
    }),
    ws: Object.freeze({
      host: get<string>("ws.host"),
      port: get<number | undefined>("ws.port"),
      origins: get<readonly string[]>("ws.origins"),
      modules: get<readonly string[]>("ws.modules"),
      exposeAll: get<boolean>("ws.exposeAll"),
    }),
    metrics: Object.freeze({
      host: get<string>("metrics.host"),
      port: get<number>("metrics.port"),
      profile: get<boolean>("metrics.profile"),
    }),
    logger: config.logger ?? silentLogger,
  };
}
