/**
 * eth: `Ethereum`, the service that owns a full chain: blocks, every state, the transactions it was handed, and dev or
 * clique sealing. Backend of the eth_ namespace (`ethapi`) and of `LesServer`.
 *
 * Not here yet: the eth protocol, sync, the pool of the network's transactions (`ProtocolManager`).
 */
export { makeEngine } from "./engine.ts";
export { EthError } from "./errors.ts";
export { Ethereum, type EthereumOptions } from "./ethereum.ts";
