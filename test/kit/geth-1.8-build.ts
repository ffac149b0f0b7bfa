// geth 1.8.27, which is older than Go modules: its sources from the module proxy with a go.mod of ours, or, where that
// fails, from its repository with the vendor folder in Go's old way.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./shared-data.ts";

const MODULE = "github.com/ethereum/go-ethereum";
const TAG = "v1.8.27";

/** How a command is run: what it printed last, whatever its exit code. */
export type Run = (
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  folder?: string,
) => Promise<string>;

/** Builds `making/geth`, about 100 s on 2 cores; whether it is there says whether that worked. Returns what was printed. */
export async function buildOldest(go: string, making: string, run: Run, cgo: string): Promise<string> {
  const sources = join(making, "sources");
  let said = "";
  for (const way of [fromModule, fromRepository]) {
    said += await way({ go, sources, program: join(making, "geth"), run, cgo });
    rmSync(sources, { recursive: true, force: true });
    if (existsSync(join(making, "geth"))) break;
  }
  return said;
}

interface Work {
  readonly go: string;
  /** A folder for the sources. */
  readonly sources: string;
  /** What is built. */
  readonly program: string;
  readonly run: Run;
  readonly cgo: string;
}

// -checklinkname=0: releases before 1.14 reach into the Go runtime.
const build = ["build", "-ldflags=-checklinkname=0", "-o"];

async function fromModule({ go, sources, program, run, cgo }: Work): Promise<string> {
  const { stdout } = spawnSync(go, ["mod", "download", "-json", `${MODULE}@${TAG}`], { encoding: "utf8" });
  const { Dir, Error: why } = JSON.parse(stdout || "{}") as { Dir?: string; Error?: string };
  if (Dir === undefined) return `${MODULE}@${TAG}: ${why ?? "Go downloads no modules"}`;
  copyTree(Dir, sources, (name) => name !== "vendor");
  copyTree(join(projectRoot().pathname, "test", "kit", "geth-1.8"), sources);
  const env = {
    ...process.env,
    GO111MODULE: "on",
    GOFLAGS: "-mod=readonly -buildvcs=false",
    CGO_ENABLED: cgo,
  };
  return run(go, [...build, program, "./cmd/geth"], env, sources);
}

async function fromRepository({ go, sources, program, run, cgo }: Work): Promise<string> {
  const folder = join(sources, "src", ...MODULE.split("/"));
  const clone = ["clone", "--quiet", "--depth", "1", "--branch", TAG, `https://${MODULE}`, folder];
  const said = await run("git", clone, { ...process.env, GIT_TERMINAL_PROMPT: "0" });
  if (!existsSync(folder)) return said;
  const env = { ...process.env, GO111MODULE: "off", GOPATH: sources, CGO_ENABLED: cgo };
  return `${said}\n${await run(go, [...build, program, "./cmd/geth"], env, folder)}`;
}

/** The files of a folder, writable: Go keeps its modules read-only. */
function copyTree(from: string, to: string, wanted: (name: string) => boolean = () => true): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (!wanted(entry.name)) continue;
    const target = join(to, entry.name);
    if (entry.isDirectory()) copyTree(join(from, entry.name), target);
    else if (entry.isFile()) {
      copyFileSync(join(from, entry.name), target);
      chmodSync(target, 0o644);
    }
  }
}
