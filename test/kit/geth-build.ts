// Real geth binaries: found in the cache, built by module path when absent, or a plain reason why not.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildOldest } from "./geth-1.8-build.ts";

export type GethVersion = "1.8.27" | "1.9.25" | "1.11.6" | "1.17.5";
export type GethBinary = { readonly path: string } | { readonly missing: string };
/** Programs of geth's module: the node, and the tool that tests other nodes' protocols. */
export type GethProgram = "geth" | "devp2p";

/** Folder of everything expensive to make: `GLIM_CACHE`, else `~/.cache/glim`. Never inside the tree. */
export function cacheFolder(): string {
  return process.env["GLIM_CACHE"] ?? join(homedir(), ".cache", "glim");
}

const running = new Map<string, Promise<GethBinary>>();

/** Path of geth `version`, built once into the cache (about 100 s on 2 cores) when it is not there. */
export const gethBinary = (version: GethVersion): Promise<GethBinary> => gethProgram("geth", version);

/** Path of a program of geth's release, built once into the cache when it is not there. */
export function gethProgram(program: GethProgram, version: GethVersion): Promise<GethBinary> {
  const name = `${program}-${version}`;
  const known = running.get(name);
  if (known !== undefined) return known;
  const found = findOrBuild(program, version);
  running.set(name, found);
  return found;
}

async function findOrBuild(program: GethProgram, version: GethVersion): Promise<GethBinary> {
  const name = `${program}-${version}`;
  const folder = join(cacheFolder(), name);
  const path = join(folder, program);
  if (existsSync(path)) return { path };
  if (process.env["GLIM_NO_GETH"] !== undefined) return { missing: "GLIM_NO_GETH is set" };
  const go = goCommand();
  if (go === undefined) return { missing: `${name} is not in ${folder} and Go is not installed` };
  mkdirSync(cacheFolder(), { recursive: true });
  const making = mkdtempSync(join(cacheFolder(), `${name}.making-`));
  try {
    const log =
      version === "1.8.27" && program === "geth"
        ? await buildOldest(go, making, run, cgo())
        : await install(go, program, version, making);
    if (!existsSync(join(making, program))) return { missing: `building ${name} failed: ${log}` };
    if (program === "devp2p") copyTestData(go, version, making);
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
    return { path };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

function install(go: string, program: GethProgram, version: GethVersion, making: string): Promise<string> {
  // -checklinkname=0: releases before 1.14 reach into the Go runtime.
  const args = ["install", "-ldflags=-checklinkname=0", `${MODULE}/cmd/${program}@v${version}`];
  return run(go, args, { ...process.env, GOBIN: making, CGO_ENABLED: cgo() });
}

const MODULE = "github.com/ethereum/go-ethereum";

/** The chain that the tool tests with lies in its sources: from Go's module cache to `testdata` beside the program. */
function copyTestData(go: string, version: GethVersion, to: string): void {
  const { stdout } = spawnSync(go, ["mod", "download", "-json", `${MODULE}@v${version}`], {
    encoding: "utf8",
  });
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const from = join(Dir, "cmd", "devp2p", "internal", "ethtest", "testdata");
  mkdirSync(join(to, "testdata"));
  for (const file of readdirSync(from)) copyFileSync(join(from, file), join(to, "testdata", file));
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

function run(command: string, args: string[], env: NodeJS.ProcessEnv, folder?: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
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
