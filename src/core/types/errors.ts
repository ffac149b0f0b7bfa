import { defineErrors } from "#util";

/** Values that are well-formed RLP and still no transaction, receipt or header. */
export const TypesError = defineErrors("TYPES", {
  TX_TYPE: {
    message: (d: { type: number }) => `transaction type not supported: ${d.type}`,
    blame: "peer",
    disconnect: 0x02,
    rpcCode: -32000,
  },
  TX_EMPTY: {
    message: () => "typed transaction too short",
    blame: "peer",
    disconnect: 0x02,
    rpcCode: -32000,
  },
  BAD_SIGNATURE: {
    message: () => "invalid transaction v, r, s values",
    blame: "peer",
    disconnect: 0x02,
    rpcCode: -32000,
  },
  INVALID: { message: (d: { reason: string }) => d.reason, blame: "peer", rpcCode: -32000 },
  CHAIN_ID: {
    message: (d: { have: bigint; want: bigint }) =>
      `invalid chain id for signer: have ${d.have} want ${d.want}`,
    blame: "peer",
    disconnect: 0x02,
    rpcCode: -32000,
  },
  RECEIPT: { message: (d: { reason: string }) => `receipt: ${d.reason}`, blame: "peer", disconnect: 0x02 },
  FEE_CAP_LOW: {
    message: (d: { cap: bigint; baseFee: bigint }) =>
      `max fee per gas less than block base fee: maxFeePerGas: ${d.cap}, baseFee: ${d.baseFee}`,
    blame: "caller",
    rpcCode: -32000,
  },
  FIELDS: {
    message: (d: { reason: string }) => `transaction: ${d.reason}`,
    blame: "caller",
    rpcCode: -32602,
  },
});
