import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nearestName } from "./nearest.ts";
import type { OptionRow } from "./option.ts";
import { readArguments, readConfigFile, readVariables } from "./settings.ts";
import { formatDuration, parseDuration } from "./text.ts";
import { formatToml, toToml } from "./toml.ts";

const row = (more: Partial<OptionRow> & Pick<OptionRow, "path" | "kind">): OptionRow => ({
  default: undefined,
  category: "MISC",
  doc: "an option of a test",
  ...more,
});

const port = row({
  path: "port",
  kind: "port",
  flag: "http.port",
  oldFlags: ["rpcport"],
  toml: "Node.HTTPPort",
});
const on = row({ path: "on", kind: "bool", flag: "http", toml: "Node.On" });
const names = row({ path: "names", kind: "list", flag: "http.api", toml: "Node.Names" });
const nodes = row({ path: "nodes", kind: "nodes", flag: "bootnodes", toml: "Node.P2P.Nodes" });
const wei = row({ path: "wei", kind: "wei", flag: "price", toml: "Eth.Price" });
const time = row({ path: "time", kind: "duration", flag: "life", toml: "Eth.Life" });
const mode = row({
  path: "mode",
  kind: "choice",
  choices: ["full", "light"],
  flag: "syncmode",
  toml: "Eth.Mode",
});
const cap = row({ path: "cap", kind: "decimal", flag: "cap", toml: "Eth.Cap" });
const text = row({ path: "text", kind: "text", flag: "identity", toml: "Node.Ident", isOmittedEmpty: true });
const rows = [port, on, names, nodes, wei, time, mode, cap, text];

const given = (...args: string[]) => readArguments(rows, args);
const values = (layer: { settings: ReadonlyMap<OptionRow, { value: unknown }> }) =>
  Object.fromEntries([...layer.settings].map(([{ path }, { value }]) => [path, value]));

describe("arguments", () => {
  test("every form geth takes: one dash or two, = or space, switches with a value, --no-", () => {
    expect(values(given("-http.port", "1", "--http=false", "--syncmode=light", "--life", "1h30m"))).toEqual({
      port: 1,
      on: false,
      mode: "light",
      time: 5_400_000,
    });
    expect(values(given("--http"))).toEqual({ on: true });
    expect(values(given("--no-http"))).toEqual({ on: false });
    expect(given("a", "--http", "b", "--", "--c").rest).toEqual(["a", "b", "--c"]);
    expect(given("-h").wantsHelp && given("--help").wantsHelp).toBe(true);
  });

  test("lists by comma and repetition; an empty list of names is one empty name, of nodes none", () => {
    expect(values(given("--http.api", "eth, net", "--http.api=web3"))["names"]).toEqual([
      "eth",
      "net",
      "web3",
    ]);
    expect(values(given("--http.api", ""))["names"]).toEqual([""]);
    expect(values(given("--bootnodes", ","))["nodes"]).toEqual([]);
  });

  test("whole numbers of any size stay exact", () => {
    expect(
      values(
        given("--price", "115792089237316195423570985008687907853269984665640564039457584007913129639935"),
      )["wei"],
    ).toBe((1n << 256n) - 1n);
  });

  test("an older name works and is told", () => {
    const layer = given("--rpcport", "7");
    expect(values(layer)).toEqual({ port: 7 });
    expect(layer.notices).toEqual(["--rpcport is now --http.port"]);
  });

  test("ND-03 each mistake is told, all of them", () => {
    const { problems } = given(
      "--http.port",
      "x",
      "--syncmode",
      "fats",
      "--frob",
      "--price",
      "-1",
      "--identity",
    );
    expect(problems.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "bad value --http.port",
      "bad value --syncmode",
      "unknown flag --frob",
      "bad value --price",
      "bad value --identity",
    ]);
  });

  test("geth's flags without a meaning here are passed over with their value, and named", () => {
    const layer = given("--cache", "4096", "--cache.gc=25", "--snapshot", "--gcmode", "archive", "--http");
    expect(layer.ignored).toEqual(["--cache", "--cache.gc", "--snapshot", "--gcmode"]);
    expect(layer.rest).toEqual([]);
    expect(values(layer)).toEqual({ on: true });
  });

  test.each([
    ["--unlock", "0"],
    ["--whitelist=1=0x0"],
    ["--netrestrict", "10.0.0.0/8"],
    ["--allow-insecure-unlock"],
    ["--fakepow"],
  ])(
    "%s, which would make the node less safe if it had no effect, is refused where nothing reads it",
    (...args) => {
      const { problems, ignored } = given(...args);
      expect(problems.map(({ kind }) => kind)).toEqual(["unsafe"]);
      expect(ignored).toEqual([]);
    },
  );
});

