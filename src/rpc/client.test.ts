import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as listen } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrowserProvider } from "ethers";
import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { createPublicClient, custom, http as viemHttp, webSocket } from "viem";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { TestService } from "../../test/kit/rpc-service.ts";
import { dialRpc, inProcess, type RpcClient } from "./client.ts";
import { blockNumberOrHash } from "./shapes.ts";
import { address, json, quantity } from "./codec.ts";
import { RpcError } from "./errors.ts";
import { HttpEndpoint } from "./http.ts";
import { IpcEndpoint } from "./ipc.ts";
import { api, method } from "./method.ts";
import { RpcServer } from "./server.ts";

const eth = api({
  namespace: "eth",
  methods: {
    chainId: method({ doc: "", params: [], result: quantity, handle: () => 1337 }),
    blockNumber: method({ doc: "", params: [], result: quantity, handle: () => 42 }),
    getBalance: method({
      doc: "",
      params: [address, blockNumberOrHash],
      result: quantity,
      handle: () => 10n ** 18n,
    }),
    call: method({
      doc: "",
      params: [json],
      result: quantity,
      handle() {
        throw new RpcError(3, "execution reverted", "0x1234");
      },
    }),
  },
});

let folder = "";
let service: TestService;
let server: RpcServer;
let web: HttpEndpoint;
let ipc: IpcEndpoint;
const open: RpcClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-client-"));
  service = new TestService();
  server = new RpcServer({ apis: [...service.apis, eth], host: nodeHost() });
  web = await HttpEndpoint.open({
    host: "127.0.0.1",
    port: 0,
    http: { server },
    ws: { server },
    clock: nodeHost().clock,
  });
  ipc = await IpcEndpoint.open({ path: join(folder, "c.ipc"), server });
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await web.close();
  await ipc.close();
  server.close();
  await rm(folder, { recursive: true });
});

const ways: Readonly<Record<string, () => Promise<RpcClient>>> = {
  "in process": async () => inProcess(server),
  HTTP: () => dialRpc(`http://${web.endpoint}`),
  WebSocket: () => dialRpc(`ws://${web.endpoint}`),
  IPC: () => dialRpc(ipc.path),
};
const names = Object.keys(ways);
const twoWay = names.filter((name) => name !== "HTTP");

async function dial(name: string): Promise<RpcClient> {
  const client = await (ways[name] ?? (() => Promise.reject(new Error(name))))();
  open.push(client);
  return client;
}

