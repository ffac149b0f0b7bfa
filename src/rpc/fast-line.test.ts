import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { afterEach, describe, expect, test } from "vitest";
import { call, raw } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { HostRules } from "./access.ts";
import { readPlainHead } from "./fast-line.ts";
import { HttpEndpoint } from "./http.ts";
import { RpcServer } from "./server.ts";

const open: HttpEndpoint[] = [];
let aborted: unknown[] = [];

async function serve(clock = nodeHost().clock, cors: readonly string[] = []) {
  aborted = [];
  const service = new TestService({ onAbort: (reason) => aborted.push(reason) });
  const server = new RpcServer({ apis: service.apis, host: { ...nodeHost(), clock } });
  const endpoint = await HttpEndpoint.open({ host: "127.0.0.1", port: 0, http: { server, cors }, clock });
  open.push(endpoint);
  return { endpoint, service, port: endpoint.address.port };
}

afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.close();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
const body = call(1, "nftest_echo", [1]);
const ok = '{"jsonrpc":"2.0","id":1,"result":1}';
const post = (text = body, extra = "") =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${extra}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

const dial = (port: number) =>
  new Promise<Socket>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });

/** Reads until `part` has come. */
function until(socket: Socket, part: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const onData = (chunk: Buffer) => {
      got += chunk.toString("utf8");
      if (!got.includes(part)) return;
      socket.off("data", onData);
      resolve(got);
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new Error(`closed after ${got}`)));
  });
}

const rules = new HostRules(["localhost"]);
const info = { transport: "http", remote: "" } as const;
const plain = (text: string) => readPlainHead(text, rules, 1_000, info);

describe("what is plain", () => {
  const head = (lines: readonly string[], first = "POST / HTTP/1.1") =>
    [first, "Host: localhost", "Content-Type: application/json", "Content-Length: 5", ...lines].join("\r\n");

  test("clients' usual heads are", () => {
    expect(plain(head([]))).toMatchObject({ bodyBytes: 5 });
    expect(
      plain(
        head([
          "User-Agent: node",
          "Accept: */*",
          "connection: Keep-Alive",
          "accept-encoding: gzip, deflate",
          "Accept-Language: *",
          "Sec-Fetch-Mode: cors",
        ]),
      ),
    ).toMatchObject({ info: { userAgent: "node", host: "localhost" } });
    expect(plain(head([], "POST /any/path?x=1 HTTP/1.1"))).toBeDefined();
  });

  test.each([
    ["another method", head([], "PUT / HTTP/1.1")],
    ["HTTP/1.0", head([], "POST / HTTP/1.0")],
    ["an absolute target", head([], "POST http://x/ HTTP/1.1")],
    ["two spaces", head([], "POST  / HTTP/1.1")],
    ["a control character in the target", head([], "POST /\u0000 HTTP/1.1")],
    ["a bare line feed", head(["X: y\nTransfer-Encoding: chunked"])],
    ["a bare line feed after a value", head(["Accept: x\n"])],
    ["a length and a bare line feed", head([]).replace("Length: 5", "Length: 5\n")],
    ["a vertical tab after a host", head([]).replace("localhost", "localhost\u000b")],
    ["a no-break space before a length", head([]).replace("Length: 5", "Length: \u00a05")],
    ["a folded line", head([" folded"])],
    ["a space before the colon", head(["Accept : x"])],
    ["no colon", head(["Accept"])],
    ["an unknown header", head(["X-Forwarded-Host: x"])],
    ["chunked", head(["Transfer-Encoding: chunked"])],
    ["an expectation", head(["Expect: 100-continue"])],
    ["compression", head(["Content-Encoding: gzip"])],
    ["an origin", head(["Origin: http://localhost"])],
    ["an upgrade", head(["Upgrade: websocket"])],
    ["a doubled length", head(["Content-Length: 5"])],
    ["two hosts", head(["host: localhost"])],
    ["close", head(["Connection: close"])],
    ["a list of connection options", head(["Connection: keep-alive, upgrade"])],
    ["bytes beyond ASCII", head(["User-Agent: \u00e9"])],
    ["a foreign host", head([]).replace("localhost", "evil.example")],
    ["an empty host", head([]).replace("Host: localhost", "Host: ")],
    ["no host", head([]).replace("Host: localhost\r\n", "")],
    ["another type", head([]).replace("application/json", "text/plain")],
    ["no length", head([]).replace("Content-Length: 5", "Accept: x")],
    ["a length of 0", head([]).replace("Length: 5", "Length: 0")],
    ["a length over the limit", head([]).replace("Length: 5", "Length: 1001")],
    ["a signed length", head([]).replace("Length: 5", "Length: +5")],
    ["a hex length", head([]).replace("Length: 5", "Length: 0x5")],
    ["a length with a leading zero", head([]).replace("Length: 5", "Length: 05")],
    ["two lengths in one", head([]).replace("Length: 5", "Length: 5, 5")],
  ])("%s is not: node:http judges it", (_what, text) => expect(plain(text)).toBeUndefined());

  test("any text gives a head or undefined, nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2_048 }), (text) => {
        plain(text);
        plain(`POST / HTTP/1.1\r\n${text}`);
      }),
      { seed: 20261124 },
    );
  });
});

