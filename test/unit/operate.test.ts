// docs/guides/operate.md as an operator would follow it: every `sh` block is run by a shell, in order, against a network.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { allOptions } from "../../src/cli/all-options.ts";
import { parseFlags } from "../../src/cli/flags.ts";
import { type Program, startProgram } from "../kit/program.ts";

const execute = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), "glim operate "));
afterAll(() => rm(folder, { recursive: true, force: true }));

type Step =
  | { readonly kind: "run"; readonly code: string; readonly line: number }
  | { readonly kind: "background"; readonly name: string; readonly until: RegExp }
  | { readonly kind: "stop"; readonly name: string };

/** The guide's blocks and the marks between them, in order. */
function stepsOf(guide: string): readonly Step[] {
  const marks = /<!-- background: (\w+) until \/(.+?)\/ -->|<!-- stop: (\w+) -->|^```sh\n([\s\S]*?)^```$/gm;
  return [...guide.matchAll(marks)].map((match): Step => {
    const [, name, until, stop, code = ""] = match;
    if (name !== undefined) return { kind: "background", name, until: new RegExp(until ?? "", "m") };
    if (stop !== undefined) return { kind: "stop", name: stop };
    return { kind: "run", code, line: guide.slice(0, match.index).split("\n").length };
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

test("every command of the guide works, in its order", async () => {
  const main = resolve("dist", "cli", "main.js");
  const genesis = join(folder, "genesis.json");
  await using network = startProgram([
    main,
    ...["dev", "--http.port", "0", "--port", "0", "--ipcdisable", "--genesis.out", genesis],
  ]);
  const [, peer = ""] = await network.prints(/^p2p\s+(enode:\S+)$/m);
  await network.prints(/Ctrl-C stops/);
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "glim"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  await chmod(join(bin, "glim"), 0o755);
  await writeFile(join(folder, "password.txt"), "a password of the guide\n");
  const ports = new Map([
    ["8545", await freePort()],
    ["6060", await freePort()],
  ]);
  const own = {
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    PEER: peer,
    // the guide has the default ports; here they may be taken
    GLIM_HTTP_PORT: String(ports.get("8545")),
    GLIM_METRICS_PORT: String(ports.get("6060")),
    GLIM_PORT: "0",
  };
  const here = (code: string) =>
    [...ports].reduce(
      (text, [usual, port]) => text.replaceAll(`127.0.0.1:${usual}`, `127.0.0.1:${port}`),
      code,
    );
  const steps = stepsOf(await readFile("docs/guides/operate.md", "utf8"));
  expect(steps.filter(({ kind }) => kind === "run").length).toBeGreaterThan(10);
  const running = new Map<string, Program>();
  let waiting: Extract<Step, { kind: "background" }> | undefined;
  try {
    for (const step of steps) {
      if (step.kind === "background") waiting = step;
      else if (step.kind === "stop") {
        const end = await running.get(step.name)?.stop("SIGTERM");
        expect(end, running.get(step.name)?.output()).toMatchObject({ code: 0 });
        running.delete(step.name);
      } else if (waiting !== undefined) {
        const args = step.code
          .trim()
          .replace(/^glim /, "")
          .split(" ");
        const program = startProgram([main, ...args], own, folder);
        running.set(waiting.name, program);
        await program.prints(waiting.until);
        waiting = undefined;
      } else {
        const options = { cwd: folder, env: { ...process.env, ...own } };
        await execute("bash", ["-euo", "pipefail", "-c", here(step.code)], options).catch((error: Error) => {
          throw new Error(`docs/guides/operate.md:${step.line}: ${error.message}`, { cause: error });
        });
      }
    }
  } finally {
    for (const program of running.values()) await program[Symbol.asyncDispose]();
  }
  expect(await readFile(join(folder, "data", "logs", "glim.log"), "utf8")).toContain("node stopped");
});

test("the unit's command line is one that glim takes", async () => {
  const unit = await readFile("packaging/glim.service", "utf8");
  const [, line = ""] = /^ExecStart=\/usr\/bin\/glim (.+)$/m.exec(unit) ?? [];
  const { flags, notices } = parseFlags("glim", allOptions, line.split(" "));
  expect(notices).toEqual([]);
  expect((flags as Record<string, unknown>)["config"]).toBe("/etc/glim/glim.toml");
  for (const code of [2, 3, 4, 7])
    expect(unit).toMatch(new RegExp(`^RestartPreventExitStatus=.*\\b${code}\\b`, "m"));
});