describe("variables", () => {
  test("GLIM_ and the flag's name in capitals", () => {
    const layer = readVariables(rows, {
      GLIM_HTTP_PORT: "9",
      GLIM_HTTP: "1",
      GLIM_HTTP_API: "eth,net",
      HTTP_PORT: "1",
    });
    expect(values(layer)).toEqual({ port: 9, on: true, names: ["eth", "net"] });
    const cache = row({ path: "cache", kind: "count", flag: "cache", variable: "GLIM_CACHE_MB" });
    expect(values(readVariables([cache], { GLIM_CACHE: "/a/folder", GLIM_CACHE_MB: "7" }))).toEqual({
      cache: 7,
    });
    expect(readVariables(rows, { GLIM_HTTP_PORT: "x" }).problems[0]?.name).toBe("GLIM_HTTP_PORT");
  });

  test("older names too, told once; the name of today wins, and no row loses its own variable", () => {
    const blocks = row({ path: "blocks", kind: "list", flag: "eth.requiredblocks", oldFlags: ["whitelist"] });
    const old = readVariables([blocks], { GLIM_WHITELIST: "1=0x2" });
    expect(values(old)).toEqual({ blocks: ["1=0x2"] });
    expect(old.notices).toEqual(["GLIM_WHITELIST is now GLIM_ETH_REQUIREDBLOCKS"]);
    const both = readVariables([blocks], { GLIM_WHITELIST: "1=0x2", GLIM_ETH_REQUIREDBLOCKS: "3=0x4" });
    expect([values(both), both.notices]).toEqual([{ blocks: ["3=0x4"] }, []]);
    const list = row({ path: "list", kind: "list", flag: "whitelist" });
    expect(values(readVariables([blocks, list], { GLIM_WHITELIST: "a" }))).toEqual({ list: ["a"] });
  });

  test("ND-03 one that may not be passed over is refused by name, unless a row of any command reads it", () => {
    const { problems } = readVariables(rows, {
      GLIM_NODEKEYHEX: "00ff",
      GLIM_UNLOCK: "0x1",
      GLIM_SIGNER: "",
      GLIM_X: "1",
    });
    expect(problems.map(({ kind, name }) => [kind, name])).toEqual([
      ["unsafe", "GLIM_NODEKEYHEX"],
      ["unsafe", "GLIM_UNLOCK"],
    ]);
    expect(JSON.stringify(problems)).not.toContain("00ff");
    const unlock = row({ path: "unlock", kind: "list", flag: "unlock" });
    expect(readVariables(rows, { GLIM_UNLOCK: "0x1" }, [unlock]).problems).toEqual([]);
  });
});

