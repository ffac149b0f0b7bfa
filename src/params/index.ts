/**
 * params: which rules hold when, and what a chain begins with. Plain data and pure functions.
 *
 * `ChainConfig` and `Genesis` are geth's, read by `parseGenesis` and written by `formatGenesis`; `rulesAt` says which
 * fork is in force at a block; `devGenesis` makes a clique chain for development. Numbers of the protocol that more than
 * one room needs stand in limits.ts.
 *
 * Not here: the genesis block and its hash (`#core/state`), gas prices of opcodes (`#core/vm`), the fork id (`#core/forkid`).
 */
export { blobBaseFee, blobScheduleAt, GAS_PER_BLOB } from "./blobs.ts";
export { mainnetBootnodes, sepoliaBootnodes, v5Bootnodes } from "./bootnodes.ts";
export { type BlobSchedule, type ChainConfig, checkForkOrder, type CliqueConfig, FORKS } from "./config.ts";
export { DEV_ADDRESS, DEV_KEY, devForks, devGenesis, type DevGenesisOptions } from "./dev-genesis.ts";
export { ParamsError } from "./errors.ts";
export { formatChainConfig, formatGenesis } from "./format-genesis.ts";
export type { Genesis, GenesisAccount } from "./genesis.ts";
export {
  BASE_FEE_CHANGE_DENOMINATOR,
  ELASTICITY_MULTIPLIER,
  GAS_LIMIT_BOUND_DIVISOR,
  INITIAL_BASE_FEE,
  MAX_CODE_SIZE,
  MAX_EXTRA_SIZE,
  MAX_INIT_CODE_SIZE,
  MAX_TX_GAS,
  MIN_GAS_LIMIT,
} from "./limits.ts";
export {
  DEFAULT_BLOB_SCHEDULE,
  mainnetConfig,
  mainnetGenesisHash,
  sepoliaConfig,
  sepoliaGenesisHash,
} from "./networks.ts";
export { headerNonce, parseChainConfig, parseGenesis } from "./parse-genesis.ts";
export { type BlockPlace, type Fork, isClique, type Rules, rulesAt } from "./rules.ts";
