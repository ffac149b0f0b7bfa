import { defineErrors, type GlimError } from "#util";

/** What can go wrong before the first message. */
export const RpcSetupError = defineErrors("RPC", {
  LISTEN_FAILED: {
    message: (d: { endpoint: string; why: string }) => `cannot listen on ${d.endpoint}: ${d.why}`,
    blame: "environment",
    exitCode: 6,
  },
  IPC_TAKEN: {
    message: (d: { path: string }) => `IPC endpoint ${d.path} is in use by another process`,
    blame: "environment",
    exitCode: 3,
  },
  IPC_REFUSED: {
    message: (d: { path: string; why: string }) => `IPC endpoint ${d.path} refused: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  BAD_ENDPOINT: {
    message: (d: { endpoint: string; why: string }) => `bad RPC endpoint: ${d.why}`,
    blame: "caller",
    exitCode: 2,
  },
});

const REASONS: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "address already in use"],
  ["EACCES", "permission denied"],
  ["EADDRNOTAVAIL", "no such address on this machine"],
  ["ENOTFOUND", "unknown host name"],
]);

/** The operating system's refusal, in words, with the endpoint it was about. */
export function listenFailed(endpoint: string, cause: NodeJS.ErrnoException): GlimError {
  const why = REASONS.get(cause.code ?? "") ?? cause.code ?? cause.message;
  return RpcSetupError("LISTEN_FAILED", { endpoint, why }, { cause });
}
