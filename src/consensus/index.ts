/*
 * consensus: what an engine is, and the header rules all engines share.
 *
 * `core` verifies and builds chains through `Engine` and knows no other. The shared rules (links, time, gas
 * limit, EIP-1559 base fee, blob gas, fields of forks) are plain functions that an engine calls. `devEngine` has no
 * seal: for chains of one process only.
 *
 * Not here: clique, ethash, the rules after the merge (#consensus/clique, /ethash, /beacon), fork choice (#core), execution (#core/vm).
 */
export { nextExcessBlobGas, verifyBlobGas } from "./blob-gas.ts";
export { devEngine } from "./dev.ts";
export type { BlockReader, Engine, HeaderReader, Signer, VerifyOptions } from "./engine.ts";
export { ConsensusError } from "./errors.ts";
export { checkRequired, requireBlocks, type RequiredBlocks } from "./required.ts";
export { limits } from "./limits.ts";
export {
  type GasFields,
  nextBaseFee,
  nextGasLimit,
  verifyForkFields,
  verifyGas,
  verifyLink,
  verifyTime,
} from "./rules.ts";
export { sealedFields } from "./seal-fields.ts";
