import { defineErrors } from "#util";

/** How the flags of a command are seen; those of no command have a page of their own. */
const pageOf = (command: string) => (command.startsWith("[") ? "glim help flags" : `glim ${command} --help`);

/** What a user of the command line got wrong: one line each, exit code 2. */
export const CliError = defineErrors("CLI", {
  UNKNOWN_COMMAND: {
    message: (d: { command: string; near?: string | undefined }) =>
      `unknown command "${d.command}"${d.near === undefined ? "" : `; did you mean ${d.near}?`}; glim --help lists the commands`,
    blame: "caller",
    exitCode: 2,
  },
  UNKNOWN_FLAG: {
    message: (d: { flag: string; command: string; near?: string | undefined }) =>
      `unknown flag ${d.flag}${d.near === undefined ? "" : `; did you mean ${d.near}?`}; ${pageOf(d.command)} lists the flags`,
    blame: "caller",
    exitCode: 2,
  },
  STRAY_WORD: {
    message: (d: { word: string; command: string; hint: string }) =>
      `"${d.word}" is no flag, and no word that ${d.command.startsWith("[") ? "glim" : `glim ${d.command}`} takes${d.hint === "" ? "" : `; ${d.hint}`}; ${pageOf(d.command)} lists the flags`,
    blame: "caller",
    exitCode: 2,
  },
  BAD_FLAG: {
    message: (d: { flag: string; why: string }) => `${d.flag}: ${d.why}`,
    blame: "caller",
    exitCode: 2,
  },
  BAD_SETTINGS: {
    message: (d: { lines: readonly string[] }) =>
      `${d.lines.length} things are wrong:\n${d.lines.map((line) => `  ${line}`).join("\n")}`,
    blame: "caller",
    exitCode: 2,
  },
  MISSING_FLAG: {
    message: (d: { flag: string; why: string }) => `${d.flag} is missing: ${d.why}`,
    blame: "caller",
    exitCode: 2,
  },
  BAD_FILE: {
    message: (d: { path: string; why: string }) => `${d.path}: ${d.why}`,
    blame: "caller",
    exitCode: 2,
  },
  NO_CHAIN: {
    message: (d: { folder: string }) => `${d.folder}: there is no chain here yet (glim init, glim import)`,
    blame: "caller",
    exitCode: 2,
  },
  IMPORT_FAILED: {
    message: (d: { path: string; why: string; head: number }) =>
      `${d.path}: ${d.why}. Blocks up to #${d.head} are kept`,
    blame: "environment",
    exitCode: 1,
  },
  UNLOCK_FAILED: {
    message: (d: { account: string; why: string }) =>
      d.account === "" ? d.why : `Failed to unlock account ${d.account} (${d.why})`,
    blame: "caller",
    exitCode: 1,
  },
  NO_MATCH: { message: () => "Passwords do not match", blame: "caller", exitCode: 1 },
  NO_SECRET: {
    message: () => "Failed to read password: the input ended (--password FILE names a file that holds it)",
    blame: "caller",
    exitCode: 1,
  },
  INTERRUPTED: {
    message: (d: { what: string }) => `stopped: ${d.what}`,
    blame: "caller",
    exitCode: 1,
  },
  NO_ANSWER: { message: (d: { node: string }) => `${d.node} does not answer`, blame: "network", exitCode: 1 },
  WRITE_FAILED: {
    message: (d: { path: string; why: string }) => `${d.path}: cannot be written: ${d.why}`,
    blame: "environment",
    exitCode: 5,
  },
  DAMAGED: {
    message: (d: { count: number; folder: string }) =>
      `${d.folder} is damaged: ${d.count} findings. Put back a copy, or remove it and import or sync again`,
    blame: "environment",
    exitCode: 4,
  },
  PORT_TAKEN: {
    message: (d: { endpoint: string; flag: string }) =>
      `port ${d.endpoint} is in use by another program; choose another one with ${d.flag}`,
    blame: "environment",
    exitCode: 6,
  },
  WRONG_NETWORK: {
    message: (d: { enode: string; why: string }) =>
      `server ${d.enode.slice(0, 24)}… is of another chain: ${d.why}`,
    blame: "caller",
    exitCode: 2,
  },
  SCRIPT_FAILED: { message: (d: { why: string }) => d.why, blame: "caller", exitCode: 1 },
  ATTACH_FAILED: {
    message: (d: { endpoint: string; why: string }) => `cannot attach to ${d.endpoint}: ${d.why}`,
    blame: "environment",
    exitCode: 1,
  },
});
