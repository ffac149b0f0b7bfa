// The command lines of geth, by version and by what the node shall be. All of it stays on 127.0.0.1.
import type { GethVersion } from "./geth-build.ts";

/** miner: seals clique and serves les; lightServer: serves les from an imported chain; full: neither; light: les client. */
export type GethRole = "miner" | "lightServer" | "full" | "light";

const apis = ["eth", "net", "web3", "admin", "debug", "txpool", "les", "miner", "clique"];

export interface GethFlags {
  readonly version: GethVersion;
  readonly role: GethRole;
  readonly datadir: string;
  readonly ipcPath: string;
  readonly networkId: number;
  /** Account that seals (miner) or only stands as etherbase (lightServer on 1.9.25). */
  readonly etherbase: string | undefined;
  readonly passwordFile: string;
  /** Nodes it begins its search at; without them it does not search. */
  readonly bootnodes: readonly string[] | undefined;
  readonly extra: readonly string[];
}

const serving = ["--light.serve", "100", "--light.maxpeers", "20", "--maxpeers", "40"];

/** Flags of a running node. Ports are 0: the node chooses and its log says which. */
export function nodeFlags(f: GethFlags): string[] {
  const old = f.version === "1.9.25";
  const flags = [
    ...["--datadir", f.datadir, "--ipcpath", f.ipcPath, "--networkid", String(f.networkId)],
    ...["--port", "0", "--nat", "none", "--netrestrict", "127.0.0.0/8"],
    ...(f.bootnodes === undefined ? ["--nodiscover"] : []),
    ...[
      "--bootnodes",
      (f.bootnodes ?? []).join(","),
      "--discovery.dns",
      "",
      "--cache",
      "128",
      "--verbosity",
      "3",
    ],
    ...["--http", "--http.addr", "127.0.0.1", "--http.port", "0", "--http.vhosts", "*"],
    ...["--http.api", [...apis, ...(old ? ["personal"] : [])].join(",")],
    ...(old ? ["--nousb"] : ["--authrpc.port", "0"]),
  ];
  if (f.role === "light") return [...flags, "--syncmode", "light", ...f.extra];
  flags.push("--syncmode", "full", "--gcmode", "archive");
  if (!old) flags.push("--snapshot=false");
  if (f.role !== "full") flags.push(...serving);
  // A les server turns clients away until it has synced or mined; from 1.10.0 on one can say otherwise.
  const mines = f.role === "miner" || (f.role === "lightServer" && old);
  if (f.role === "lightServer" && !old) flags.push("--light.nosyncserve");
  if (mines && f.etherbase !== undefined) {
    flags.push("--mine", "--miner.etherbase", f.etherbase, "--miner.gaslimit", "100000000");
    flags.push("--miner.gasprice", "1", "--unlock", f.etherbase, "--password", f.passwordFile);
    flags.push("--allow-insecure-unlock");
  }
  return [...flags, ...f.extra];
}

/** Flags shared by `init`, `import` and `account import`, which must agree with the running node's. */
export function toolFlags(version: GethVersion, datadir: string): string[] {
  const old = version === "1.9.25";
  return ["--datadir", datadir, ...(old ? ["--nousb"] : []), "--verbosity", "3"];
}

export function importFlags(version: GethVersion, datadir: string): string[] {
  const extra = version === "1.9.25" ? [] : ["--snapshot=false"];
  return [...toolFlags(version, datadir), "--syncmode", "full", "--gcmode", "archive", ...extra];
}
