// What a real geth's `dumpconfig` wrote is read: every value that means something here, the rest named, nothing refused.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import {
  gethSwitches,
  gethValueFlags,
  isSwitch,
  readArguments,
  readConfigFile,
  rowsByFlag,
  unsafeToIgnore,
} from "#config";
import { allOptions } from "../../src/cli/all-options.ts";
import { rowOf } from "../../src/cli/flags.ts";
import { requireGeth } from "../kit/geth.ts";
import { startProgram } from "../kit/program.ts";

const folder = await mkdtemp(join(tmpdir(), "glim geth config "));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function glim(...args: readonly string[]) {
  await using program = startProgram([join("dist", "cli", "main.js"), ...args]);
  const code = await program.ended();
  return { code, output: program.output() };
}

const FLAGS = [
  ...[
    "--identity",
    "alice",
    "--http",
    "--http.addr",
    "127.0.0.1",
    "--http.port",
    "18545",
    "--http.api",
    "eth,net,debug",
  ],
  ...[
    "--http.corsdomain",
    "https://a.example",
    "--http.vhosts",
    "a.example,b.example",
    "--ws",
    "--ws.port",
    "18546",
  ],
  ...[
    "--ws.api",
    "eth",
    "--ws.origins",
    "https://b.example",
    "--maxpeers",
    "33",
    "--maxpendpeers",
    "9",
    "--nodiscover",
  ],
  ...[
    "--port",
    "31313",
    "--netrestrict",
    "10.0.0.0/8,192.168.0.0/16",
    "--syncmode",
    "full",
    "--networkid",
    "4242",
  ],
  ...["--lightkdf", "--txpool.globalslots", "5000"],
  ...["--txpool.lifetime", "2h", "--ipcpath", "other.ipc", "--bootnodes", ""],
];

/** What 1.17.5 has no more. */
const LIGHT = ["--light.serve", "25", "--light.maxpeers", "11"];

const rows = allOptions.map(rowOf);

/** Flags of geth's `--help`, each with whether it takes a value. */
async function flagsOf(geth: string): Promise<ReadonlyMap<string, boolean>> {
  const { stdout } = await promisify(execFile)(geth, ["--help"]);
  const heads = [...stdout.matchAll(/^ +(--[^\n]*?)(?: {2,}|\n)/gm)].map(([, head = ""]) => head);
  return new Map(
    heads.flatMap((head) => {
      const takesValue = / (?:value|loadScript)/.test(head);
      return [...head.matchAll(/--([\w.-]+)/g)].map(([, name = ""]) => [name, takesValue] as const);
    }),
  );
}

describe.each(["1.9.25", "1.11.6", "1.17.5"] as const)("everything geth %s knows is known", (version) => {
  test("every flag of its help: by a row, or by name, with or without a value as there", async (context) => {
    const geth = await requireGeth(version, (why) => context.skip(why));
    if (geth === undefined) return;
    const byFlag = rowsByFlag(rows);
    const found = await flagsOf(geth);
    expect(found.size).toBeGreaterThan(150);
    const wrong = [...found].flatMap(([name, takesValue]) => {
      if (name === "help" || name === "version") return [];
      const row = byFlag.get(name);
      const isKnown = row !== undefined || gethSwitches.has(name) || gethValueFlags.has(name);
      const takes = row === undefined ? gethValueFlags.has(name) : !isSwitch(row);
      return isKnown && takes === takesValue ? [] : [`${name}${takesValue ? " value" : ""}`];
    });
    expect(wrong).toEqual([]);
    // the whole of it as one command line: what is refused is refused for safety, or wants another value
    const line = [...found].flatMap(([name, takesValue]) =>
      name === "help" || name === "version" ? [] : [`--${name}${takesValue ? "=1" : ""}`],
    );
    const { problems, ignored } = readArguments(rows, line);
    expect(problems.filter(({ kind }) => kind === "unknown flag")).toEqual([]);
    for (const { name } of problems.filter(({ kind }) => kind === "unsafe"))
      expect(unsafeToIgnore.has(name.slice(2))).toBe(true);
    for (const name of ignored) expect(unsafeToIgnore.has(name.slice(2)), name).toBe(false);
  });

  test("every key of its dumpconfig", async (context) => {
    const geth = await requireGeth(version, (why) => context.skip(why));
    if (geth === undefined) return;
    const { stdout } = await promisify(execFile)(geth, [
      "--datadir",
      join(folder, `keys ${version}`),
      "dumpconfig",
    ]);
    expect(readConfigFile(rows, stdout).problems).toEqual([]);
  });
});

describe.each(["1.9.25", "1.11.6", "1.17.5"] as const)("geth %s", (version) => {
  test("dumpconfig with flags: the same values, written back by glim dumpconfig and read again", async (context) => {
    const geth = await requireGeth(version, (why) => context.skip(why));
    if (geth === undefined) return;
    const datadir = join(folder, `data ${version}`);
    const { stdout } = await promisify(execFile)(geth, [
      ...FLAGS,
      ...(version === "1.17.5" ? [] : LIGHT),
      ...["--datadir", datadir, "--keystore", join(folder, "keys")],
      "dumpconfig",
    ]);
    const path = join(folder, `geth-${version}.toml`);
    await writeFile(path, stdout);
    const { code, output } = await glim("dumpconfig", "--config", path);
    expect({ code, output }).toMatchObject({ code: 0 });
    for (const line of [
      'UserIdent = "alice"',
      `DataDir = "${datadir}"`,
      `KeyStoreDir = "${join(folder, "keys")}"`,
      "UseLightweightKDF = true",
      'IPCPath = "other.ipc"',
      'HTTPHost = "127.0.0.1"',
      "HTTPPort = 18545",
      'HTTPCors = [ "https://a.example" ]',
      'HTTPVirtualHosts = [ "a.example", "b.example" ]',
      'HTTPModules = [ "eth", "net", "debug" ]',
      "WSPort = 18546",
      'WSOrigins = [ "https://b.example" ]',
      'WSModules = [ "eth" ]',
      "NetworkId = 4242",
      'SyncMode = "full"',
      ...(version === "1.17.5" ? [] : ["LightServ = 25", "LightPeers = 11"]),
      "MaxPendingPeers = 9",
      "NoDiscovery = true",
      'NetRestrict = [ "10.0.0.0/8", "192.168.0.0/16" ]',
      'ListenAddr = ":31313"',
      "GlobalSlots = 5000",
      "Lifetime = 7200000000000",
    ])
      expect(output.split("\n")).toContain(line);
    expect(output).toMatch(/^MaxPeers = \d+$/m); // geth adds those for light clients
    expect(output).toMatch(/^known from geth, without effect here: .*Eth\.TrieTimeout/m);
    const own = output.slice(output.indexOf("[Eth]"));
    const again = join(folder, `glim-${version}.toml`);
    await writeFile(again, own);
    expect(await glim("dumpconfig", "--config", again)).toEqual({ code: 0, output: own });
  });

  test("its default dumpconfig is read", async (context) => {
    const geth = await requireGeth(version, (why) => context.skip(why));
    if (geth === undefined) return;
    const { stdout } = await promisify(execFile)(geth, ["--datadir", join(folder, "plain"), "dumpconfig"]);
    const path = join(folder, `plain-${version}.toml`);
    await writeFile(path, stdout);
    const { code, output } = await glim("dumpconfig", "--config", path);
    expect(code).toBe(0);
    expect(output).toMatch(/^BootstrapNodes = \[ "enode:/m);
    expect(output).toMatch(/^HTTPHost = ""$/m);
  });
});
