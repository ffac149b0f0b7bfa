import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, publicKeyOf } from "#crypto";
import { formatEnode, makeEnode } from "#enode";
import { type Logger, silentLogger } from "#log";
import { api, dialRpc, method, RpcClient, text } from "#rpc";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CLOSED_PORT, call, http, wsLine } from "../../test/kit/rpc.ts";
import type { Config } from "./config.ts";
import { Node } from "./node.ts";

let folder = "";
const open: AsyncDisposable[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-ep-"));
});

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const row = () => method({ doc: "", params: [], result: text, handle: () => "here" });
const apis = [
  api({ namespace: "eth", methods: { open: row() } }),
  api({ namespace: "eth", isPublic: false, methods: { hidden: row() } }),
  api({ namespace: "secret", isPublic: false, methods: { open: row() } }),
];

async function start(config: Config = {}): Promise<Node> {
  const node = new Node({ name: "test", p2p: { listenAddr: "127.0.0.1:0" }, ...config });
  node.register(() => ({ protocols: [], apis, networkId: 1337n, start() {}, stop() {} }));
  await node.start();
  open.push(node);
  return node;
}

const portOf = (endpoint: string) => Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));

async function dial(endpoint: string): Promise<RpcClient> {
  const client = await dialRpc(endpoint);
  open.push(client);
  return client;
}

const modulesOf = async (client: RpcClient) =>
  Object.keys((await client.request({ method: "rpc_modules" })) as object).sort();
const can = async (client: RpcClient, name: string) => {
  try {
    await client.request({ method: name });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: -32601 });
    return false;
  }
};

describe("T5 module exposure (Trap 2)", () => {
  const lists: readonly (readonly [string, readonly string[] | undefined, readonly string[], boolean])[] = [
    ["none given", undefined, ["admin", "debug", "eth", "net", "rpc", "web3"], false],
    ["an empty list", [], ["admin", "debug", "eth", "net", "rpc", "web3"], false],
    ["eth", ["eth"], ["eth", "rpc"], true],
    ["one empty text", [""], ["rpc"], false],
    ["an unknown name", ["nope"], ["rpc"], false],
    ["private ones by name", ["secret", "net"], ["net", "rpc", "secret"], false],
  ];
  test.each(lists)("%s, on HTTP and WebSocket", async (_what, modules, wanted, hasHidden) => {
    const node = await start({ http: { modules }, ws: { modules, port: 0 } });
    for (const client of [await dial(`http://${node.httpEndpoint}`), await dial(`ws://${node.wsEndpoint}`)]) {
      expect(await modulesOf(client)).toEqual(wanted);
      expect(await can(client, "eth_hidden")).toBe(hasHidden);
      expect(await can(client, "eth_open")).toBe(wanted.includes("eth"));
      expect(await can(client, "secret_open")).toBe(wanted.includes("secret"));
    }
  });

  test("exposeAll is WebSocket's only; IPC and in process have everything", async () => {
    const node = await start({
      ipcPath: "t.ipc",
      dataDir: folder,
      http: { modules: ["eth"] },
      ws: { modules: ["eth"], exposeAll: true },
    });
    const all = ["admin", "debug", "eth", "net", "rpc", "secret", "web3"];
    expect(await modulesOf(await dial(`http://${node.httpEndpoint}`))).toEqual(["eth", "rpc"]);
    expect(await modulesOf(await dial(`ws://${node.wsEndpoint}`))).toEqual(all);
    expect(await modulesOf(await dial(node.ipcEndpoint))).toEqual(all);
    expect(await modulesOf(node.attach())).toEqual(all);
    expect(await node.attach().request({ method: "secret_open" })).toBe("here");
  });

  test("RP-20 admin, and what is not listed, is not there: -32601", async () => {
    const node = await start({ http: { modules: ["eth", "net", "web3"] } });
    const client = await dial(`http://${node.httpEndpoint}`);
    for (const name of [
      "admin_addPeer",
      "admin_startHTTP",
      "admin_datadir",
      "admin_peers",
      "debug_traceCall",
      "personal_sign",
      "secret_open",
    ])
      expect(await can(client, name), name).toBe(false);
  });
});

