import { defineErrors } from "#util";

/** Why a transaction or message cannot even start. A sealer drops, skips or keeps by it. */
export type RefusalKind =
  | "nonce-too-low"
  | "nonce-too-high"
  | "nonce-max"
  | "insufficient-funds"
  | "intrinsic-gas"
  | "gas-limit-reached"
  | "fee-cap-low"
  | "tip-above-cap"
  | "sender-not-eoa"
  | "init-code-size"
  | "tx-gas-cap"
  | "blob"
  | "authorization-list";

/** Texts are geth's (core/error.go, internal/ethapi/api.go@v1.11.6), because clients match on them. */
export const VmError = defineErrors("VM", {
  BAD_TRANSACTION: {
    message: (d: { kind: RefusalKind; reason: string }) => d.reason,
    blame: "caller",
    rpcCode: -32000,
  },
  REVERTED: {
    message: (d: { returnData: Uint8Array; reason: string | undefined }) =>
      d.reason === undefined ? "execution reverted" : `execution reverted: ${d.reason}`,
    blame: "caller",
    rpcCode: 3,
  },
  BAD_OVERRIDE: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  EXECUTION_FAILED: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  GAS_EXCEEDS_ALLOWANCE: {
    message: (d: { allowance: bigint }) => `gas required exceeds allowance (${d.allowance})`,
    blame: "caller",
    rpcCode: -32000,
  },
  TIMEOUT: {
    message: (d: { timeoutMs: number }) => `execution aborted (timeout = ${d.timeoutMs / 1000}s)`,
    blame: "caller",
    rpcCode: -32002,
  },
  /** RP-12: the memory of all frames of a call, or of the call and others that run. */
  MEMORY: {
    message: (d: { mebibytes: number }) => `execution aborted (memory limit = ${d.mebibytes} MiB)`,
    blame: "caller",
    rpcCode: -32003,
  },
  TRACE_TOO_LARGE: {
    message: (d: { max: number }) =>
      `the trace is larger than ${d.max} bytes; trace less (disableStack, limit)`,
    blame: "caller",
    rpcCode: -32003,
  },
  BAD_BLOCK: { message: (d: { reason: string }) => d.reason, blame: "peer" },
  FINISHED: { message: () => "the block is finished", blame: "bug" },
  UNSUPPORTED: {
    message: (d: { what: string }) => `not supported: ${d.what}`,
    blame: "environment",
    rpcCode: -32000,
  },
});
