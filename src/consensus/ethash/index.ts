/*
 * ethash: proof of work, verified and not mined.
 *
 * `Ethash` is an Engine: difficulty of every fork with its bomb delays, uncles, the DAO fork's extra-data, and the
 * seal, which a `SealChecker` computes from the epoch's cache (16 MB and up, seconds to make; then milliseconds a
 * header). `workerSealChecker` does that in a thread of its own; `checkSeals` asks it ahead, so that judging a header
 * afterwards is a look-up. A header nobody asked about ahead is checked on the spot.
 *
 * Not here: mining and the dataset, block rewards (#core/vm), the rules after the merge (#consensus/beacon).
 */
export { cacheSize, datasetSize, hashimotoLight, makeCache, seedHash } from "./algorithm.ts";
export { difficultyAt } from "./difficulty.ts";
export { EthashError } from "./errors.ts";
export { Ethash, type EthashOptions } from "./ethash.ts";
export { limits } from "./limits.ts";
export { localSealChecker, type Seal, type SealChecker, sealHash, sealOf } from "./seal.ts";
export { workerSealChecker } from "./worker-checker.ts";