describe("files", () => {
  test("geth's sections and kinds: ns, 64-bit integers, lists", () => {
    const layer = readConfigFile(
      rows,
      `[Eth]\nLife = 3600000000000\nPrice = 9223372036854775807\nCap = 1e+00\nMode = "light"\n[Node]\nHTTPPort = 1\nNames = ["a"]\n[Node.P2P]\nNodes = []\n`,
    );
    expect(layer.problems).toEqual([]);
    expect(values(layer)).toEqual({
      time: 3_600_000,
      wei: (1n << 63n) - 1n,
      cap: 1,
      mode: "light",
      port: 1,
      names: ["a"],
      nodes: [],
    });
  });

  test("ND-03 unknown keys are refused with their path and the nearest name, wrong kinds with what is wanted", () => {
    const { problems } = readConfigFile(rows, `[Node]\nHTTPPrt = 1\nHTTPPort = "8545"\n[Frob]\nA = 1\n`);
    expect(problems.map(({ name, why }) => `${name}: ${why}`)).toEqual([
      "Node.HTTPPrt: no such key; did you mean Node.HTTPPort?",
      "Node.HTTPPort: want a port, 0 to 65535",
      "Frob.A: no such key",
    ]);
  });

  test("keys of geth without a meaning here are named; those that may not be passed over refused, if set", () => {
    const layer = readConfigFile(rows, `[Eth]\nTrieTimeout = 1\n[Node]\nExternalSigner = ""\n`);
    expect(layer.ignored).toEqual(["Eth.TrieTimeout"]);
    expect(layer.problems).toEqual([]);
    const { problems } = readConfigFile(rows, `[Eth.Genesis]\nNonce = 1\n[Node]\nExternalSigner = "x.ipc"\n`);
    expect(problems.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "unsafe Eth.Genesis",
      "unsafe Node.ExternalSigner",
    ]);
  });

  test("what is no TOML is refused with its place", () => {
    expect(readConfigFile(rows, "[Node\nA = 1").problems[0]?.why).toMatch(/^line 1, column \d+: /);
    expect(readConfigFile(rows, "__proto__ = 1").problems).toHaveLength(1);
    expect(readConfigFile(rows, "x".repeat((1 << 20) + 1)).problems[0]?.why).toMatch(/larger than/);
  });

  test("what is written is read back the same, and written again the same", () => {
    const anyText = fc.string({ unit: "grapheme", maxLength: 20 }).filter((one) => !one.includes("\0"));
    const anyValue: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
      port: fc.integer({ min: 0, max: 65_535 }),
      on: fc.boolean(),
      names: fc.array(anyText, { maxLength: 4 }),
      nodes: fc.array(anyText, { maxLength: 4 }),
      wei: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
      time: fc.integer({ min: 0, max: 1_000_000_000 }),
      mode: fc.constantFrom("full", "light"),
      cap: fc.double({ min: 0, max: 1e9, noNaN: true }),
      text: anyText,
    };
    const write = (all: Readonly<Record<string, unknown>>) =>
      formatToml(
        rows.flatMap((one): (readonly [string, unknown])[] => {
          const value = toToml(one, all[one.path]);
          return value === undefined ? [] : [[one.toml ?? "", value]];
        }),
      );
    fc.assert(
      fc.property(fc.record(anyValue), (all) => {
        const written = write(all);
        const read = readConfigFile(rows, written);
        expect(read.problems).toEqual([]);
        expect({ text: "", ...values(read) }).toEqual({
          ...all,
          cap: Object.is(all["cap"], -0) ? 0 : all["cap"],
        });
        expect(write(values(read))).toBe(written);
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

test("durations are Go's", () => {
  expect(["1h0m0s", "1.5s", "300ms", "0", "2m3s", "10us"].map(parseDuration)).toEqual([
    3_600_000, 1_500, 300, 0, 123_000, 0.01,
  ]);
  expect(["", "1", "h", "1 s", "-1s", "1d"].map(parseDuration)).toEqual(Array(6).fill(undefined));
  for (const ms of [0, 1, 999, 1_500, 61_000, 3_600_000, 3_661_000])
    expect(parseDuration(formatDuration(ms))).toBe(ms);
});

test("the nearest name, if one is near", () => {
  expect(nearestName("http.prot", ["http.port", "http.api", "port"])).toBe("http.port");
  expect(nearestName("HTTPPORT", ["http.port"])).toBe("http.port");
  expect(nearestName("frobnicate", ["http.port", "port"])).toBeUndefined();
});