describe.each(names)("a client %s", (name) => {
  test("results, errors with code, message and data, batches", async () => {
    const client = await dial(name);
    expect(await client.request({ method: "nftest_echo", params: [5] })).toBe(5);
    const error: unknown = await client
      .request({ method: "test_returnError" })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 444, message: "testError", data: "testError data" });
    const batch = await client.batch([
      { method: "nftest_echo", params: [1] },
      { method: "test_returnError" },
      { method: "nftest_echo", params: [3] },
    ]);
    expect(batch).toEqual([1, expect.objectContaining({ code: 444 }), 3]);
    expect(await client.batch([])).toEqual([]);
    const many = Array.from({ length: 200 }, (_, i) =>
      client.request({ method: "nftest_echo", params: [i] }),
    );
    expect(await Promise.all(many)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test("viem's custom() takes it as it is", async () => {
    const client = createPublicClient({ transport: custom(await dial(name), { retryCount: 0 }) });
    expect(await client.getChainId()).toBe(1337);
    expect(await client.getBlockNumber()).toBe(42n);
    expect(await client.getBalance({ address: `0x${"11".repeat(20)}` })).toBe(10n ** 18n);
    await expect(client.request({ method: "eth_call", params: [{}] })).rejects.toMatchObject({
      details: "execution reverted",
      cause: { code: 3, data: "0x1234" },
    });
  });

  test("ethers' BrowserProvider takes it as it is", async () => {
    const provider = new BrowserProvider(await dial(name), undefined, { staticNetwork: true });
    expect(await provider.getBlockNumber()).toBe(42);
    expect(await provider.getBalance(`0x${"11".repeat(20)}`)).toBe(10n ** 18n);
    provider.destroy();
  });

  test("a signal gives a request up", async () => {
    const client = await dial(name);
    const stop = new AbortController();
    const request = client.request({ method: "test_hang" }, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(request).rejects.toThrow("enough");
    await expect(
      client.request({ method: "nftest_echo", params: [1] }, { signal: stop.signal }),
    ).rejects.toThrow("enough");
    expect(await client.request({ method: "nftest_echo", params: [1] })).toBe(1);
  });

  test("after close() everything is refused with 4900; twice is fine", async () => {
    const client = await dial(name);
    await client.request({ method: "nftest_echo", params: [1] }); // the connection is there, and used
    const pending = client.request({ method: "test_hang" });
    while (service.hanging === 0) await new Promise((resolve) => setImmediate(resolve));
    const refused = expect(pending).rejects.toMatchObject({ code: 4900 });
    await client.close();
    await client.close();
    await refused;
    expect(service.hanging).toBe(1); // not asked again
    await expect(client.request({ method: "nftest_echo", params: [1] })).rejects.toMatchObject({
      code: 4900,
    });
  });
});

describe.each(twoWay)("subscriptions %s", (name) => {
  test("items in order, EIP-1193 messages beside them, leaving the loop unsubscribes", async () => {
    const client = await dial(name);
    const messages: unknown[] = [];
    const listener = (message: unknown) => messages.push(message);
    client.on("message", listener);
    const events = await client.subscribe("nftest", ["someSubscription", 5, 1]);
    const got: unknown[] = [];
    for await (const item of events) {
      got.push(item);
      if (got.length === 5) break;
    }
    expect(got).toEqual([1, 2, 3, 4, 5]);
    expect(messages[0]).toEqual({
      type: "nftest_subscription",
      data: { subscription: events.id, result: 1 },
    });
    client.removeListener("message", listener);
    for await (const item of await client.subscribe("nftest", ["someSubscription", 1, 9])) {
      expect(item).toBe(9);
      break;
    }
    expect(messages).toHaveLength(5);
  });

  test("close ends it on the server too; bad ones are refused", async () => {
    const client = await dial(name);
    const silent = await client.subscribe("nftest", ["silent"]);
    expect(service.openStreams).toBe(1);
    await silent.close();
    while (service.openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    await expect(client.subscribe("nftest", ["nobody"])).rejects.toMatchObject({ code: -32601 });
  });
});

test("over HTTP: notifications not supported", async () => {
  await expect((await dial("HTTP")).subscribe("nftest", ["silent"])).rejects.toMatchObject({
    code: -32601,
    message: "notifications not supported",
  });
});

test("viem over its own HTTP and WebSocket transports, batches included", async () => {
  const viaHttp = createPublicClient({
    transport: viemHttp(`http://${web.endpoint}`, { batch: true, retryCount: 0 }),
  });
  expect(await Promise.all([viaHttp.getChainId(), viaHttp.getBlockNumber()])).toEqual([1337, 42n]);
  const viaWs = createPublicClient({ transport: webSocket(`ws://${web.endpoint}`, { retryCount: 0 }) });
  expect(await viaWs.getBlockNumber()).toBe(42n);
  (await viaWs.transport.getRpcClient()).close();
});

describe("a connection that is lost", () => {
  test("pending requests fail with 4900, `disconnect` is told, the next request connects again", async () => {
    for (const name of ["WebSocket", "IPC"]) {
      const client = await dial(name);
      const lost: RpcError[] = [];
      client.on("disconnect", (error) => lost.push(error));
      const subscription = await client.subscribe("nftest", ["silent"]);
      const ended = (async () => {
        for await (const _ of subscription);
      })();
      const pending = client.request({ method: "test_hang" });
      const refused = expect(pending).rejects.toMatchObject({ code: 4900 });
      if (name === "WebSocket") {
        web.setWs(undefined);
        web.setWs({ server });
      } else {
        const { path } = ipc;
        await ipc.close();
        ipc = await IpcEndpoint.open({ path, server });
      }
      await refused;
      await ended;
      expect(lost).toMatchObject([{ code: 4900 }]);
      expect(await client.request({ method: "nftest_echo", params: [1] }), name).toBe(1);
    }
  });

  test("a request that is never answered is given up after timeoutMs by the host's clock", async () => {
    const clock = new SimulatedClock();
    const slow = new RpcServer({ apis: service.apis, host: { ...nodeHost(), clock } });
    const client = inProcess(slow);
    const request = client.request({ method: "test_hang" }, { timeoutMs: 5_000 });
    const refused = expect(request).rejects.toMatchObject({ code: -32002 });
    await clock.advance(5_000);
    await refused;
    expect(clock.activeTimers).toBe(0);
    await client.close();
  });
});

describe("servers that are not what they seem", () => {
  const answer = async (status: number, body: string) => {
    const fake = createServer((_, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
    const address = fake.address();
    const client = await dialRpc(
      `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    );
    const error: unknown = await client.request({ method: "x" }).catch((reason: unknown) => reason);
    await client.close();
    fake.close();
    return error;
  };

  test("every reply that is none is an RpcError, never a wrong value", async () => {
    for (const [status, body] of [
      [200, ""],
      [200, "not JSON"],
      [200, "null"],
      [200, "[]"],
      [200, "{}"],
      [200, '{"id":999,"result":1}'],
      [200, '{"id":1,"error":5}'],
      [200, '{"id":1,"error":{}}'],
      [500, "boom"],
      [301, ""],
    ] as const) {
      expect(await answer(status, body), body).toBeInstanceOf(RpcError);
    }
    expect(
      await answer(200, '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}'),
    ).toMatchObject({ code: -32600 });
  });

  test("JS-01 what is no JSON on a two-way connection ends it, and nothing else: WebSocket", async () => {
    const fake = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    fake.on("connection", (socket) => socket.on("message", () => socket.send("not JSON")));
    await new Promise((resolve) => fake.once("listening", resolve));
    const address = fake.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(dialRpc(`ws://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 4900,
      message: "the server's reply is not JSON",
    });
    await new Promise((resolve) => fake.close(resolve)); // once every connection is closed
  });

  test.each(["{not JSON}", '{"jsonrpc":"2.0","id":2,"error":5}'])(
    "JS-01 what is no JSON-RPC on a two-way connection ends it, and nothing else: IPC, %s",
    async (nonsense) => {
      const path = join(folder, "fake.ipc");
      const answers = [
        '{"jsonrpc":"2.0","id":1,"result":{}}',
        nonsense,
        '{"jsonrpc":"2.0","id":3,"result":5}',
      ];
      const fake = listen((socket) => {
        socket.on("error", () => {});
        socket.on("data", () => socket.write(answers.shift() ?? ""));
      });
      await new Promise<void>((resolve) => fake.listen(path, resolve));
      const client = await dialRpc(path);
      const lost: RpcError[] = [];
      client.on("disconnect", (error) => lost.push(error));
      await expect(client.request({ method: "x" })).rejects.toMatchObject({ code: 4900 });
      expect(lost).toHaveLength(1);
      expect(await client.request({ method: "x" })).toBe(5);
      await client.close();
      await new Promise((resolve) => fake.close(resolve));
    },
  );

  test("nobody there, unknown scheme", async () => {
    await expect(dialRpc(join(folder, "nothing.ipc"))).rejects.toMatchObject({ code: 4900 });
    await expect(dialRpc("ws://127.0.0.1:1")).rejects.toMatchObject({ code: 4900 });
    await expect((await dialRpc("http://127.0.0.1:1")).request({ method: "x" })).rejects.toMatchObject({
      code: 4900,
    });
    await expect(dialRpc("ftp://x")).rejects.toMatchObject({ code: "RPC_BAD_ENDPOINT" });
  });
});
