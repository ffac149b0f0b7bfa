/**
 * ethapi: what a node says over JSON-RPC about its chain: the `eth_` table, its filters and its subscriptions, over one
 * `Backend` that this room declares. Names, parameters, shapes and error texts are today's geth's (internal/ethapi,
 * eth/filters @v1.17.5), with totalDifficulty as long as chains have one.
 *
 * It is not a server (room `rpc`), not a node, and it knows nothing of les, databases or peers: a light node and a full
 * node differ only in the Backend they hand in. Calls run in `core/vm` on the backend's StateReader, which may be a network.
 *
 * Bounds: see limits.ts. Everything that lives (filters, idle timers) belongs to the EthApi object and ends with close().
 */
export type {
  AccountProof,
  Backend,
  CallContext,
  FoundTransaction,
  StorageProof,
  SyncProgress,
} from "./backend.ts";
export type {
  ChainControl,
  ChainFiles,
  CliqueControl,
  CliqueSnapshot,
  MinerControl,
  NodeControls,
  PoolContents,
} from "./controls.ts";
export { createEthApi, ethApi, type EthApi, type EthApiOptions } from "./eth-api.ts";
export { EthApiError } from "./errors.ts";
export { defaultLimits, type EthApiLimits } from "./limits.ts";
