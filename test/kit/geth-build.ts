// Real geth binaries: found in the cache, built by module path when absent, or a plain reason why not.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export type GethVersion = "1.9.25" | "1.11.6" | "1.17.5";
export type GethBinary = { readonly path: string } | { readonly missing: string };

/** Folder of everything expensive to make: `GLIM_CACHE`, else `~/.cache/glim`. Never inside the tree. */
export function cacheFolder(): string {
  return process.env["GLIM_CACHE"] ?? join(homedir(), ".cache", "glim");
}

const running = new Map<string, Promise<GethBinary>>();

/** Path of geth `version`, built once into the cache (about 100 s on 2 cores) when it is not there. */
export function gethBinary(version: GethVersion): Promise<GethBinary> {
  const known = running.get(version);
  if (known !== undefined) return known;
  const found = findOrBuild(version);
  running.set(version, found);
  return found;
}

async function findOrBuild(version: GethVersion): Promise<GethBinary> {
  const folder = join(cacheFolder(), `geth-${version}`);
  const path = join(folder, "geth");
  if (existsSync(path)) return { path };
  if (process.env["GLIM_NO_GETH"] !== undefined) return { missing: "GLIM_NO_GETH is set" };
  const go = goCommand();
  if (go === undefined) return { missing: `geth ${version} is not in ${folder} and Go is not installed` };
  mkdirSync(cacheFolder(), { recursive: true });
  const making = mkdtempSync(join(cacheFolder(), `geth-${version}.making-`));
  try {
    // -checklinkname=0: releases before 1.14 reach into the Go runtime.
    const args = [
      "install",
      "-ldflags=-checklinkname=0",
      `github.com/ethereum/go-ethereum/cmd/geth@v${version}`,
    ];
    const log = await run(go, args, { ...process.env, GOBIN: making, CGO_ENABLED: cgo() });
    if (!existsSync(join(making, "geth"))) return { missing: `building geth ${version} failed: ${log}` };
    mkdirSync(folder, { recursive: true });
    renameSync(join(making, "geth"), path);
    return { path };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The Go command of this machine: on the PATH, or where its own installer and distributions put it. */
function goCommand(): string | undefined {
  for (const go of ["go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"])
    if (spawnSync(go, ["version"], { stdio: "ignore" }).status === 0) return go;
  return undefined;
}

/** Without a C compiler geth builds too, with slower curve arithmetic. */
function cgo(): string {
  return spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0 ? "1" : "0";
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    const keep = (chunk: Buffer): void => {
      log = (log + chunk.toString()).slice(-2_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => resolve(error.message));
    child.on("close", () => resolve(log));
  });
}
