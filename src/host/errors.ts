import { defineErrors } from "#util";

export const HostError = defineErrors("HOST", {
  LOCKED: {
    message: (d: { folder: string; pid?: number | undefined }) =>
      `datadir already used by another process${d.pid === undefined ? "" : ` (pid ${d.pid})`}`,
    blame: "environment",
    exitCode: 3,
  },
  DIAL_FAILED: {
    message: (d: { endpoint: string; why: string }) => `cannot connect to ${d.endpoint}: ${d.why}`,
    blame: "network",
  },
  DIAL_TIMEOUT: {
    message: (d: { endpoint: string; timeoutMs: number }) =>
      `no connection to ${d.endpoint} within ${d.timeoutMs} ms`,
    blame: "network",
  },
  LOOKUP_FAILED: {
    message: (d: { name: string; why: string }) => `cannot look up ${d.name}: ${d.why}`,
    blame: "network",
  },
  HTTP_FAILED: {
    message: (d: { url: string; why: string }) => `no answer from ${d.url}: ${d.why}`,
    blame: "network",
  },
  LISTEN_FAILED: {
    message: (d: { endpoint: string; why: string }) => `cannot listen on ${d.endpoint}: ${d.why}`,
    blame: "environment",
    exitCode: 6,
  },
});
