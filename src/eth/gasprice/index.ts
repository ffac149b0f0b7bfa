/**
 * eth/gasprice: what a transaction should pay: eth_gasPrice, eth_maxPriorityFeePerGas and eth_feeHistory from recent blocks.
 *
 * It reads headers, bodies and receipts through a backend that it declares (`ethapi`'s Backend fits), keeps a small bounded
 * cache keyed by the head's hash, and knows nothing of pools or peers. Sampling and defaults are geth's
 * (eth/gasprice/gasprice.go, feehistory.go @v1.11.6).
 */
export type { FeeHistory, GasPriceBackend, GasPriceConfig } from "./gasprice.ts";
export { GasPriceOracle } from "./gasprice.ts";
