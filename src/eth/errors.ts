import { defineErrors } from "#util";

const refused = { blame: "peer", rpcCode: -32000 } as const;

/** Texts of refused transactions are geth's (core/txpool/errors.go@v1.11.6): clients match on them. */
export const EthError = defineErrors("ETH", {
  NOT_STARTED: { message: () => "the Ethereum service is not started", blame: "caller" },
  NEEDS_CLIQUE: {
    message: () => "sealing needs a genesis with a clique configuration",
    blame: "caller",
    exitCode: 2,
  },
  ALREADY_KNOWN: { message: () => "already known", ...refused },
  OVERSIZED: { message: () => "oversized data", ...refused },
  INVALID_SENDER: { message: () => "invalid sender", ...refused },
  TYPE_NOT_SUPPORTED: { message: () => "transaction type not supported", ...refused },
  GAS_LIMIT: { message: () => "exceeds block gas limit", ...refused },
  TIP_ABOVE_FEE_CAP: { message: () => "max priority fee per gas higher than max fee per gas", ...refused },
  UNDERPRICED: { message: () => "transaction underpriced", ...refused },
  REPLACEMENT_UNDERPRICED: { message: () => "replacement transaction underpriced", ...refused },
  NONCE_TOO_LOW: {
    message: (d: { next: bigint; nonce: bigint }) =>
      `nonce too low: next nonce ${d.next}, tx nonce ${d.nonce}`,
    ...refused,
  },
  NONCE_TOO_FAR: {
    message: (d: { next: bigint; nonce: bigint }) =>
      `nonce too high: next nonce ${d.next}, tx nonce ${d.nonce}`,
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
  POOL_FULL: { message: () => "txpool is full", ...refused },
});
