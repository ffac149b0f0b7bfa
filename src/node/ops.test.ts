import { request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { Feed } from "#event";
import { nodeHost } from "#host/node";
import type { Protocol } from "#p2p";
import { api, method, text } from "#rpc";
import { until } from "../../test/kit/until.ts";
import { type Config, meterHeads, Node, type Service, type Vitals } from "./index.ts";

const nodes: Node[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]();
});

interface Told {
  vitals?: Vitals;
  protocols?: readonly Protocol[];
}

function service({ vitals, protocols = [] }: Told): Service {
  return {
    protocols,
    apis: [
      api({
        namespace: "test",
        methods: {
          echo: method({ doc: "Gives it back.", params: [text], result: text, handle: ([one]) => one }),
          fail: method({
            doc: "Fails.",
            params: [],
            result: text,
            handle: () => Promise.reject(new Error("no")),
          }),
        },
      }),
    ],
    start() {},
    stop() {},
    ...(vitals === undefined ? {} : { vitals: () => vitals }),
  };
}

async function start(config: Config, told: Told = {}): Promise<Node> {
  const node = new Node({ name: "test", ...config });
  nodes.push(node);
  node.register(() => service(told));
  await node.start();
  return node;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
}

/** A GET, or another method, with headers of one's own choice. */
function get(
  endpoint: string,
  path: string,
  headers: Record<string, string> = {},
  verb = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`http://${endpoint}${path}`, { method: verb, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, type: response.headers["content-type"] ?? "" }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}

const vitals = (more: Partial<Vitals> = {}): Vitals => ({
  head: { number: 7, ageSeconds: 3 },
  syncing: undefined,
  needsPeers: false,
  figures: { pool_pending: 2 },
  ...more,
});

describe("/health on the RPC port", () => {
  test("a node that is well is ready and live", async () => {
    const node = await start({ http: {} }, { vitals: vitals() });
    for (const path of ["/health", "/health/ready", "/health/live"]) {
      const { status, body, type } = await get(node.httpEndpoint, path);
      expect([status, type]).toEqual([200, "application/json"]);
      expect(JSON.parse(body)).toEqual({
        status: "ready",
        reasons: [],
        peers: 0,
        head: { number: 7, ageSeconds: 3 },
        syncing: false,
      });
    }
  });

  test.each<[string, Partial<Vitals>, string[]]>([
    ["without peers", { needsPeers: true }, ["no peers"]],
    ["in a sync", { syncing: { current: 5, highest: 10 } }, ["syncing: block 5 of 10"]],
    [
      "with an old head",
      { needsPeers: true, head: { number: 1, ageSeconds: 301 } },
      ["no peers", "the head is 301 s old"],
    ],
  ])("%s it is live, not ready, and says why", async (_what, more, reasons) => {
    const node = await start({ http: {} }, { vitals: vitals(more) });
    const ready = await get(node.httpEndpoint, "/health");
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toMatchObject({ status: "not ready", reasons });
    expect((await get(node.httpEndpoint, "/health/live")).status).toBe(200);
    expect(node.health.reasons).toEqual(reasons);
  });

  test("RP-01 a foreign Host gets no health either; other paths answer as before", async () => {
    const node = await start({ http: {} });
    expect((await get(node.httpEndpoint, "/health", { host: "evil.example" })).status).toBe(403);
    expect(await get(node.httpEndpoint, "/")).toMatchObject({ status: 200, body: "" });
    expect(await get(node.httpEndpoint, "/metrics")).toMatchObject({ status: 200, body: "" });
  });

  test("a target that is no URL gets an answer, here and of the metrics endpoint, and ends nothing", async () => {
    const node = await start({ http: {}, metrics: {} });
    for (const endpoint of [node.httpEndpoint, node.metricsEndpoint])
      for (const path of ["//", "//?x=1", "//[", "/\\\\", "/%zz", "//user:pass@:99999/"]) {
        const { status } = await get(endpoint, path);
        expect([200, 400, 404, 405], path).toContain(status);
      }
    expect((await get(node.httpEndpoint, "/health/live?x=//")).status).toBe(200);
  });

  test("a stopped node is neither", async () => {
    const node = new Node({ name: "test" });
    expect(node.health).toMatchObject({ isLive: false, isReady: false, reasons: ["not running"] });
    expect(node.metrics).toBeUndefined();
  });
});

