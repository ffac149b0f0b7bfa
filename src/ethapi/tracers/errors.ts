import { defineErrors } from "#util";

export const TracerError = defineErrors("TRACER", {
  UNKNOWN: {
    message: (d: { name: string }) =>
      `tracer not found: ${JSON.stringify(d.name)} is none of geth's names that are known here, and no JavaScript object`,
    blame: "caller",
    rpcCode: -32000,
  },
  SCRIPTS_OFF: {
    message: () =>
      "JavaScript tracers run for callers over IPC and in process; over HTTP and WebSocket only with --rpc.jstracers",
    blame: "caller",
    rpcCode: -32000,
  },
  BAD_CONFIG: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  SCRIPT: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  SCRIPT_TIMEOUT: {
    message: (d: { ms: number }) => `execution timeout: the tracer ran longer than ${d.ms / 1000}s`,
    blame: "caller",
    rpcCode: -32002,
  },
  SCRIPT_DIED: {
    message: () => "the tracer used more memory than it may have, or its process ended otherwise",
    blame: "caller",
    rpcCode: -32003,
  },
});