describe("endpoints of a node", () => {
  test("HTTP and WebSocket share a port where none is given for WebSocket, or the same", async () => {
    const shared = await start({ http: {}, ws: {} });
    expect(shared.wsEndpoint).toBe(shared.httpEndpoint);
    const apart = await start({ http: {}, ws: { port: 0 } });
    expect(apart.wsEndpoint).not.toBe(apart.httpEndpoint);
  });

  test("the IPC socket lies in the data directory, 0600, and goes with the node", async () => {
    const node = await start({ dataDir: folder, ipcPath: "t.ipc" });
    expect(node.ipcEndpoint).toBe(join(folder, "t.ipc"));
    expect((await lstat(node.ipcEndpoint)).mode & 0o777).toBe(0o600);
    await node.stop();
    expect((await readdir(folder)).filter((name) => name !== "keystore")).toEqual(["test"]);
    await node.start();
  });

  test("Trap 8: a second instance in the same data directory does not steal a live socket", async () => {
    await start({ dataDir: folder, ipcPath: "t.ipc" });
    await expect(start({ dataDir: folder, ipcPath: "t.ipc", name: "other" })).rejects.toMatchObject({
      code: "RPC_IPC_TAKEN",
    });
  });

  test("T6 vhosts, CORS and origins come from the config; WebSocket checks Host too", async () => {
    const node = await start({
      http: { vhosts: ["my.host"], cors: ["http://good.example"] },
      ws: { origins: ["http://good.example"] },
    });
    const port = portOf(node.httpEndpoint);
    const body = call(1, "eth_open");
    expect((await http(port, { body, headers: { Host: "My.Host" } })).status).toBe(200);
    expect((await http(port, { body, headers: { Host: "localhost" } })).status).toBe(403);
    expect(
      (await http(port, { body, headers: { Origin: "http://good.example" } })).headers[
        "access-control-allow-origin"
      ],
    ).toBe("http://good.example");
    (await wsLine(port, { Origin: "http://good.example" })).close();
    await expect(wsLine(port, { Origin: "http://localhost" })).rejects.toThrow("403");
    await expect(wsLine(port, { Host: "evil.example" })).rejects.toThrow("403");
  });

  test("after a stop a kept-alive connection is closed, not answered with nothing (Trap 35)", async () => {
    const node = await start({ http: {} });
    const client = await dial(`http://${node.httpEndpoint}`);
    await client.request({ method: "eth_open" });
    await node.stop();
    await expect(client.request({ method: "eth_open" })).rejects.toMatchObject({ code: 4900 });
    await node.start();
  });
});

