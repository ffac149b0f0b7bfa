import { describe, expect, test } from "vitest";
import type { OptionRow } from "#config";
import { type Config, type P2pConfig, parseConfig } from "./config.ts";
import { configTable } from "./config-table.ts";
import type { ConfigProblem } from "./errors.ts";

function problems(config: unknown): readonly ConfigProblem[] {
  try {
    parseConfig(config as Config); // as: what a careless caller may hand in
  } catch (error) {
    expect(error).toMatchObject({ code: "CONFIG_INVALID", exitCode: 2, blame: "environment" });
    return (error as { data: { problems: readonly ConfigProblem[] } }).data.problems;
  }
  return [];
}

const rows: readonly OptionRow[] = configTable;
const why = (config: unknown) => problems(config).map((one) => one.why);

describe("ND-03 a config that is wrong", () => {
  test("unknown names are refused by name, in groups too", () => {
    expect(why({ nmae: "x" })).toEqual(["unknown option nmae"]);
    expect(why({ http: { prot: 1 } })).toEqual(["unknown option http.prot"]);
    expect(why({ p2p: { maxPeer: 1 } })).toEqual(["unknown option p2p.maxPeer"]);
    expect(why(JSON.parse('{"__proto__":{"a":1},"constructor":1}'))).toEqual([
      "unknown option __proto__",
      "unknown option constructor",
    ]);
  });

  test("wrong types and values name their place and flag", () => {
    expect(problems({ http: { port: 70_000 } })).toEqual([
      { path: "http.port", flag: "http.port", why: "http.port (--http.port): want a port, 0 to 65535" },
    ]);
    for (const port of [Number.NaN, -1, 1.5, "8545", null, Number.POSITIVE_INFINITY])
      expect(problems({ http: { port } })).toHaveLength(1);
    for (const maxPeers of [Number.NaN, -1, "25"])
      expect(problems({ p2p: { maxPeers } })[0]?.path).toBe("p2p.maxPeers");
    expect(problems({ dataDir: 5 })[0]?.flag).toBe("datadir");
    expect(problems({ dataDir: "a\0b" })).toHaveLength(1);
    expect(problems({ http: { modules: "eth" } })).toHaveLength(1);
    expect(problems({ ws: { exposeAll: "yes" } })).toHaveLength(1);
    expect(problems({ http: [] })).toEqual([{ path: "http", flag: undefined, why: "http: want an object" }]);
    expect(problems({ networkId: -1n })).toHaveLength(1);
  });

  test("p2p.nat takes geth's words, and an address that is none is told here, not at the start", () => {
    const good =
      "any auto on none off upnp UPnP pmp natpmp nat-pmp pmp:10.0.0.1 nat-pmp:10.0.0.1 extip:1.2.3.4 ip:1.2.3.4 EXTIP:::1";
    for (const nat of [
      "",
      ...good.split(" "),
      "stun",
      "stun:1.2.3.4:3478",
      "stun:stun.example.org:3478",
      "stun:[::1]:3478",
    ])
      expect(problems({ p2p: { nat } }), nat).toEqual([]);
    for (const nat of [
      "extip",
      "extip:",
      "extip:here",
      "ip:1.2.3",
      "pmp:x",
      "upnp:x",
      "any:",
      "foo",
      "foo:1.2.3.4",
      "stun:",
      "stun:host",
    ])
      expect(problems({ p2p: { nat } })[0]?.path, nat).toBe("p2p.nat");
  });

  test("every problem is told at once", () => {
    expect(
      problems({ name: "a/b", http: { port: -1 }, what: 1, p2p: { staticNodes: ["nonsense"] } }).map(
        (one) => one.path,
      ),
    ).toEqual(["what", "http.port", "p2p.staticNodes[0]", "name"]);
  });

  test("a bad key is refused without telling it", () => {
    const privateKey = new Uint8Array(32).fill(0xff);
    expect(why({ p2p: { privateKey } })).toEqual([
      "p2p.privateKey (--nodekey): want 32 bytes that are a secp256k1 key",
    ]);
    expect(problems({ p2p: { privateKey: new Uint8Array(31).fill(1) } })).toHaveLength(1);
  });

  test("a field given in both forms is refused", () => {
    expect(why({ http: { port: 1 }, httpPort: 1 })).toEqual([
      "http.port is given twice: as http.port and as httpPort",
    ]);
  });

  test("names (geth's texts)", () => {
    expect(why({ name: "a/b" })).toEqual(["Config.Name must not contain '/' or '\\'"]);
    expect(why({ name: "a\\b" })).toEqual(["Config.Name must not contain '/' or '\\'"]);
    expect(why({ name: "keystore" })).toEqual(['Config.Name cannot be "keystore"']);
    expect(why({ name: "x.ipc" })).toEqual(['Config.Name cannot end in ".ipc"']);
    expect(why({ name: ".." })).toEqual(['Config.Name cannot be ".."']);
  });
});

