import { existsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, isAbsolute, join, posix, resolve, win32 } from "node:path";

/** What the path rules read of the machine; replaced in tests (T1 runs the Windows rows anywhere). */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** "" where there is none. */
  readonly home: string;
  readonly tempDir: string;
  readonly cwd: string;
  /** `process.argv[1]`, the program. */
  readonly program: string | undefined;
  readonly appData: string | undefined;
  /** `node20.20.2` */
  readonly runtime: string;
  exists(path: string): boolean;
}

/** This machine, now. */
export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    home: homedir(),
    tempDir: tmpdir(),
    cwd: process.cwd(),
    program: process.argv[1],
    appData: process.env["APPDATA"],
    runtime: `node${process.versions.node}`,
    exists: existsSync,
  };
}

/** Where a node keeps its data unless told: `~/.glim`, `~/Library/Glim`, `%APPDATA%\Glim`; "" without a home (ephemeral). */
export function defaultDataDir({ platform, home, appData }: Machine = thisMachine()): string {
  if (platform === "win32") {
    const roaming = appData ?? (home === "" ? "" : win32.join(home, "AppData", "Roaming"));
    return roaming === "" ? "" : win32.join(roaming, "Glim");
  }
  if (home === "") return "";
  return platform === "darwin" ? posix.join(home, "Library", "Glim") : posix.join(home, ".glim");
}

/** `name`, else the program's base name without extension, else `glim`. */
export function instanceNameOf(name: string, { program }: Pick<Machine, "program">): string {
  if (name !== "") return name;
  const base = basename(program ?? "").replace(/\.[^.]*$/, "");
  return base === "" ? "glim" : base;
}

/** Client name of the hello, admin_nodeInfo and web3_clientVersion: `name[/ident][/vVERSION]/OS-ARCH/runtime`. */
export function identifierOf(
  parts: { instanceName: string; userIdent: string; version: string },
  { platform, arch, runtime }: Pick<Machine, "platform" | "arch" | "runtime">,
): string {
  const { instanceName, userIdent, version } = parts;
  const name = instanceName === "geth" || instanceName === "geth-testnet" ? "Geth" : instanceName;
  return [name, userIdent, version === "" ? "" : `v${version}`, `${platform}-${arch}`, runtime]
    .filter((one) => one !== "")
    .join("/");
}

/** seed-behaviour §1.4; "" = IPC off. */
export function ipcEndpointOf(
  ipcPath: string,
  dataDir: string,
  { platform, tempDir }: Pick<Machine, "platform" | "tempDir">,
): string {
  if (ipcPath === "") return "";
  if (platform === "win32") return ipcPath.startsWith("\\\\.\\pipe\\") ? ipcPath : `\\\\.\\pipe\\${ipcPath}`;
  if (posix.basename(ipcPath) !== ipcPath) return ipcPath;
  return posix.join(dataDir === "" ? tempDir : dataDir, ipcPath);
}

/** Where `glim attach` looks: the IPC endpoint of a node named `name` in the default data directory. */
export function defaultIpcEndpoint(name: string, machine: Machine = thisMachine()): string {
  return ipcEndpointOf(`${instanceNameOf(name, machine)}.ipc`, defaultDataDir(machine), machine);
}

/** seed-behaviour §1.7: an absolute path as it is, a relative one from the working directory, else `dataDir/keystore`. */
export function keyStoreDirOf(keyStoreDir: string, dataDir: string, cwd: string): string | undefined {
  if (keyStoreDir !== "") return isAbsolute(keyStoreDir) ? keyStoreDir : resolve(cwd, keyStoreDir);
  return dataDir === "" ? undefined : join(dataDir, "keystore");
}

/** Files that old geth releases kept directly in the data directory. Its chain data is left alone on purpose (decisions.md). */
const LEGACY: ReadonlySet<string> = new Set(["nodes", "nodekey", "static-nodes.json", "trusted-nodes.json"]);

/** seed-behaviour §1.3 "ResolvePath". */
export function resolveInstancePath(
  path: string,
  { dataDir, instanceName }: { dataDir: string; instanceName: string },
  exists: (path: string) => boolean,
): string {
  if (isAbsolute(path)) return path;
  if (dataDir === "") return "";
  if (instanceName === "geth" && LEGACY.has(path) && exists(join(dataDir, path))) return join(dataDir, path);
  return join(dataDir, instanceName, path);
}