describe("the metrics endpoint", () => {
  test("calls by method and result, process, chain; Prometheus' path and geth's; health beside them", async () => {
    const node = await start({ metrics: {} }, { vitals: vitals() });
    const client = node.attach();
    await client.request({ method: "test_echo", params: ["a"] });
    await client.request({ method: "test_echo", params: ["b"] });
    await client.request({ method: "test_fail" }).catch(() => {});
    await client.request({ method: "nobody_knows" }).catch(() => {});
    const { body, type } = await get(node.metricsEndpoint, "/metrics");
    expect(type).toBe("text/plain; version=0.0.4");
    const lines = body.split("\n");
    for (const line of [
      'glim_rpc_calls{method="test_echo",result="ok"} 2',
      'glim_rpc_calls{method="test_fail",result="failed"} 1',
      'glim_rpc_seconds_count{namespace="test"} 3',
      "glim_chain_head_number 7",
      "glim_chain_syncing 0",
      'glim_chain_figures{name="pool_pending"} 2',
      'glim_p2p_peers{direction="inbound"} 0',
    ])
      expect(lines).toContain(line);
    expect(body).not.toContain("nobody");
    expect(Number(/^glim_process_resident_bytes (\d+)$/m.exec(body)?.[1])).toBeGreaterThan(1e6);
    expect((await get(node.metricsEndpoint, "/debug/metrics/prometheus")).body).toContain("glim_rpc_calls");
    expect(JSON.parse((await get(node.metricsEndpoint, "/debug/metrics")).body).rpc.calls).toMatchObject({
      "test_echo/ok": 2,
    });
    expect(await client.request({ method: "debug_metrics", params: [true] })).toMatchObject({
      chain: { head_number: 7 },
    });
    expect((await get(node.metricsEndpoint, "/health")).status).toBe(200);
    expect((await get(node.metricsEndpoint, "/metrics", { host: "evil.example" })).status).toBe(403); // RP-01
    expect((await get(node.metricsEndpoint, "/debug/pprof/heap")).status).toBe(404); // without --pprof
  });

  test("a path without a page is 404, and calls are not answered there", async () => {
    const node = await start({ metrics: { profile: true } });
    for (const path of ["/", "/metric", "/metrics/", "/debug/pprof/goroutine", "/health/x"])
      expect((await get(node.metricsEndpoint, path)).status, path).toBe(404);
    for (const path of ["/metrics", "/health", "/debug/pprof"])
      expect((await get(node.metricsEndpoint, path)).status, path).toBe(200);
    expect(await get(node.metricsEndpoint, "/metrics", {}, "HEAD")).toMatchObject({ status: 200, body: "" });
    expect((await get(node.metricsEndpoint, "/metric", {}, "HEAD")).status).toBe(404);
    const call = await fetch(`http://${node.metricsEndpoint}/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"jsonrpc":"2.0","id":1,"method":"rpc_modules"}`,
    });
    expect(call.status).toBe(405);
  });

  test("RP-02 web pages of other sites see no page, and have no profile taken; HEAD of /health tells the truth", async () => {
    const node = await start(
      { metrics: { profile: true }, http: { cors: ["https://board.example"] } },
      { vitals: vitals({ needsPeers: true }) },
    );
    const own = `http://${node.metricsEndpoint}`;
    for (const path of ["/metrics", "/health", "/debug/pprof/profile?seconds=300", "/debug/pprof/heap"])
      for (const headers of [
        { origin: "https://evil.example" },
        { origin: "null" },
        { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
        { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
        { "sec-fetch-site": "same-site" },
      ])
        expect((await get(node.metricsEndpoint, path, headers as Record<string, string>)).status).toBe(403);
    for (const headers of [
      { origin: own },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin" },
    ])
      expect((await get(node.metricsEndpoint, "/metrics", headers as Record<string, string>)).status).toBe(
        200,
      );
    // a profile was not begun: one is to be had at once
    expect((await get(node.metricsEndpoint, "/debug/pprof/profile?seconds=0.05")).status).toBe(200);
    // on the RPC port those that CORS lists may look
    const board = { origin: "https://board.example", "sec-fetch-site": "cross-site" };
    expect((await get(node.httpEndpoint, "/health/live", board)).status).toBe(200);
    expect((await get(node.httpEndpoint, "/health", { origin: "https://evil.example" })).status).toBe(403);
    expect((await get(node.httpEndpoint, "/health", {}, "HEAD")).status).toBe(503);
  });

  test("messages by protocol, version and name, both ways; handshakes by how they ended", async () => {
    const chat = (greets: boolean): Protocol => ({
      name: "chat",
      version: 3,
      length: 4,
      messageName: (code) => (code === 2 ? "greeting" : undefined),
      async run(_peer, rw, signal) {
        if (greets) for (const code of [2, 3]) await rw.writeMsg(code, new Uint8Array([0xc0]));
        else for (let i = 0; i < 2; i++) await rw.readMsg();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    });
    const metrics = {};
    const server = await start(
      { metrics, p2p: { listenAddr: "127.0.0.1:0", maxPeers: 5 } },
      { protocols: [chat(false)] },
    );
    const client = await start({ metrics, p2p: { maxPeers: 5 } }, { protocols: [chat(true)] });
    client.server?.addPeer(server.server?.self.enode ?? "");
    const linesOf = async (node: Node) => (await get(node.metricsEndpoint, "/metrics")).body.split("\n");
    await until("the message is counted", async () =>
      (await linesOf(server)).includes('glim_p2p_messages_in{protocol="chat",version="3",name="3"} 1'),
    );
    expect(await linesOf(server)).toContain(
      'glim_p2p_bytes_in{protocol="chat",version="3",name="greeting"} 1',
    );
    expect(await linesOf(server)).toContain('glim_p2p_peers{direction="inbound"} 1');
    expect(await linesOf(client)).toContain(
      'glim_p2p_messages_out{protocol="chat",version="3",name="greeting"} 1',
    );
    expect(await linesOf(server)).toContain('glim_p2p_handshakes{direction="inbound",result="ok"} 1');
    expect(await linesOf(client)).toContain('glim_p2p_handshakes{direction="outbound",result="ok"} 1');
    const other = await start(
      { metrics, p2p: { maxPeers: 5 } },
      { protocols: [{ ...chat(true), name: "talk" }] },
    );
    other.server?.addPeer(server.server?.self.enode ?? "");
    await until("the useless peer is counted", async () =>
      (await linesOf(server)).includes(
        'glim_p2p_handshakes{direction="inbound",result="P2P_USELESS_PEER"} 1',
      ),
    );
    await until("the other side knows why", async () =>
      (await linesOf(other)).some((line) =>
        /^glim_p2p_handshakes\{direction="outbound",result="(P2P_USELESS_PEER|told uselessPeer)"\} 1$/.test(
          line,
        ),
      ),
    );
  });

  test("packets of discovery, by version, in, out and why they were dropped", async () => {
    const p2p = { listenAddr: "127.0.0.1:0", noDiscovery: false, discoveryV5: true };
    const node = await start({ metrics: {}, p2p });
    const other = await start({ p2p: { ...p2p, bootstrapNodes: [node.server?.self.enode ?? ""] } });
    const { udp = 0 } = node.server?.self.node ?? {};
    const noise = await nodeHost().net.bindUdp({ host: "127.0.0.1", port: 0 });
    noise.send(new Uint8Array(70), { host: "127.0.0.1", port: udp });
    const figure = async (name: string) => {
      const { body } = await get(node.metricsEndpoint, "/metrics");
      return Number(
        body
          .split("\n")
          .find((line) => line.startsWith(`glim_discovery_${name} `))
          ?.split(" ")[1] ?? -1,
      );
    };
    for (const version of ["v4", "v5"]) {
      await until(
        `${version} has come and gone`,
        async () => (await figure(`packets_in{version="${version}"}`)) > 1,
      );
      expect(await figure(`packets_out{version="${version}"}`)).toBeGreaterThan(0);
      await until(
        `${version} knows the other`,
        async () => (await figure(`table_nodes{version="${version}"}`)) === 1,
      );
    }
    await until(
      "the noise is counted once",
      async () => (await figure(`packets_dropped{version="v5",reason="junk"}`)) === 1,
    );
    expect(await figure(`packets_dropped{version="v4",reason="junk"}`)).toBe(-1);
    expect(await figure(`packets_dropped{version="v4",reason="limited"}`)).toBe(0);
    await noise.close();
    await other.stop();
  });

  test("blocks that join the chain, and how deep a reorg went", async () => {
    const node = await start({ metrics: {} });
    const heads = new Feed<{ added: readonly number[]; removed: readonly number[] }>(() => {});
    meterHeads(heads, node.metrics);
    const linesOf = async () => (await get(node.metricsEndpoint, "/metrics")).body.split("\n");
    expect(await linesOf()).toContain("glim_chain_reorgs 0");
    for (const event of [
      { added: [1, 2, 3, 4, 5], removed: [] },
      { added: [6, 7, 8, 9, 10], removed: [2, 3, 4, 5] },
      { added: [], removed: [10] }, // debug_setHead
    ])
      heads.send(event);
    for (const line of [
      "glim_chain_blocks_imported 10",
      "glim_chain_reorgs 1",
      "glim_chain_reorg_depth_sum 4",
      'glim_chain_reorg_depth_bucket{le="3"} 0',
      'glim_chain_reorg_depth_bucket{le="6"} 1',
    ])
      expect(await linesOf()).toContain(line);
  });

  test("stores count what is read and written; a restart counts on; the port is free after a stop", async () => {
    const node = new Node({ name: "test", metrics: {} });
    nodes.push(node);
    node.register(async (context) => {
      const db = await context.openDatabase("things");
      db.put(new Uint8Array([1]), new Uint8Array([1, 2, 3]));
      db.batch()
        .put(new Uint8Array([2]), new Uint8Array(9))
        .delete(new Uint8Array([3]))
        .write();
      expect(db.get(new Uint8Array([1]))).toEqual(new Uint8Array([1, 2, 3]));
      await db.flush();
      return service({});
    });
    await node.start();
    const endpoint = node.metricsEndpoint;
    await node.restart();
    const { body } = await get(node.metricsEndpoint, "/metrics");
    expect(body).toContain('glim_db_reads{store="things"} 2');
    expect(body).toContain('glim_db_writes{store="things"} 6');
    expect(body).toContain('glim_db_bytes_read{store="things"} 6');
    await node.stop();
    expect(node.metricsEndpoint).toBe("");
    await expect(get(endpoint, "/metrics")).rejects.toThrow();
  });

  test("profiles on request, on loopback only", async () => {
    const node = await start({ metrics: { profile: true } });
    const { status, body } = await get(node.metricsEndpoint, "/debug/pprof/profile?seconds=0.05");
    expect(status).toBe(200);
    expect(JSON.parse(body)).toHaveProperty("nodes");
    for (const bad of ["0", "-1", "x", "301"])
      expect((await get(node.metricsEndpoint, `/debug/pprof/profile?seconds=${bad}`)).status).toBe(400);
    const [first, second] = await Promise.all(
      [1, 2].map(() => get(node.metricsEndpoint, "/debug/pprof/profile?seconds=0.2")),
    );
    expect(new Set([first?.status, second?.status])).toEqual(new Set([200, 409]));
    expect(() => new Node({ name: "x", metrics: { host: "0.0.0.0", profile: true } })).toThrow(
      /loopback address only/,
    );
  });

  test("a heap snapshot, unless an account is unlocked (KS-09)", async () => {
    const node = await start({ metrics: { profile: true } });
    const { status, body } = await get(node.metricsEndpoint, "/debug/pprof/heap");
    expect(status).toBe(200);
    expect(body.slice(0, 12)).toBe('{"snapshot":');
  });
});
