import { defineErrors, type GlimError, type Hex, toHex } from "#util";

/** Errors of chains. A header that breaks a rule is CONSENSUS_* or the engine's own. */
export const CoreError = defineErrors("CORE", {
  GENESIS_MISMATCH: {
    message: (d: { have: Hex; want: Hex }) =>
      `database contains incompatible genesis (have ${d.have}, new ${d.want})`,
    blame: "environment",
    exitCode: 2,
  },
  CONFIG_MISMATCH: {
    message: (d: { fork: string; have: string; want: string; head: number }) =>
      `mismatching ${d.fork} in database (have ${d.have}, want ${d.want}) at head #${d.head}`,
    blame: "environment",
    exitCode: 2,
  },
  CORRUPT: {
    message: (d: { what: string }) => `the chain database is damaged: ${d.what}`,
    blame: "environment",
    exitCode: 4,
  },
  NO_CHAIN: {
    message: () => "this database holds no chain yet",
    blame: "environment",
    exitCode: 2,
  },
  SEGMENT_TOO_LONG: {
    message: (d: { count: number; max: number }) =>
      `${d.count} headers in one insert, at most ${d.max} are taken`,
    blame: "caller",
  },
  BODY_MISMATCH: {
    message: (d: { number: number; field: string }) =>
      `block #${d.number}: body does not match the header's ${d.field}`,
    blame: "peer",
    disconnect: 0x03,
  },
  EXECUTION_MISMATCH: {
    message: (d: { number: number; field: string; have: string; want: string }) =>
      `block #${d.number}: invalid ${d.field}: have ${d.have}, want ${d.want}`,
    blame: "peer",
    disconnect: 0x03,
  },
  EXECUTION_FAILED: {
    message: (d: { number: number; reason: string }) => `block #${d.number} cannot be executed: ${d.reason}`,
    blame: "peer",
    disconnect: 0x03,
  },
  ASIDE_FULL: {
    message: (d: { number: number; blocks: number; bytes: number }) =>
      `block #${d.number} is not kept: its side branch is behind the chain and would have more than ${d.blocks} blocks or ${d.bytes} bytes`,
    blame: "peer",
    disconnect: 0x03,
  },
  STATE_UNAVAILABLE: {
    // geth's words for a state that was pruned (triedb/hashdb/database.go NodeReader, trie/errors.go@v1.17.5)
    message: (d: { number: number; root: Hex }) =>
      `missing trie node ${d.root.slice(2)} (path ) state ${d.root} is not available, not found`,
    blame: "environment",
    rpcCode: -32000,
  },
  REEXEC: {
    // geth's words (eth/state_accessor.go:127@v1.17.5)
    message: (d: { most: number }) => `required historical state unavailable (reexec=${d.most})`,
    blame: "environment",
    rpcCode: -32000,
  },
  PIVOT_PASSED: {
    message: (d: { head: number }) => `fast sync is over: the head is #${d.head}`,
    blame: "caller",
  },
  UNKNOWN_BLOCK: { message: (d: { number: number }) => `block #${d.number} is not known`, blame: "caller" },
  IMPORT_TRUNCATED: {
    message: (d: { offset: number }) => `the file ends inside the block that begins at byte ${d.offset}`,
    blame: "environment",
    exitCode: 2,
  },
  IMPORT_MALFORMED: {
    message: (d: { offset: number }) => `no block begins at byte ${d.offset}`,
    blame: "environment",
    exitCode: 2,
  },
  IMPORT_TOO_LARGE: {
    message: (d: { offset: number; size: number; max: number }) =>
      `the block at byte ${d.offset} has ${d.size} bytes, more than ${d.max}`,
    blame: "environment",
    exitCode: 2,
  },
});

export const stateUnavailable = (header: {
  readonly number: number;
  readonly stateRoot: Uint8Array;
}): GlimError => CoreError("STATE_UNAVAILABLE", { number: header.number, root: toHex(header.stateRoot) });