describe("admin_", () => {
  test("Trap 3: startHTTP takes modules and vhosts from the config and from its own arguments", async () => {
    const node = await start({ httpModules: ["eth"], httpVirtualHosts: ["from.config"] });
    const admin = node.attach();
    expect(node.httpEndpoint).toBe("");
    expect(await admin.request({ method: "admin_startHTTP" })).toBe(true);
    await expect(admin.request({ method: "admin_startHTTP" })).rejects.toMatchObject({
      code: -32000,
      message: `HTTP RPC already running on ${node.httpEndpoint}`,
    });
    const port = portOf(node.httpEndpoint);
    expect(
      (await http(port, { body: call(1, "rpc_modules"), headers: { Host: "from.config" } })).body,
    ).toContain('{"eth":"1.0","rpc":"1.0"}');
    expect(await admin.request({ method: "admin_stopHTTP" })).toBe(true);
    await expect(admin.request({ method: "admin_stopHTTP" })).rejects.toMatchObject({
      code: -32000,
      message: "HTTP RPC not running",
    });
    expect(
      await admin.request({
        method: "admin_startHTTP",
        params: ["127.0.0.1", 0, "*", "net, web3", "other.host"],
      }),
    ).toBe(true);
    const again = portOf(node.httpEndpoint);
    const reply = await http(again, {
      body: call(1, "rpc_modules"),
      headers: { Host: "other.host", Origin: "http://x" },
    });
    expect([
      reply.body.includes('{"net":"1.0","rpc":"1.0","web3":"1.0"}'),
      reply.headers["access-control-allow-origin"],
    ]).toEqual([true, "*"]);
    await admin.request({ method: "admin_stopHTTP" });
    await admin.request({ method: "admin_startHTTP", params: [null, null, null, ""] });
    expect((await http(portOf(node.httpEndpoint), { body: call(1, "rpc_modules") })).body).toContain(
      '"result":{"rpc":"1.0"}',
    );
  });

  test("an endpoint opened at run time does not come back after a restart", async () => {
    const node = await start();
    await node.attach().request({ method: "admin_startHTTP" });
    await node.restart();
    expect(node.httpEndpoint).toBe("");
  });

  test("a module that nobody offers is named in an error line; the others are served", async () => {
    const lines: unknown[] = [];
    const error = (message: string, facts?: object) => lines.push([message, facts]);
    const logger: Logger = { ...silentLogger, error, child: () => logger };
    const node = await start({ logger, http: { host: "127.0.0.1", modules: ["web3", "nonsense", "rpc"] } });
    expect(lines).toEqual([
      [
        "Unavailable modules in HTTP API list",
        { unavailable: ["nonsense"], available: expect.arrayContaining(["admin", "net", "web3"]) },
      ],
    ]);
    expect((await http(portOf(node.httpEndpoint), { body: call(1, "rpc_modules") })).body).toContain("web3");
  });

  test("the old names work and say so once", async () => {
    const lines: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => lines.push(message), child: () => logger };
    const node = await start({ logger });
    const admin = node.attach();
    for (let i = 0; i < 2; i++) {
      await admin.request({ method: "admin_startRPC" });
      await admin.request({ method: "admin_stopRPC" });
    }
    expect(lines.filter((line) => line === "old RPC method name")).toHaveLength(2); // one for each name
  });

  test("WebSocket starts and stops, beside HTTP or alone; the call that stops HTTP still gets its answer over it", async () => {
    const node = await start({ http: { modules: ["admin"] } });
    const client = await dial(`http://${node.httpEndpoint}`);
    const port = portOf(node.httpEndpoint);
    expect(await client.request({ method: "admin_startWS", params: ["127.0.0.1", port] })).toBe(true);
    expect(node.wsEndpoint).toBe(node.httpEndpoint);
    await expect(client.request({ method: "admin_startWS" })).rejects.toMatchObject({
      message: `WebSocket RPC already running on ${node.wsEndpoint}`,
    });
    const line = await wsLine(port);
    expect(await client.request({ method: "admin_stopHTTP" })).toBe(true);
    expect((await http(port, { body: call(1, "rpc_modules") })).status).toBe(404);
    line.send(call(1, "rpc_modules"));
    expect(await line.next()).toContain('"result"');
    expect(await node.attach().request({ method: "admin_stopWS" })).toBe(true);
    await line.closed;
    await expect(http(port, { body: "" })).rejects.toThrow(CLOSED_PORT);
    await expect(node.attach().request({ method: "admin_stopWS" })).rejects.toMatchObject({
      message: "WebSocket RPC not running",
    });
  });

  test("peers: bad URLs are told, good ones answer true", async () => {
    const node = await start();
    const admin = node.attach();
    const url = formatEnode(makeEnode(publicKeyOf(generateKey()), { ip: "127.0.0.1", tcp: 1, udp: 1 }));
    for (const name of ["addPeer", "removePeer", "addTrustedPeer", "removeTrustedPeer"]) {
      expect(await admin.request({ method: `admin_${name}`, params: [url] })).toBe(true);
      for (const bad of [
        "",
        "nonsense",
        "enode://12@127.0.0.1:1",
        "http://x",
        `enode://${"0".repeat(128)}@1.2.3.4:1`,
        "../../etc/passwd",
        "x".repeat(100_000),
      ]) {
        await expect(
          admin.request({ method: `admin_${name}`, params: [bad] }),
          bad.slice(0, 40),
        ).rejects.toMatchObject({
          code: -32000,
          message: expect.stringMatching(/^invalid enode: /) as string,
        });
      }
      for (const params of [[], [5], [null], [url, 1]])
        await expect(admin.request({ method: `admin_${name}`, params })).rejects.toMatchObject({
          code: -32602,
        });
    }
    expect(await admin.request({ method: "admin_peers" })).toEqual([]);
    expect(await admin.request({ method: "admin_nodeInfo" })).toMatchObject({
      id: node.server?.self.id,
      name: node.config.identifier,
    });
    expect(await admin.request({ method: "admin_datadir" })).toBe("");
  });

  test("Trap 12: peerEvents is a subscription, and two nodes see each other come and go", async () => {
    const one = await start();
    const two = await start();
    const client = one.attach();
    open.push(client);
    await expect(
      (await dial(`http://${(await start({ http: { modules: ["admin"] } })).httpEndpoint}`)).subscribe(
        "admin",
        ["peerEvents"],
      ),
    ).rejects.toMatchObject({ code: -32601, message: "notifications not supported" });
    const events = await client.subscribe("admin", ["peerEvents"]);
    await client.request({ method: "admin_addPeer", params: [two.server?.self.enode] });
    const seen: unknown[] = [];
    for await (const event of events) {
      seen.push(event);
      if (seen.length === 1) {
        expect(await client.request({ method: "net_peerCount" })).toBe("0x1");
        expect(await client.request({ method: "admin_peers" })).toMatchObject([{ id: two.server?.self.id }]);
        await client.request({ method: "admin_removePeer", params: [two.server?.self.enode] });
      } else break;
    }
    expect(seen).toMatchObject([
      { type: "add", peer: two.server?.self.id },
      { type: "drop", peer: two.server?.self.id },
    ]);
  });
});

test("net_ and web3_", async () => {
  const node = await start({ version: "0.1.0", userIdent: "me" });
  const client = node.attach();
  expect(await client.request({ method: "net_version" })).toBe("1337");
  expect(await client.request({ method: "net_listening" })).toBe(true);
  expect(await client.request({ method: "net_peerCount" })).toBe("0x0");
  expect(await client.request({ method: "web3_clientVersion" })).toBe(node.config.identifier);
  expect(await client.request({ method: "web3_sha3", params: ["0x"] })).toBe(
    "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
  );
  expect(await (await start({ networkId: 5 })).attach().request({ method: "net_version" })).toBe("5");
});
