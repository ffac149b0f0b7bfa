/** EIP-170: deployed code, bytes. */
export const MAX_CODE_SIZE = 24_576;
/** EIP-3860: code of a creation, bytes. */
export const MAX_INIT_CODE_SIZE = 2 * MAX_CODE_SIZE;
/** Header `extra` outside clique, bytes (geth params.MaximumExtraDataSize). */
export const MAX_EXTRA_SIZE = 32;
/** Lowest block gas limit (geth params.MinGasLimit). */
export const MIN_GAS_LIMIT = 5000n;
/** A block's gas limit differs from its parent's by less than parent ÷ this (geth params.GasLimitBoundDivisor). */
export const GAS_LIMIT_BOUND_DIVISOR = 1024n;
/** Base fee of the first London block, wei (EIP-1559). */
export const INITIAL_BASE_FEE = 1_000_000_000n;
/** EIP-1559: gas target = limit ÷ this. */
export const ELASTICITY_MULTIPLIER = 2n;
/** EIP-1559: the base fee moves by at most 1 ÷ this a block. */
export const BASE_FEE_CHANGE_DENOMINATOR = 8n;
/** EIP-7825: most gas of one transaction from Osaka on. */
export const MAX_TX_GAS = 16_777_216n;
