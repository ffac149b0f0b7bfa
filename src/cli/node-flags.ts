import { configTable } from "#node";
import { accountOptions, endpointOptions, logOptions, metricsOptions, sourceOptions } from "./options.ts";

type Row = (typeof configTable)[number];

/** Rows of a node's options that a command line or a file can set: all but its name and what is code only. */
type GivenRow = Exclude<Row, { path: "name" | "version" } | { kind: "code" }>;

/** The same without the library's default: what holds where nothing is given is the command's business (node-settings.ts). */
type AskedRow<R> = R extends unknown ? Omit<R, "default"> & { readonly default: undefined } : never;

const isGiven = (row: Row): row is GivenRow =>
  row.path !== "name" && row.path !== "version" && row.kind !== "code";

/** Texts for help where a command's default is not a library's, which opens nothing unless told. */
const ON_A_COMMAND_LINE: Readonly<Record<string, string>> = {
  dataDir: "Folder for everything the node keeps; without it nothing is written to disk",
  "p2p.listenAddr": "TCP port for peers (default 30303); 0 takes a free one",
  "p2p.privateKey": "File with this node's private key, 64 hex digits",
  networkId: "Network id (default: chain id of the genesis)",
  minFreeDiskMb:
    "MB free on the data directory's disk below which the node stops, warned of at twice that; 0: never (default 1024)",
  "http.host": "Address HTTP listens on (default 127.0.0.1)",
  "http.port": "TCP port of HTTP (default 8545); 0 takes a free one",
  "http.modules": "Namespaces served over HTTP (default eth,net,web3, of a light node light)",
  "http.vhosts": "Host names accepted in requests, beside IP addresses (default localhost); * for all",
  "ws.host": "Address WebSocket listens on (default: that of HTTP)",
  "ws.port": "TCP port of WebSocket (default: shared with HTTP)",
  "ws.modules": "Namespaces served over WebSocket (default eth,net,web3, of a light node light)",
  ipcPath: "IPC socket (default glim.ipc); a bare name lies in the data directory",
};

function asked<R extends GivenRow>(row: R): AskedRow<R> {
  return {
    ...row,
    doc: ON_A_COMMAND_LINE[row.path] ?? row.doc,
    default: undefined,
  } as unknown as AskedRow<R>; // as: the row with two fields replaced
}

/** Options of a node as a command line and a configuration file have them. */
const nodeOptions: readonly AskedRow<GivenRow>[] = configTable
  .filter(isGiven)
  .map(asked) as readonly AskedRow<GivenRow>[]; // as: row by row

/** Options of every command that runs a node; names are geth's. */
export const nodeFlags = [
  ...sourceOptions,
  ...nodeOptions,
  ...accountOptions,
  ...endpointOptions,
  ...logOptions,
  ...metricsOptions,
] as const;

type AskedAt<P> = Extract<AskedRow<GivenRow>, { path: P }>;

/** The row of one option. */
export function optionAt<P extends GivenRow["path"]>(path: P): AskedAt<P> {
  const row = nodeOptions.find((one) => one.path === path);
  if (row === undefined) throw new TypeError(`no option ${path}`);
  return row as AskedAt<P>; // as: found by its path
}

/** Options of every command that works on a data directory and runs no node. */
export const chainFlags = [
  ...sourceOptions,
  optionAt("dataDir"),
  optionAt("minFreeDiskMb"),
  ...logOptions,
] as const;
