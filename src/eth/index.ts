/**
 * eth: `Ethereum`, the service that owns a full chain: blocks, every state, the transaction pool, dev or clique sealing, and
 * `ProtocolManager`, its side of the network: peers, sync, gossip. Backend of the eth_ namespace (`ethapi`) and of `LesServer`.
 *
 * Not here: one connection (#eth/protocols), how to synchronise (#eth/downloader), what is announced (#eth/fetcher), the pool's
 * rules (#core/txpool).
 */
export { admitFakePow, makeEngine } from "./engine.ts";
export { EthError } from "./errors.ts";
export { Ethereum, type EthereumOptions } from "./ethereum.ts";
export type { ManagedPool, ProtocolManagerOptions } from "./protocol-manager/options.ts";
export { ProtocolManager } from "./protocol-manager/protocol-manager.ts";