describe("what a config means", () => {
  test("nothing given: nothing listens, nothing on disk", () => {
    const config = parseConfig({});
    expect(config).toMatchObject({
      dataDir: "",
      ipcEndpoint: "",
      keyStoreDir: undefined,
      networkId: undefined,
      http: { host: "", port: 0, vhosts: ["localhost"], cors: [], modules: [] },
      ws: { host: "", port: undefined },
    });
    expect(Object.isFrozen(config) && Object.isFrozen(config.http)).toBe(true);
  });

  test("grouped and flat forms mean the same", () => {
    const grouped = parseConfig({
      http: { host: "127.0.0.1", port: 1, cors: ["a"], vhosts: ["b"], modules: ["c"] },
      ws: { host: "::1", port: 2, origins: ["d"], modules: ["e"], exposeAll: true },
    });
    const flat = parseConfig({
      httpHost: "127.0.0.1",
      httpPort: 1,
      httpCors: ["a"],
      httpVirtualHosts: ["b"],
      httpModules: ["c"],
      wsHost: "::1",
      wsPort: 2,
      wsOrigins: ["d"],
      wsModules: ["e"],
      wsExposeAll: true,
    });
    expect(grouped).toEqual(flat);
  });

  test("a group turns its endpoint on, on loopback; WebSocket stands beside HTTP", () => {
    expect(parseConfig({ http: {} }).http.host).toBe("127.0.0.1");
    expect(parseConfig({ http: { host: "" } }).http.host).toBe("");
    expect(parseConfig({ ws: {} }).ws).toMatchObject({ host: "127.0.0.1", port: undefined });
    expect(parseConfig({ http: { host: "0.0.0.0" }, ws: {} }).ws.host).toBe("0.0.0.0");
  });

  test("every field of the seed has a row, every row a meaning", () => {
    const seed = [
      "name",
      "userIdent",
      "version",
      "dataDir",
      "keyStoreDir",
      "useLightweightKdf",
      "noUsb",
      "ipcPath",
      "httpHost",
      "httpPort",
      "httpCors",
      "httpVirtualHosts",
      "httpModules",
      "wsHost",
      "wsPort",
      "wsOrigins",
      "wsModules",
      "wsExposeAll",
    ];
    const names = new Set(rows.flatMap((row) => [row.path, row.seed ?? row.path]));
    expect(seed.filter((name) => !names.has(name))).toEqual([]);
    expect(configTable.every((row) => row.doc.length > 10)).toBe(true);
    // the compiler knows every option of the p2p server: one that is new there fails to compile here
    const p2p: { readonly [Name in keyof Required<P2pConfig>]: true } = {
      privateKey: true,
      maxPeers: true,
      maxPendingPeers: true,
      dialRatio: true,
      noDiscovery: true,
      noDial: true,
      listenAddr: true,
      staticNodes: true,
      trustedNodes: true,
      netRestrict: true,
      enableMsgEvents: true,
      acceptPlainHandshake: true,
      externalIp: true,
      protocols: true,
      log: true,
      discoveryV5: true,
      bootstrapNodes: true,
      discAddr: true,
      bootstrapNodesV5: true,
      nodeDatabase: true,
      nat: true,
      discoveryDns: true,
    };
    expect(Object.keys(p2p).filter((name) => !names.has(`p2p.${name}`))).toEqual([]);
    const flags = rows.flatMap((row) => row.flag ?? []);
    expect(new Set(flags).size).toBe(flags.length);
  });
});
