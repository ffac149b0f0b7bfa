/**
 * light/node: the light node as a service: a header chain, on-demand reads, own transactions, the eth_ and light_ namespaces over them.
 *
 * Heads and proofs come from a `LightSource` handed in by the constructor; this room knows none. `#les` has the preset with LES servers.
 * Not here: what proves an answer (`light`), RPC methods (`ethapi`), protocols.
 *
 *   constructed (protocols offered) → start: database, chain → syncing → synced ⇄ following → stop
 */
export { LightNodeError } from "./errors.ts";
export { LightEthereum, type LightEthereumOptions, type LightStatus } from "./light-ethereum.ts";
export type { LightSource, SourceFactory, SourceServer } from "./source.ts";
