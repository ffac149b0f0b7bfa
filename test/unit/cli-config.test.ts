// Configuration as a user meets it: files, variables, flags, what geth wrote, and every mistake at once.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type OptionRow, readConfigFile, toToml, formatToml, wantedInstead } from "#config";
import { parsePrivateKey, publicKeyOf } from "#crypto";
import { toHex } from "#util";
import { allOptions } from "../../src/cli/all-options.ts";
import { dumpOf } from "../../src/cli/dumpconfig.ts";
import { parseFlags, rowOf } from "../../src/cli/flags.ts";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const MAIN = join("dist", "cli", "main.js");

const folder = await mkdtemp(join(tmpdir(), "glim config "));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function glim(args: readonly string[], env: Record<string, string> = {}) {
  await using program = startProgram([join("dist", "cli", "main.js"), ...args], env);
  const code = await program.ended();
  return { code, output: program.output() };
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const rows = allOptions.map(rowOf);

function dumpOfFile(text: string): string {
  const layer = readConfigFile(rows, text);
  expect(layer.problems).toEqual([]);
  return dumpOf(parseFlags("dumpconfig", allOptions, [], { file: { path: "x.toml", layer } }).settings);
}

const NODES = [1, 2].map((n) => {
  const key = toHex(publicKeyOf(parsePrivateKey(new Uint8Array(32).fill(n)))).slice(2);
  return `enode://${key}@127.0.0.1:3030${n}`;
});

/** Values of one option, as they stand in a config object. */
function anyValueOf(row: OptionRow): fc.Arbitrary<unknown> {
  const { kind, choices, min = 0, max, path } = row;
  const text = fc.stringMatching(/^[A-Za-z0-9 .:/"\\é-]{0,12}$/);
  if (path === "eth.requiredBlocks")
    return fc.subarray([`1=0x${"ab".repeat(32)}`, `22=0x${"cd".repeat(32)}`]);
  if (path === "p2p.nat") return fc.constantFrom("any", "none", "extip:10.0.0.1");
  if (path === "p2p.netRestrict") return fc.subarray(["10.0.0.0/8", "::1/128"]);
  if (choices !== undefined) return fc.constantFrom(...choices);
  if (kind === "bool") return fc.boolean();
  if (kind === "port") return fc.integer({ min: 0, max: 65_535 });
  if (kind === "count" || kind === "duration") return fc.integer({ min, max: max ?? 1_000_000 });
  if (kind === "networkId" || kind === "wei") return fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
  if (kind === "nodes") return fc.subarray(NODES);
  const any = kind === "list" || kind === "cidrs" ? fc.array(text, { maxLength: 3 }) : text;
  // of an option with a check of its own: values that pass it, at least "none"
  return row.check === undefined
    ? any
    : any.map((value) => (wantedInstead(row, value) === undefined ? value : row.default));
}

describe("a dump", () => {
  test("of any configuration is read back to the same dump", () => {
    const inFile = rows.filter((row) => row.toml !== undefined && row.kind !== "key");
    const anyFile = fc
      .record(Object.fromEntries(inFile.map((row) => [row.path, anyValueOf(row)])), { requiredKeys: [] })
      .map((values) =>
        formatToml(
          inFile.flatMap((row): (readonly [string, unknown])[] => {
            const value = row.path in values ? toToml(row, values[row.path]) : undefined;
            return value === undefined ? [] : [[row.toml ?? "", value]];
          }),
        ),
      );
    fc.assert(
      fc.property(anyFile, (text) => {
        const once = dumpOfFile(text);
        expect(dumpOfFile(once)).toBe(once);
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  test("has flags over variables over the file over the defaults", async () => {
    const config = await file("order.toml", `[Node]\nHTTPPort = 1\nWSPort = 1\nUserIdent = "file"\n`);
    const { code, output } = await glim(["dumpconfig", "--config", config, "--http.port", "3"], {
      GLIM_HTTP_PORT: "2",
      GLIM_WS_PORT: "2",
    });
    expect(code).toBe(0);
    expect(output).toMatch(/^HTTPPort = 3$/m);
    expect(output).toMatch(/^WSPort = 2$/m);
    expect(output).toMatch(/^UserIdent = "file"$/m);
    expect(output).toMatch(/^MaxPeers = 50$/m);
    expect((await glim(["dumpconfig"], { GLIM_CONFIG: config })).output).toMatch(/^HTTPPort = 1$/m);
  });

  test("is written to a file that is named", async () => {
    const path = join(folder, "out.toml");
    expect(await glim(["dumpconfig", "--maxpeers", "7", path])).toEqual({ code: 0, output: "" });
    expect(await readFile(path, "utf8")).toMatch(/^MaxPeers = 7$/m);
  });

  test("turns switches into fields", async () => {
    const { output } = await glim(["dumpconfig", "--no-http", "--ws", "--ipcdisable", "--port", "7"]);
    expect(output).toMatch(/^HTTPHost = ""$/m);
    expect(output).toMatch(/^WSHost = "127.0.0.1"$/m);
    expect(output).toMatch(/^IPCPath = ""$/m);
    expect(output).toMatch(/^ListenAddr = ":7"$/m);
  });
});

describe("one error with every problem", () => {
  test("of flags, variables and file", async () => {
    const config = await file(
      "wrong.toml",
      `[Node]\nHTTPPrt = 1\n[Node.P2P]\nMaxPeers = "x"\nStaticNodes = ["enode://x"]\n[Eth]\nSyncMode = "fsat"\n`,
    );
    const { code, output } = await glim(
      ["dumpconfig", "--config", config, "--http.prt", "1", "--ws.port", "70000", "--signer", "x.ipc"],
      { GLIM_MAXPENDPEERS: "many" },
    );
    expect(code).toBe(2);
    expect(output.split("\n").map((line) => line.replaceAll(folder, "").trim())).toEqual([
      "glim: 8 things are wrong:",
      "/wrong.toml: Node.HTTPPrt: no such key; did you mean Node.HTTPPort?",
      "/wrong.toml: Node.P2P.MaxPeers: want a whole number, 0 or more",
      expect.stringMatching(
        /^\/wrong.toml: Node.P2P.StaticNodes: want enode URLs; number 0: invalid enode: /,
      ),
      "/wrong.toml: Eth.SyncMode: want one of full, fast, snap, light",
      'GLIM_MAXPENDPEERS: "many" is not a number from 0 to 9007199254740991',
      "unknown flag --http.prt; did you mean --http.port?; glim dumpconfig --help lists the flags",
      '--ws.port: "70000" is not a number from 0 to 65535',
      expect.stringMatching(/^--signer: cannot be passed over/),
      "",
    ]);
  });

  test.each([
    ["no.toml", undefined, /no\.toml: cannot read this configuration file/],
    ["broken.toml", "[Node\n", /broken\.toml: line 1, column \d+: /],
  ])("%s", async (name, text, what) => {
    const path = text === undefined ? join(folder, name) : await file(name, text);
    const { code, output } = await glim(["dumpconfig", "--config", path]);
    expect(code).toBe(2);
    expect(output).toMatch(what);
  });
});

describe("a geth command line", () => {
  test("flags of geth without a meaning here are listed once, older names told once", async () => {
    const { code, output } = await glim([
      ...[
        "--cache.gc",
        "25",
        "--rpc",
        "--rpcport",
        "1",
        "--db.engine=pebble",
        "--snapshot=false",
        "--rpcapi",
        "eth",
      ],
      ...["dumpconfig", "--txlookuplimit", "0"],
    ]);
    expect(code).toBe(0);
    const lines = output.split("\n").filter((line) => /^(--|known)/.test(line));
    expect(lines).toEqual([
      "--rpc is now --http",
      "--rpcport is now --http.port",
      "--rpcapi is now --http.api",
      "known from geth, without effect here: --cache.gc, --db.engine, --snapshot, --txlookuplimit",
    ]);
    expect(output).toMatch(/^HTTPModules = \[ "eth" \]$/m);
  });

  test("--testnet of geth 1.8 and 1.9 is Ropsten; forks that flags would move are refused", async () => {
    const { code, output } = await glim(["--testnet", "--sepolia"]);
    expect(code).toBe(2);
    expect(output).toMatch(/--sepolia, --ropsten: only one of these can be used/);
    const forks = await glim(["dumpconfig", "--override.istanbul", "5", "--override.muirglacier=6"]);
    expect(forks.code).toBe(2);
    expect(forks.output).toMatch(
      /--override\.istanbul: cannot be passed over: forks are those of the genesis/,
    );
    expect(forks.output).toMatch(/--override\.muirglacier: cannot be passed over/);
  });

  test("ND-03 variables that may not be passed over are refused, by name and not by value; older names are read", async () => {
    const { code, output } = await glim(["dumpconfig"], { GLIM_NODEKEYHEX: "ab".repeat(32) });
    expect(code).toBe(2);
    expect(output).toMatch(/GLIM_NODEKEYHEX: cannot be passed over: .*--nodekey/);
    expect(output).not.toContain("abab");
    const older = await glim(["dumpconfig"], {
      GLIM_WHITELIST: `7=0x${"cd".repeat(32)}`,
      GLIM_RPCPORT: "99",
    });
    expect(older.code).toBe(0);
    expect(older.output).toContain("GLIM_RPCPORT is now GLIM_HTTP_PORT");
    expect(older.output).toMatch(/^HTTPPort = 99$/m);
    expect(older.output).toContain(`7=0x${"cd".repeat(32)}`);
  });

  test("flags alone run a node; two networks are refused", async () => {
    const { code, output } = await glim(["--goerli", "--sepolia"]);
    expect(code).toBe(2);
    expect(output).toMatch(/--goerli, --sepolia: only one of these can be used/);
    expect(await glim(["--syncmode", "light", "--datadir", join(folder, "none")])).toMatchObject({ code: 2 });
  });

  test("a command nobody knows: the near one is named", async () => {
    expect((await glim(["dumpconfg"])).output).toMatch(
      /unknown command "dumpconfg"; did you mean dumpconfig\?/,
    );
  });
});

test("glim help: of a command, and of flags alone, under geth's headings", async () => {
  const { code, output } = await glim(["help", "flags"]);
  expect(code).toBe(0);
  for (const heading of [
    "ETHEREUM",
    "API AND CONSOLE",
    "NETWORKING",
    "TRANSACTION POOL",
    "LOGGING AND DEBUGGING",
  ])
    expect(output).toContain(`\n${heading}\n  --`);
  for (const { flag } of rows) if (flag !== undefined) expect(output).toContain(`--${flag}`);
  expect((await glim(["help", "init"])).output).toMatch(/^usage: glim init GENESIS/);
  expect((await glim(["help", "nothing"])).code).toBe(2);
});

describe("node lists in the data directory", () => {
  test("static-nodes.json is connected, beside --peer too; one in the file alone puts it aside", async () => {
    const genesis = join(folder, "genesis.json");
    const quiet = ["--http.port", "0", "--port", "0"];
    await using dev = startProgram([MAIN, "dev", ...quiet, "--ipcdisable", "--genesis.out", genesis]);
    const [, peer = ""] = await dev.prints(/^p2p\s+(enode:\S+)$/m);
    const datadir = join(folder, "lists");
    await mkdir(join(datadir, "glim"), { recursive: true, mode: 0o700 });
    await writeFile(join(datadir, "glim", "static-nodes.json"), JSON.stringify([peer]));
    const peersOf = async (...more: string[]) => {
      const args = ["node", "--nodiscover", "--genesis", genesis, "--datadir", datadir, ...quiet, ...more];
      await using node = startProgram([MAIN, ...args]);
      await node.prints(/^IPC/m);
      const ask = async () =>
        Number(
          (await glim(["attach", "--datadir", datadir, "--exec", "(await admin.peers()).length"])).output,
        );
      const wanted = more.includes("--config") ? 0 : 1;
      const seen = await until("the peer", async () => ((await ask()) === wanted ? "yes" : undefined));
      expect((await node.stop()).code).toBe(0);
      return seen;
    };
    expect(await peersOf()).toBe("yes");
    expect(await peersOf("--peer", NODES[0] ?? "")).toBe("yes");
    expect(await peersOf("--config", await file("none.toml", "[Node.P2P]\nStaticNodes = []\n"))).toBe("yes");
  });
});