describe("the short road and node:http say the same", () => {
  test("a request cut at any byte gets the same answer", async () => {
    const { port } = await serve();
    const request = post();
    await Promise.all(
      Array.from({ length: request.length - 1 }, async (_, i) => {
        const socket = await dial(port);
        const answer = until(socket, ok);
        socket.write(request.slice(0, i + 1));
        await turn();
        socket.write(request.slice(i + 1));
        expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\n/);
        socket.destroy();
      }),
    );
  });

  test("requests of both kinds on one connection are answered in order", async () => {
    const { port } = await serve();
    const kinds = [
      (id: number) => post(call(id, "nftest_echo", [id])),
      (id: number) => post(call(id, "test_slow", [String(id), 3])),
      (id: number) => post(call(id, "nftest_echo", [id]), "X-Unknown: 1\r\n"),
      (id: number) => post(call(id, "test_echo", ["\u{20ac}\u{1f600}", id])),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 12 }),
        async (plan) => {
          const socket = await dial(port);
          const answer = until(socket, `"id":${plan.length},`);
          for (const [index, [kind, isAlone]] of plan.entries()) {
            socket.write(kinds[kind]?.(index + 1) ?? "");
            if (isAlone) await turn();
          }
          const ids = [...(await answer).matchAll(/"id":(\d+)/g)].map((found) => Number(found[1]));
          expect(ids).toEqual(plan.map((_, index) => index + 1));
          socket.destroy();
        },
      ),
      { seed: 20261124, numRuns: 40 },
    );
  });

  test("smuggling: what follows a body is never read as part of it", async () => {
    const { port } = await serve();
    const hidden = `${post()}POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    const answer = await raw(port, hidden);
    expect(answer.split("HTTP/1.1 ").map((part) => part.slice(0, 3))).toEqual(["", "200", "403"]);
  });

  test("with CORS on, every reply has its headers", async () => {
    const { port } = await serve(nodeHost().clock, ["http://good.example"]);
    const socket = await dial(port);
    const answer = until(socket, ok);
    socket.write(post());
    expect(await answer).toContain("Vary: Origin");
    socket.destroy();
  });

  test("UTF-8 bodies and replies keep their bytes", async () => {
    const { port } = await serve();
    const socket = await dial(port);
    const answer = until(socket, "}");
    socket.write(post(call(1, "test_repeat", ["\u{20ac}\u{1f600}", 2])));
    const text = await answer;
    expect(text).toContain("\u{20ac}\u{1f600}\u{20ac}\u{1f600}");
    expect(Number(/Content-Length: (\d+)/.exec(text)?.[1])).toBe(
      Buffer.byteLength(text.slice(text.indexOf("{"))),
    );
    socket.destroy();
  });
});

describe("time on the short road", () => {
  test("RP-05 F30 10 s without a first request, 120 s after one", async () => {
    const clock = new SimulatedClock();
    const { port, endpoint } = await serve(clock);
    const mute = await dial(port);
    const used = await dial(port);
    const answer = until(used, ok);
    used.write(post());
    await answer;
    while (endpoint.connectionCount < 2) await turn();
    const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const muteClosed = closed(mute);
    for (let i = 0; i < 11; i++) await clock.advance(1_000);
    await muteClosed;
    expect(endpoint.connectionCount).toBe(1);
    const again = until(used, ok);
    used.write(post());
    await again;
    const usedClosed = closed(used);
    for (let i = 0; i < 121; i++) await clock.advance(1_000);
    await usedClosed;
    while (endpoint.connectionCount > 0) await turn();
    expect(clock.activeTimers).toBe(0);
  });

  test("a client that hangs up aborts its call", async () => {
    const { port, service } = await serve();
    const socket = await dial(port);
    socket.write(post(call(1, "test_hang")));
    while (service.hanging === 0) await turn();
    socket.destroy();
    while (aborted.length === 0) await turn();
    expect(aborted).toMatchObject([{ code: 4900 }]);
  });

  test("a client that does not read its reply is sent no other, and is closed after 30 s", async () => {
    const clock = new SimulatedClock();
    const { port, endpoint } = await serve(clock);
    const socket = await dial(port);
    socket.pause();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    for (let i = 0; i < 3; i++) socket.write(post(call(1, "test_repeat", ["x", 20_000_000])));
    while (clock.activeTimers < 2) await turn();
    await clock.advance(30_000);
    while (endpoint.connectionCount > 0) await turn();
    socket.resume();
    await closed;
  });
});
