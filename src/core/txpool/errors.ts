import { defineErrors } from "#util";

const refused = { blame: "peer", rpcCode: -32000 } as const;

/** Why a transaction is not taken. Texts are geth's (core/txpool/errors.go@v1.11.6): clients match on them. */
export const TxPoolError = defineErrors("TXPOOL", {
  ALREADY_KNOWN: { message: () => "already known", ...refused },
  OVERSIZED: { message: () => "oversized data", ...refused },
  INVALID_SENDER: { message: () => "invalid sender", ...refused },
  /** EIP-3607; geth says so when a block is made (core/error.go@v1.11.6). */
  SENDER_NO_EOA: { message: () => "sender not an eoa", ...refused },
  TYPE_NOT_SUPPORTED: { message: () => "transaction type not supported", ...refused },
  GAS_LIMIT: { message: () => "exceeds block gas limit", ...refused },
  GAS_ABOVE_CAP: {
    message: (d: { have: bigint; max: bigint }) =>
      `transaction gas limit too high (cap: ${d.max}, tx: ${d.have})`,
    ...refused,
  },
  NO_AUTHORIZATIONS: { message: () => "set code tx must have at least one authorization tuple", ...refused },
  // of accounts with code and those who signed a waiting authorization (core/txpool/errors.go@v1.15.11)
  DELEGATED_IN_FLIGHT: {
    message: () => "in-flight transaction limit reached for delegated accounts",
    ...refused,
  },
  DELEGATED_GAPPED: { message: () => "gapped-nonce tx from delegated accounts", ...refused },
  AUTHORITY_RESERVED: { message: () => "authority already reserved", ...refused },
  TIP_ABOVE_FEE_CAP: { message: () => "max priority fee per gas higher than max fee per gas", ...refused },
  UNDERPRICED: { message: () => "transaction underpriced", ...refused },
  REPLACEMENT_UNDERPRICED: { message: () => "replacement transaction underpriced", ...refused },
  FUTURE_REPLACES_PENDING: { message: () => "future transaction tries to replace pending", ...refused },
  NONCE_TOO_LOW: {
    message: (d: { next: bigint; nonce: bigint }) =>
      `nonce too low: next nonce ${d.next}, tx nonce ${d.nonce}`,
    ...refused,
  },
  INSUFFICIENT_FUNDS: {
    message: (d: { have: bigint; want: bigint }) =>
      `insufficient funds for gas * price + value: balance ${d.have}, tx cost ${d.want}`,
    ...refused,
  },
  INTRINSIC_GAS: {
    message: (d: { have: bigint; want: bigint }) => `intrinsic gas too low: have ${d.have}, want ${d.want}`,
    ...refused,
  },
  INIT_CODE_SIZE: {
    message: (d: { have: number; max: number }) =>
      `max initcode size exceeded: code size ${d.have}, limit ${d.max}`,
    ...refused,
  },
  NONCE_MAX: { message: () => "nonce has max value", ...refused },
  POOL_FULL: { message: () => "txpool is full", ...refused },
  ACCOUNT_LIMIT: { message: () => "account limit exceeded", ...refused },
});
