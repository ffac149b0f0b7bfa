/**
 * node: the container of services, the seed's `Node` and `Config`. Services in registration order over one p2p server, one locked
 * data directory and one set of RPC endpoints; all-or-nothing start, reverse stop; admin_, net_, web3_ and rpc_modules.
 *
 *   new Node(config) → register(ctor) … → start() → running → stop() → stopped (start again is fine)
 *
 * A service is any object with `protocols`, `apis`, `start(server)` and `stop()`. Options are rows of `configTable`, which
 * the CLI turns into flags. Is not: a chain, a process (no signal handlers, no exit).
 */
export type { Config, HttpConfig, MetricsConfig, P2pConfig, ResolvedConfig, WsConfig } from "./config.ts";
export { parseConfig } from "./config.ts";
export { configTable } from "./config-table.ts";
export { DiskWatch, type DiskWatchOptions } from "./disk-watch.ts";
export { ConfigError, type ConfigProblem, NodeError } from "./errors.ts";
export { openInstanceDir } from "./instance-dir.ts";
export { meterHeads } from "./collected.ts";
export { loadNodeList } from "./node-lists.ts";
export { Node, type NodeOptions } from "./node.ts";
export type { Health, Vitals } from "./vitals.ts";
export { defaultDataDir, defaultIpcEndpoint } from "./paths.ts";
export type {
  DatabaseOptions,
  Service,
  ServiceClass,
  ServiceConstructor,
  ServiceContext,
} from "./service.ts";
