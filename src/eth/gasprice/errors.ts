import { defineErrors } from "#util";

/** What a fee question can be refused for. Texts: geth eth/gasprice/feehistory.go:38,250-261@v1.17.5. */
export const GasPriceError = defineErrors("GASPRICE", {
  PERCENTILE: {
    message: (d: { reason: string }) => `invalid reward percentile: ${d.reason}`,
    blame: "caller",
    rpcCode: -32000,
  },
  BEYOND_HEAD: {
    message: (d: { requested: number | bigint; head: number }) =>
      `request beyond head block: requested ${d.requested}, head ${d.head}`,
    blame: "caller",
    rpcCode: -32000,
  },
});
