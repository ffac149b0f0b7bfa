import { rm } from "node:fs/promises";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeHost } from "#host/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, http, ipcLine, type Line, wsLine } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { HttpEndpoint } from "./http.ts";
import { IpcEndpoint } from "./ipc.ts";
import { RpcServer } from "./server.ts";

/**
 * T7: every row of seed-behaviour §3.2 and §3.3, as amended by decisions.md (JSON-RPC 2.0 and today's geth), alone and in
 * a batch, over HTTP, WebSocket and IPC, and what becomes of the connection.
 */
const fails = (id: unknown, code: number, message: string | RegExp) => ({
  jsonrpc: "2.0",
  id,
  error: {
    code,
    message: typeof message === "string" ? message : (expect.stringMatching(message) as string),
  },
});
const works = (id: unknown, result: unknown) => ({ jsonrpc: "2.0", id, result });

interface Row {
  readonly what: string;
  readonly sent: string;
  /** undefined: no reply. */
  readonly reply: unknown;
  /** Not asked inside a batch: the row is about the message itself. */
  readonly isWhole?: true;
  /** Two-way connections are closed after the reply. */
  readonly closes?: true;
}

const rows: readonly Row[] = [
  { what: "result is always there", sent: call(1, "test_noArgsRets"), reply: works(1, null) },
  { what: "id text is echoed", sent: call("abc", "nftest_echo", [1]), reply: works("abc", 1) },
  {
    what: "id null is echoed",
    sent: '{"jsonrpc":"2.0","id":null,"method":"test_noArgsRets"}',
    reply: works(null, null),
  },
  {
    what: "id of another type",
    sent: '{"jsonrpc":"2.0","id":{},"method":"test_noArgsRets"}',
    reply: fails(null, -32600, "invalid request"),
  },
  { what: "no id: a notification", sent: '{"jsonrpc":"2.0","method":"test_noArgsRets"}', reply: undefined },
  {
    what: "jsonrpc member is checked",
    sent: '{"id":1,"method":"test_noArgsRets"}',
    reply: fails(1, -32600, "invalid request"),
  },
  { what: "no method", sent: '{"jsonrpc":"2.0","id":1}', reply: fails(1, -32600, "invalid request") },
  { what: "no object", sent: "17", reply: fails(null, -32600, "invalid request") },
  {
    what: "method without underscore",
    sent: call(1, "noUnderscore"),
    reply: fails(1, -32601, "the method noUnderscore does not exist/is not available"),
  },
  {
    what: "method with two underscores",
    sent: call(1, "test_no_such"),
    reply: fails(1, -32601, "the method test_no_such does not exist/is not available"),
  },
  {
    what: "unknown namespace",
    sent: call(1, "nobody_home"),
    reply: fails(1, -32601, /nobody_home does not exist/),
  },
  { what: "Trap 10: params absent are []", sent: call(1, "test_optional"), reply: works(1, "absent") },
  {
    what: "params null are []",
    sent: '{"jsonrpc":"2.0","id":1,"method":"test_optional","params":null}',
    reply: works(1, "absent"),
  },
  {
    what: "params object",
    sent: call(1, "test_optional", { a: 1 }),
    reply: fails(1, -32602, "non-array args"),
  },
  {
    what: "too many",
    sent: call(1, "test_optional", [1, 2]),
    reply: fails(1, -32602, "too many arguments, want at most 1"),
  },
  {
    what: "bad value",
    sent: call(1, "nftest_echo", ["x"]),
    reply: fails(1, -32602, /^invalid argument 0: /),
  },
  {
    what: "missing value",
    sent: call(1, "nftest_echo", []),
    reply: fails(1, -32602, "missing value for required argument 0"),
  },
  {
    what: "null for a required one",
    sent: call(1, "nftest_echo", [null]),
    reply: fails(1, -32602, /^invalid argument 0: /),
  },
  { what: "null for an optional one", sent: call(1, "test_optional", [null]), reply: works(1, "absent") },
  {
    what: "params to a method without",
    sent: call(1, "test_noArgsRets", [1]),
    reply: fails(1, -32602, "too many arguments, want at most 0"),
  },
  {
    what: "an error of the method",
    sent: call(1, "test_returnError"),
    reply: { jsonrpc: "2.0", id: 1, error: { code: 444, message: "testError", data: "testError data" } },
  },
  {
    what: "a method that breaks",
    sent: call(1, "test_panic"),
    reply: fails(1, -32603, /^internal error, id /),
  },
  {
    what: "unsubscribe of nothing",
    sent: call(1, "any_unsubscribe", ["0x1"]),
    reply: fails(1, -32000, "subscription not found"),
  },
  {
    what: "broken JSON",
    sent: '{"jsonrpc"}',
    reply: fails(null, -32700, "parse error"),
    isWhole: true,
    closes: true,
  },
  { what: "empty batch", sent: "[]", reply: fails(null, -32600, "empty batch"), isWhole: true },
  {
    what: "batch of notifications",
    sent: '[{"jsonrpc":"2.0","method":"test_noArgsRets"}]',
    reply: undefined,
    isWhole: true,
  },
];

const service = new TestService();
const server = new RpcServer({ apis: service.apis, host: nodeHost() });
let folder = "";
let web: HttpEndpoint;
let ipc: IpcEndpoint;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-rpc-"));
  web = await HttpEndpoint.open({
    host: "127.0.0.1",
    port: 0,
    http: { server },
    ws: { server },
    clock: nodeHost().clock,
  });
  ipc = await IpcEndpoint.open({ path: join(folder, "t.ipc"), server });
});

afterAll(async () => {
  await web.close();
  await ipc.close();
  await rm(folder, { recursive: true });
});

const marker = call("marker", "nftest_echo", [7]);

