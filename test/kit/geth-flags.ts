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
  /** Where 1.8, whose log does not say which port it was given, listens for RPC; others choose one. */
  readonly httpPort: number;
  /** Account that seals (miner) or only stands as etherbase (lightServer on 1.9.25). */
  readonly etherbase: string | undefined;
  readonly passwordFile: string;
  /** Nodes it begins its search at; without them it does not search. */
  readonly bootnodes: readonly string[] | undefined;
  readonly extra: readonly string[];
}

const serving = ["--light.serve", "100", "--light.maxpeers", "20", "--maxpeers", "40"];

/** A boot node that is not there: 1.8 ends at an empty list, and without one asks those of the main network. */
const nobody =
  "enode://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
  "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8@127.0.0.1:1";

/** Flags of 1.8, which has other names for half of them. */
function oldestFlags(f: GethFlags): string[] {
  const flags = [
    ...["--datadir", f.datadir, "--ipcpath", f.ipcPath, "--networkid", String(f.networkId)],
    ...["--port", "0", "--nat", "none", "--netrestrict", "127.0.0.0/8"],
    ...["--bootnodes", (f.bootnodes ?? []).join(",") || nobody],
    ...(f.bootnodes === undefined ? ["--nodiscover"] : []),
    ...["--cache", "128", "--verbosity", "3", "--nousb"],
    ...["--rpc", "--rpcaddr", "127.0.0.1", "--rpcport", String(f.httpPort), "--rpcvhosts", "*"],
    ...["--rpcapi", [...apis, "personal"].join(",")],
  ];
  if (f.role === "light") return [...flags, "--syncmode", "light", ...f.extra];
  flags.push("--syncmode", "full", "--gcmode", "archive", "--maxpeers", "40");
  // Its server takes clients whether or not it has synced; 100 percent would divide by zero.
  if (f.role !== "full") flags.push("--lightserv", "90", "--lightpeers", "20");
  if (f.role === "miner" && f.etherbase !== undefined) {
    flags.push("--mine", "--miner.etherbase", f.etherbase, "--miner.gaslimit", "100000000");
    flags.push("--miner.gastarget", "100000000", "--miner.gasprice", "1");
    flags.push("--unlock", f.etherbase, "--password", f.passwordFile);
  }
  return [...flags, ...f.extra];
}

/** Flags of a running node. Ports are 0: the node chooses and its log says which. */
export function nodeFlags(f: GethFlags): string[] {
  if (f.version === "1.8.27") return oldestFlags(f);
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
  const old = version === "1.8.27" || version === "1.9.25";
  return ["--datadir", datadir, ...(old ? ["--nousb"] : []), "--verbosity", "3"];
}

export function importFlags(version: GethVersion, datadir: string): string[] {
  const extra = version === "1.8.27" || version === "1.9.25" ? [] : ["--snapshot=false"];
  return [...toolFlags(version, datadir), "--syncmode", "full", "--gcmode", "archive", ...extra];
}
