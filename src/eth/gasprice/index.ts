/**
 * eth/gasprice: what a transaction should pay: eth_gasPrice, eth_maxPriorityFeePerGas and eth_feeHistory from recent blocks.
 *
 * It reads headers, bodies and receipts through a backend that it declares (`ethapi`'s Backend fits), keeps a small bounded
 * cache keyed by block hash, and knows nothing of pools or peers. Sampling and defaults are geth's
 * (eth/gasprice/gasprice.go, feehistory.go @v1.11.6, texts and caps @v1.17.5).
 */
export { baseFeeAfter, blobBaseFeeOf, nextExcessBlobGas } from "./base-fee.ts";
export { GasPriceError } from "./errors.ts";
export { effectiveTip } from "./fee-history.ts";
export {
  type FeeHistory,
  type GasPriceBackend,
  type GasPriceConfig,
  gasPriceDefaults,
  GasPriceOracle,
} from "./gasprice.ts";