/** Sends on a fresh two-way line; then a marker, so that "no reply" needs no waiting. */
async function onLine(open: () => Promise<Line>, { sent, reply, closes }: Row): Promise<void> {
  const line = await open();
  line.send(sent);
  if (reply !== undefined) expect(JSON.parse(await line.next())).toEqual(reply);
  if (closes === true) await line.closed;
  else {
    line.send(marker);
    expect(JSON.parse(await line.next())).toEqual(works("marker", 7));
  }
  line.close();
}

async function overHttp(row: Row): Promise<void> {
  const { status, body, headers } = await http(web.address.port, { body: row.sent });
  expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
  if (row.reply === undefined) expect(body).toBe("");
  else expect(JSON.parse(body)).toEqual(row.reply);
}

const inBatch = (row: Row): Row => ({
  ...row,
  sent: `[${row.sent},${marker}]`,
  reply: row.reply === undefined ? [works("marker", 7)] : [row.reply, works("marker", 7)],
});
const forms = rows.flatMap((row) =>
  row.isWhole === true ? [row] : [row, { ...inBatch(row), what: `${row.what} (batch)` }],
);

describe("T7 over HTTP", () => {
  test.each(forms)("$what", overHttp);
  test("subscribe: notifications not supported", () =>
    overHttp({
      what: "",
      sent: call(1, "nftest_subscribe", ["silent"]),
      reply: fails(1, -32601, "notifications not supported"),
    }));
  test("empty body: 200, empty", () => overHttp({ what: "", sent: "", reply: undefined }));
});

describe("T7 over WebSocket", () => {
  test.each(forms)("$what", (row) => onLine(() => wsLine(web.address.port), row));
});

describe("T7 over IPC", () => {
  // a stream has no frames: only objects and lists can be told apart in it
  const streamed = forms.map(
    (row): Row =>
      row.sent === "17" ? { ...row, reply: fails(null, -32700, "parse error"), closes: true } : row,
  );
  test.each(streamed)("$what", (row) => onLine(() => ipcLine(ipc.path), row));

  test("messages need nothing between them, and may come in pieces", async () => {
    const line = await ipcLine(ipc.path);
    line.send(
      call(1, "nftest_echo", [1]) + call(2, "nftest_echo", [2]) + call(3, "nftest_echo", [3]).slice(0, 20),
    );
    expect([JSON.parse(await line.next()), JSON.parse(await line.next())]).toEqual([
      works(1, 1),
      works(2, 2),
    ]);
    line.send(call(3, "nftest_echo", [3]).slice(20));
    expect(JSON.parse(await line.next())).toEqual(works(3, 3));
    line.close();
  });
});

const lines: readonly (readonly [string, () => Promise<Line>])[] = [
  ["WebSocket", () => wsLine(web.address.port)],
  ["IPC", () => ipcLine(ipc.path)],
];

describe.each(lines)("subscriptions over %s", (_name, open) => {
  test("T8 the id, then the notifications; unsubscribe ends them", async () => {
    const line = await open();
    line.send(call(1, "nftest_subscribe", ["someSubscription", 3, 5]));
    const { result: id } = JSON.parse(await line.next()) as { result: string };
    expect(id).toMatch(/^0x[0-9a-f]{1,32}$/);
    for (const result of [5, 6, 7]) {
      expect(JSON.parse(await line.next())).toEqual({
        jsonrpc: "2.0",
        method: "nftest_subscription",
        params: { subscription: id, result },
      });
    }
    line.send(call(2, "nftest_subscribe", ["silent"]));
    const { result: silent } = JSON.parse(await line.next()) as { result: string };
    line.send(call(3, "nftest_unsubscribe", [silent]));
    expect(JSON.parse(await line.next())).toEqual(works(3, true));
    line.close();
  });

  test("bad subscriptions", async () => {
    const line = await open();
    for (const [params, code, text] of [
      [[], -32602, /expected subscription name/],
      [[5], -32602, /expected subscription name/],
      [{ a: 1 }, -32602, /non-array args/],
      [["nobody"], -32601, /no "nobody" subscription in nftest namespace/],
      [["someSubscription", "x", 1], -32602, /invalid argument 0/],
    ] as const) {
      line.send(call(1, "nftest_subscribe", params));
      expect(JSON.parse(await line.next())).toEqual(fails(1, code, text));
    }
    line.close();
  });

  test("a client that leaves ends its subscriptions and its calls", async () => {
    const line = await open();
    line.send(call(1, "nftest_subscribe", ["silent"]));
    await line.next();
    expect(service.openStreams).toBe(1);
    line.close();
    await line.closed;
    while (service.openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("replies may overtake each other", async () => {
    const line = await open();
    line.send(call(1, "test_slow", ["x", 20]));
    line.send(call(2, "nftest_echo", [2]));
    expect([JSON.parse(await line.next()), JSON.parse(await line.next())]).toEqual([
      works(2, 2),
      works(1, "x"),
    ]);
    line.close();
  });
});

test("handlers know who asks", async () => {
  const { body } = await http(web.address.port, {
    body: call(1, "test_context"),
    headers: { Origin: "http://a", "User-Agent": "u" },
  });
  expect(JSON.parse(body)).toMatchObject({
    result: {
      transport: "http",
      remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      origin: "http://a",
      userAgent: "u",
    },
  });
  const line = await wsLine(web.address.port);
  line.send(call(1, "test_context"));
  expect(JSON.parse(await line.next())).toMatchObject({ result: { transport: "ws" } });
  line.close();
  const ipcOne = await ipcLine(ipc.path);
  ipcOne.send(call(1, "test_context"));
  expect(JSON.parse(await ipcOne.next())).toMatchObject({ result: { transport: "ipc", remote: ipc.path } });
  ipcOne.close();
});
