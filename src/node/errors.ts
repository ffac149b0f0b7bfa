import { defineErrors } from "#util";

/** One thing wrong with a config: where, and what. */
export interface ConfigProblem {
  /** `http.port`, `p2p.maxPeers`. */
  readonly path: string;
  /** The command-line flag that sets it, if there is one. */
  readonly flag: string | undefined;
  readonly why: string;
}

/** All problems of a config at once; code CONFIG_INVALID, exit 2. */
export const ConfigError = defineErrors("CONFIG", {
  INVALID: {
    message: (d: { problems: readonly ConfigProblem[] }) => d.problems.map((one) => one.why).join("\n"),
    blame: "environment",
    exitCode: 2,
  },
});

/** Texts that geth has are geth's (node/errors.go:26-65@v1.8.27). */
export const NodeError = defineErrors("NODE", {
  RUNNING: { message: () => "node already running", blame: "caller" },
  NOT_STARTED: { message: () => "node not started", blame: "caller" },
  UNKNOWN_SERVICE: { message: () => "unknown service", blame: "caller" },
  DUPLICATE_SERVICE: { message: (d: { name: string }) => `duplicate service: ${d.name}`, blame: "caller" },
  DUPLICATE_METHOD: {
    message: (d: { name: string }) => `RPC method registered twice: ${d.name}`,
    blame: "caller",
  },
  DATADIR_USED: {
    /** The cause, HOST_LOCKED, knows the holder's pid. */
    message: () => "datadir already used by another process",
    blame: "environment",
    exitCode: 3,
  },
  DATADIR_UNUSABLE: {
    message: (d: { folder: string; why: string }) => `data directory ${d.folder} cannot be used: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  DISK_FULL: {
    message: (d: { path: string; freeMb: number; minFreeMb: number }) =>
      `${d.freeMb} MB are free on the disk of ${d.path}, at least ${d.minFreeMb} are needed (--datadir.minfreedisk)`,
    blame: "environment",
    exitCode: 5,
  },
  BAD_NODE_KEY: {
    message: (d: { path: string; why: string }) =>
      `node key ${d.path} cannot be read (${d.why}); repair it, or move it away to get a new identity`,
    blame: "environment",
    exitCode: 2,
  },
  FILE_REFUSED: { message: (d: { why: string }) => d.why, blame: "caller", rpcCode: -32000 },
  PROFILING: { message: (d: { why: string }) => d.why, blame: "caller", rpcCode: -32000 },
  STOPPED_WHILE_STARTING: { message: () => "node stopped while starting", blame: "caller" },
  STOP_FAILED: {
    message: (d: { failures: readonly { part: string; error: unknown }[] }) =>
      d.failures
        .map(({ part, error }) => `${part}: ${error instanceof Error ? error.message : String(error)}`)
        .join("; "),
    blame: "environment",
  },
});
