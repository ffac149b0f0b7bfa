import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeHost } from "#host/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, http, ipcLine, wsLine } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { HttpEndpoint } from "./http.ts";
import { IpcEndpoint } from "./ipc.ts";
import { rpcLimits } from "./limits.ts";
import { RpcServer } from "./server.ts";

test("the limits are those of attacks-and-faults 3.1", () => {
  const mib = 1024 * 1024;
  expect(rpcLimits).toMatchObject({
    httpBodyBytes: 5 * mib,
    httpHeadersTimeoutMs: 10_000,
    httpRequestTimeoutMs: 30_000,
    httpWriteTimeoutMs: 30_000,
    httpIdleTimeoutMs: 120_000,
    httpCheckIntervalMs: 1_000,
    connections: 1_024,
    ipcConnections: 256,
    batchItems: 1_000,
    replyBytes: 25_000_000,
    methodNameBytes: 128,
    idBytes: 1_024,
    jsonDepth: 64,
    jsonTokens: 100_000,
    wsMessageBytes: 15 * mib,
    wsPingMs: 30_000,
    outgoingBytes: 16 * mib,
    outgoingMessages: 5_000,
    ipcMessageBytes: 32 * mib,
    subscriptionsPerConnection: 256,
    subscriptions: 10_000,
  });
});

describe("JS-01, JS-02 connections that break anywhere", () => {
  const server = new RpcServer({ apis: new TestService().apis, host: nodeHost() });
  let folder = "";
  let web: HttpEndpoint;
  let ipc: IpcEndpoint;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "glim-break-"));
    web = await HttpEndpoint.open({
      host: "127.0.0.1",
      port: 0,
      http: { server },
      ws: { server },
      clock: nodeHost().clock,
    });
    ipc = await IpcEndpoint.open({ path: join(folder, "b.ipc"), server });
  });

  afterAll(async () => {
    await web.close();
    await ipc.close();
    await rm(folder, { recursive: true });
  });

  const big = call(1, "test_repeat", ["x", 5_000_000]);
  const post = (text: string, extra = "") =>
    `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${extra}Content-Length: ${text.length}\r\n\r\n${text}`;
  const upgrade =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  const whats: readonly (readonly [string, () => number | string, string])[] = [
    ["plain HTTP", () => web.address.port, post(big)],
    ["HTTP by node", () => web.address.port, post(big, "X-Y: 1\r\n")],
    ["a slow call", () => web.address.port, post(call(1, "test_hang"))],
    ["refused HTTP", () => web.address.port, post(big).replace("localhost", "evil.example")],
    ["garbage", () => web.address.port, "\u0000\u0001\u0002\r\n\r\n"],
    ["an upgrade", () => web.address.port, upgrade],
    ["a refused upgrade", () => web.address.port, upgrade.replace("localhost", "evil.example")],
    ["a bad upgrade", () => web.address.port, upgrade.replace("13", "12")],
    ["IPC", () => ipc.path, big],
    ["broken IPC", () => ipc.path, "]"],
  ];

  test.each(whats)("%s, reset at every stage: the server goes on", async (_what, where, text) => {
    const target = where();
    for (const sent of [0, 1, Math.floor(text.length / 2), text.length - 1, text.length]) {
      for (const waits of [false, true]) {
        await new Promise<void>((resolve) => {
          const socket = typeof target === "number" ? connect(target, "127.0.0.1") : connect(target);
          socket.on("error", () => {});
          socket.on("close", () => resolve());
          socket.on("connect", () => {
            const reset = () => (typeof target === "number" ? socket.resetAndDestroy() : socket.destroy());
            if (waits && sent === text.length && !text.includes("test_hang")) socket.once("data", reset);
            else setImmediate(reset);
            socket.write(text.slice(0, sent));
          });
        });
      }
    }
    expect((await http(web.address.port, { body: call(1, "nftest_echo", [1]) })).body).toContain(
      '"result":1',
    );
    for (const line of [await wsLine(web.address.port), await ipcLine(ipc.path)]) {
      line.send(call(2, "nftest_echo", [2]));
      expect(await line.next()).toContain('"result":2');
      line.close();
    }
    while (ipc.connectionCount > 0 || web.connectionCount > 0)
      await new Promise((resolve) => setImmediate(resolve));
    expect(server.openConnections).toBe(0);
  });
});
