// The commands around a node: console and scripts, completion of three shells, version, licence, log files.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { startProgram } from "../kit/program.ts";

const execute = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), "glim console "));
afterAll(() => rm(folder, { recursive: true, force: true }));

const glim = (...args: string[]) => startProgram([join("dist", "cli", "main.js"), ...args]);

async function run(...args: string[]) {
  await using program = glim(...args);
  const code = await program.ended();
  return { code, output: program.output() };
}

const QUIET = ["--http.port", "0", "--port", "0", "--ipcdisable", "--verbosity", "0"];

describe("scripts", () => {
  test("console --exec runs a node, preloads scripts from --jspath, and ends with the answer", async () => {
    await writeFile(join(folder, "one.js"), "var one = 1; console.log('loaded', one);");
    await writeFile(join(folder, "two.js"), "var two = one + (await loadScript('three.js') ? three : 0);");
    await writeFile(join(folder, "three.js"), "var three = 3;");
    const { code, output } = await run(
      ...["--dev", ...QUIET, "--jspath", folder, "--preload", "one.js,two.js"],
      ...["console", "--exec", "[two, await eth.chainId()]"],
    );
    expect(code).toBe(0);
    expect(output).toContain("loaded 1\n");
    expect(output).toContain("[ 4, '0x539' ]\n");
  });

  test("js runs its files on a node, in order", async () => {
    await writeFile(join(folder, "a.js"), "var seen = await net.version();");
    await writeFile(join(folder, "b.js"), "console.log('network', seen);");
    const { code, output } = await run("--dev", ...QUIET, "js", join(folder, "a.js"), join(folder, "b.js"));
    expect(code).toBe(0);
    expect(output).toContain("network 1337\n");
  });

  test("a script that is not there, or fails, is told: exit 2 and 1; the node is stopped", async () => {
    expect(await run("--dev", ...QUIET, "js", join(folder, "none.js"))).toMatchObject({
      code: 2,
      output: expect.stringContaining("none.js: cannot read this script"),
    });
    await writeFile(join(folder, "bad.js"), "throw new Error('on purpose');");
    const { code, output } = await run("--dev", ...QUIET, "js", join(folder, "bad.js"));
    expect(code).toBe(1);
    expect(output).toContain("on purpose");
  });

  test("attach --preload --exec on a running node, over the socket of --datadir", async () => {
    const datadir = join(folder, "node");
    await using node = glim("dev", "--datadir", datadir, "--http.port", "0", "--port", "0");
    await node.prints(/^IPC\s+(.+)$/m);
    const { code, output } = await run(
      ...["attach", "--datadir", datadir, "--jspath", folder, "--preload", "one.js"],
      ...["--exec", "one + (await admin.peers()).length"],
    );
    expect({ code, output }).toEqual({ code: 0, output: "loaded 1\n1\n" });
    expect(await node.stop()).toMatchObject({ code: 0 });
  });
});

describe("completion", () => {
  test("of bash: commands, flags of a command, files after a flag that takes one", async () => {
    const script = join(folder, "glim.bash");
    await writeFile(script, (await run("completion", "bash")).output);
    const complete = async (...words: string[]) => {
      const line = `source '${script}'; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _glim; echo "\${COMPREPLY[@]}"`;
      return (await execute("bash", ["-c", line])).stdout.trim().split(" ");
    };
    expect(await complete("glim", "dumpc")).toEqual(["dumpconfig"]);
    expect(await complete("glim", "light", "--cache.d")).toEqual(["--cache.disk"]);
    expect(await complete("glim", "--syncm")).toEqual(["--syncmode"]);
    expect(await complete("glim", "init", "--mine")).toEqual([""]);
  });

  test("of zsh and fish: every command and flag is there; another shell is refused", async () => {
    for (const shell of ["zsh", "fish"]) {
      const { code, output } = await run("completion", shell);
      expect(code).toBe(0);
      for (const word of ["dumpconfig", "http.corsdomain", "txpool.lifetime"]) expect(output).toContain(word);
    }
    expect(await run("completion", "csh")).toMatchObject({ code: 2 });
    expect((await run("node", "--help")).output).toMatch(/--txpool\.lifetime TIME .*\(default 3h0m0s\)/);
  });
});

test("version and license", async () => {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  expect((await run("version")).output).toMatch(new RegExp(`^Glim\nVersion: ${version}\nArchitecture: `));
  expect((await run("license")).output.trimEnd()).toBe((await readFile("LICENSE", "utf8")).trimEnd());
});

describe("log files", () => {
  test("the file gets what standard error gets, full ones are put aside and packed", async () => {
    const path = join(folder, "logs", "glim.log");
    await using node = glim(
      ...[
        "dev",
        "--http.port",
        "0",
        "--port",
        "0",
        "--ipcdisable",
        "--verbosity",
        "4",
        "--log.format",
        "json",
      ],
      ...[
        "--log.file",
        path,
        "--log.rotate",
        "--log.maxsize",
        "1",
        "--log.compress",
        "--log.vmodule",
        "p2p=5",
      ],
    );
    await node.prints(/Ctrl-C stops/);
    expect(await node.stop()).toMatchObject({ code: 0 });
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).toContain("node started");
    for (const line of lines) expect(node.output()).toContain(line);
    expect(await readdir(join(folder, "logs"))).toEqual(["glim.log"]);
  });

  test("a log file that cannot be written, rules that are none: exit 2", async () => {
    expect(await run("dev", "--log.file", "/dev/null/x.log")).toMatchObject({
      code: 2,
      output: expect.stringContaining("--log.file"),
    });
    expect(await run("dev", "--log.vmodule", "p2p")).toMatchObject({
      code: 2,
      output: expect.stringContaining("--log.vmodule"),
    });
  });
});

test("--metrics serves figures and health of a node, --pprof profiles", async () => {
  await using node = glim("--dev", ...QUIET, "--metrics", "--metrics.port", "0", "--pprof");
  const [, base = ""] = await node.prints(/^metrics\s+(http:\S+)\/metrics$/m);
  const text = await (await fetch(`${base}/metrics`)).text();
  expect(text).toMatch(/^glim_chain_head_number \d+$/m);
  expect(text).toMatch(/^glim_chain_figures\{name="pool_pending"\} 0$/m);
  expect(text).toMatch(/^glim_chain_blocks_imported \d+$/m);
  expect(text).toMatch(/^glim_chain_reorgs 0$/m);
  expect((await fetch(`${base}/metric`)).status).toBe(404);
  expect(text).toMatch(/^glim_db_writes\{store="chaindata"\} \d+$/m);
  expect(await (await fetch(`${base}/health`)).json()).toMatchObject({ status: "ready", syncing: false });
  expect((await fetch(`${base}/debug/pprof/profile?seconds=0.1`)).status).toBe(200);
  expect(await node.stop("SIGTERM")).toMatchObject({ code: 0 });
});
