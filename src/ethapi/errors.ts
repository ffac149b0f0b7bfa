import { defineErrors } from "#util";

/**
 * What the tables themselves refuse. rpcCode is what the client sees; texts are geth's where geth has one
 * (internal/ethapi/api.go, eth/api_backend.go, eth/filters/api.go @v1.17.5).
 */
export const EthApiError = defineErrors("ETHAPI", {
  INVALID: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32602 },
  FAILED: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  NOT_FOUND: { message: (d: { what: string }) => `${d.what} not found`, blame: "caller", rpcCode: -32000 },
  TIMEOUT: {
    message: (d: { what: string; ms: number }) => `${d.what} aborted (timeout = ${d.ms / 1000}s)`,
    blame: "caller",
    rpcCode: -32002,
  },
  TOO_MUCH: {
    message: (d: { what: string; got: number | bigint; max: number | bigint }) =>
      `${d.what}: ${d.got} exceeds ${d.max}`,
    blame: "caller",
    rpcCode: -32602,
  },
  BUSY: {
    message: (d: { queue: number }) => `too many calls are waiting (${d.queue}), try again later`,
    blame: "environment",
    rpcCode: -32005,
  },
  TOO_HEAVY: {
    message: (d: { mostBytes: number }) =>
      `calls that run or wait bring too much data and code along (${d.mostBytes / 1024 / 1024} MiB), try again later`,
    blame: "environment",
    rpcCode: -32005,
  },
});
