import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { nodeHost } from "#host/node";
import { afterEach, describe, expect, test } from "vitest";
import { CLOSED_PORT, call, http, raw, wsLine } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { HttpEndpoint, type HttpEndpointOptions, type HttpFace, type WsFace } from "./http.ts";
import type { RpcLimits } from "./limits.ts";
import { RpcServer } from "./server.ts";

const open: HttpEndpoint[] = [];
let aborted: unknown[] = [];

async function serve(
  options: { http?: Partial<HttpFace>; ws?: Partial<WsFace>; limits?: Partial<RpcLimits> } & Partial<
    Pick<HttpEndpointOptions, "port">
  > = {},
) {
  aborted = [];
  const service = new TestService({ onAbort: (reason) => aborted.push(reason) });
  const server = new RpcServer({ apis: service.apis, host: nodeHost(), limits: options.limits });
  const endpoint = await HttpEndpoint.open({
    host: "127.0.0.1",
    port: options.port ?? 0,
    http: { server, ...options.http },
    ws: { server, ...options.ws },
    clock: nodeHost().clock,
    limits: options.limits,
  });
  open.push(endpoint);
  return { endpoint, port: endpoint.address.port, server, service };
}

afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.close();
});

const body = call(1, "nftest_echo", [1]);
const ok = '{"jsonrpc":"2.0","id":1,"result":1}';
const rawRequest = (headers: readonly string[], text = body) =>
  `POST / HTTP/1.1\r\n${headers.join("\r\n")}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

describe("RP-01 DNS rebinding", () => {
  const hosts: readonly (readonly [string, string, number])[] = [
    ["a foreign name", "evil.example", 403],
    ["a name that ends in ours", "evil-localhost", 403],
    ["a name that begins with ours", "localhost.evil", 403],
    ["a trailing dot", "localhost.", 403],
    ["a foreign name with a port", "evil.example:8545", 403],
    ["the listed name", "localhost", 200],
    ["the listed name with a port", "localhost:8545", 200],
    ["upper case (Trap 11, fixed)", "LOCALHOST", 200],
    ["an IPv4 literal", "127.0.0.1:1", 200],
    ["an IPv6 literal", "[::1]", 200],
    ["an IPv6 literal with a port", "[::1]:8545", 200],
    ["an empty Host", "", 200],
    ["a number that is no address", "2130706433", 403],
  ];
  test.each(hosts)("%s: %s → %i", async (_what, host, status) => {
    const { port } = await serve();
    const answer = await raw(port, rawRequest([`Host: ${host}`]));
    expect(statusOf(answer)).toBe(status);
    expect(answer.includes("invalid host specified")).toBe(status === 403);
    const upgrade = await raw(
      port,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      /\r\n\r\n/,
    );
    expect(statusOf(upgrade)).toBe(status === 200 ? 101 : 403);
  });

  test("no Host passes, two are refused, also for WebSocket", async () => {
    const { port } = await serve();
    expect(statusOf(await raw(port, rawRequest(["X: y"])))).toBe(200);
    expect(statusOf(await raw(port, rawRequest(["Host: localhost", "Host: evil.example"])))).toBe(403);
    const upgrade =
      "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    expect(statusOf(await raw(port, upgrade))).toBe(403);
  });

  test("T6 vhosts: none lets only addresses in, * everything; the probe is checked too", async () => {
    const none = await serve({ http: { vhosts: [] } });
    expect((await http(none.port, { body, headers: { Host: "localhost" } })).status).toBe(403);
    expect((await http(none.port, { body, headers: { Host: "10.0.0.1" } })).status).toBe(200);
    expect((await http(none.port, { method: "GET", headers: { Host: "localhost" } })).status).toBe(403);
    const all = await serve({ http: { vhosts: ["*"] } });
    expect((await http(all.port, { body, headers: { Host: "any.thing" } })).status).toBe(200);
    const named = await serve({ http: { vhosts: ["My.Host"] } });
    expect((await http(named.port, { body, headers: { Host: "my.HOST:1" } })).status).toBe(200);
  });
});

describe("RP-02 CORS and simple requests", () => {
  test("without a list: no CORS headers, whatever the Origin", async () => {
    const { port } = await serve();
    for (const Origin of ["http://evil.example", "null", "http://localhost"]) {
      const { status, headers } = await http(port, { body, headers: { Origin } });
      expect([status, headers["access-control-allow-origin"]]).toEqual([200, undefined]);
    }
    expect(
      await http(port, {
        method: "OPTIONS",
        headers: { Origin: "http://evil.example", "Access-Control-Request-Method": "POST" },
      }),
    ).toMatchObject({ status: 200, body: "" });
  });

  test("with a list: the listed origin only, named back", async () => {
    const { port } = await serve({ http: { cors: ["http://good.example", "HTTPS://Upper.example:443"] } });
    const origin = async (Origin: string) =>
      (await http(port, { body, headers: { Origin } })).headers["access-control-allow-origin"];
    expect(await origin("http://good.example")).toBe("http://good.example");
    expect(await origin("https://upper.example")).toBe("https://upper.example");
    for (const bad of [
      "http://evil.example",
      "null",
      "https://good.example",
      "http://good.example:81",
      "http://good.example.evil",
    ])
      expect(await origin(bad)).toBeUndefined();
    const preflight = (Origin: string) =>
      http(port, {
        method: "OPTIONS",
        headers: {
          Origin,
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "content-type",
        },
      });
    expect((await preflight("http://good.example")).headers).toMatchObject({
      "access-control-allow-origin": "http://good.example",
      "access-control-allow-methods": "POST, GET",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "600",
    });
    expect((await preflight("http://evil.example")).headers).not.toHaveProperty(
      "access-control-allow-origin",
    );
  });

  test("* is answered with *", async () => {
    const { port } = await serve({ http: { cors: ["*"] } });
    expect(
      (await http(port, { body, headers: { Origin: "http://any.example" } })).headers[
        "access-control-allow-origin"
      ],
    ).toBe("*");
  });

  test("what a page can send without asking is refused: 415, 405", async () => {
    const { port } = await serve();
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "",
      "application/jsonx",
      "text/json",
    ]) {
      const { status, body: text } = await http(port, { body, headers: { "Content-Type": type } });
      expect([status, text], type).toEqual([415, "invalid content type, only application/json is supported"]);
    }
    for (const type of [
      "application/json; charset=utf-8",
      "application/json-rpc",
      "Application/JSON",
      "application/jsonrequest",
    ]) {
      expect((await http(port, { body, headers: { "Content-Type": type } })).body, type).toBe(ok);
    }
    for (const method of ["PUT", "DELETE", "PATCH", "HEAD", "TRACE"])
      expect((await http(port, { method })).status, method).toBe(405);
    expect((await http(port, { method: "GET", path: "/?q=1" })).status).toBe(405);
    expect(await http(port, { method: "GET" })).toMatchObject({ status: 200, body: "" });
  });
});

describe("RP-03 WebSocket origins", () => {
  const tries: readonly (readonly [string | undefined, readonly string[], boolean])[] = [
    [undefined, [], true],
    ["http://localhost", [], true],
    ["http://evil.example", [], false],
    ["null", [], false],
    ["http://localhost:3000", [], false],
    ["https://localhost", [], false],
    ["http://good.example", ["http://good.example"], true],
    ["HTTP://Good.Example:80", ["http://good.example"], true],
    ["http://good.example:81", ["http://good.example"], false],
    ["https://good.example", ["http://good.example"], false],
    ["http://good.example.evil", ["http://good.example"], false],
    ["http://localhost", ["http://good.example"], false],
    [undefined, ["http://good.example"], true],
    ["http://any.example", ["*"], true],
  ];
  test.each(tries)("%s with %j: %s", async (Origin, origins, isAllowed) => {
    const { port } = await serve({ ws: { origins } });
    const headers: Record<string, string> = Origin === undefined ? {} : { Origin };
    if (isAllowed) (await wsLine(port, headers)).close();
    else await expect(wsLine(port, headers)).rejects.toThrow("403");
  });
});

describe("RP-04 bodies", () => {
  const limit = 5 * 1024 * 1024;

  test("5 MiB pass, one byte more is 413 before a byte of the body is sent", async () => {
    const { port } = await serve();
    const text = call(1, "nftest_echo", [1]).padEnd(limit, " ");
    expect((await http(port, { body: text })).body).toBe(ok);
    const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${limit + 1}\r\n\r\n`;
    expect(statusOf(await raw(port, head, /\r\n\r\n/))).toBe(413);
    expect(
      statusOf(await raw(port, head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"), /\r\n\r\n/)),
    ).toBe(413);
  });

  test("large bodies that come in at once are bounded together: the next is 503 before its body, small ones pass, and there is room again", async () => {
    const { port } = await serve({ limits: { httpBodiesBytes: 200 * 1024 } });
    const text = body.padEnd(150 * 1024, " ");
    const head = (rest: string) =>
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${rest}\r\n\r\n`;
    const length = `Content-Length: ${text.length}`;
    const first = connect(port, "127.0.0.1");
    const told = () => new Promise<string>((resolve) => first.once("data", (part) => resolve(String(part))));
    first.write(head(`${length}\r\nExpect: 100-continue`));
    expect(statusOf(await told())).toBe(100); // it may send its body
    first.write(text.slice(0, -1));
    expect(statusOf(await raw(port, head(length), /\r\n\r\n/))).toBe(503);
    const chunk = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    expect(statusOf(await raw(port, head("Transfer-Encoding: chunked") + chunk, /\r\n\r\n/))).toBe(503);
    expect((await http(port, { body })).body).toBe(ok);
    const answered = told();
    first.write(text.slice(-1));
    expect(statusOf(await answered)).toBe(200);
    first.destroy();
    expect((await http(port, { body: text })).body).toBe(ok);
  });

  test("what follows a refused header is not read: it waits in the kernel until the connection goes", async () => {
    const { port } = await serve();
    let written = 0;
    const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${1 << 30}\r\n\r\n`;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let got = "";
      const block = Buffer.alloc(1 << 20);
      const pump = (): void => {
        while (!socket.destroyed && socket.write(block)) written++;
        written++;
      };
      socket.on("drain", pump);
      socket.on("data", (part) => {
        got += String(part);
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(got));
      socket.write(head);
      pump();
    });
    expect(statusOf(answer)).toBe(413);
    expect(written).toBeLessThan(64); // MiB, in the kernel's buffers; a gigabyte would have come otherwise
  });

  test("Expect: 100-continue is answered when the request will be read", async () => {
    const { port } = await serve();
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let got = "";
      socket.on("data", (chunk) => {
        got += String(chunk);
        if (got === "HTTP/1.1 100 Continue\r\n\r\n") socket.write(body);
      });
      socket.on("close", () => resolve(got));
      socket.write(
        `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
      );
    });
    expect(answer).toContain(ok);
  });

  test("an endless chunked body is 413 at the bound, then the connection goes", async () => {
    const { port } = await serve();
    let sent = 0;
    const answer = await new Promise<string>((resolve) => {
      const socket: Socket = connect(port, "127.0.0.1");
      let got = "";
      const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
      const pump = () => {
        while (!socket.destroyed && got === "" && sent < 1_000) {
          sent++;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on("drain", pump);
      socket.on("data", (part) => {
        got += String(part);
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(got));
      socket.write(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      pump();
    });
    expect(statusOf(answer)).toBe(413);
    expect(sent).toBeLessThan(100);
  });

  test("compressed bodies are 415, whatever is inside", async () => {
    const { port } = await serve();
    for (const encoding of ["gzip", "deflate", "br", "GZIP", "gzip, identity"]) {
      expect(
        (await http(port, { body: gzipSync(body), headers: { "Content-Encoding": encoding } })).status,
        encoding,
      ).toBe(415);
    }
    expect((await http(port, { body, headers: { "Content-Encoding": "identity" } })).status).toBe(200);
  });

  test("smuggling: doubled length, length with chunked, bad length: 400 and closed", async () => {
    const { port } = await serve();
    const head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (const lines of [
      "Content-Length: 5\r\nContent-Length: 6",
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "Content-Length: -1",
      "Content-Length: 0x5",
      "Transfer-Encoding: xchunked",
      " Content-Length: 5",
    ]) {
      expect(statusOf(await raw(port, `${head}${lines}\r\n\r\n0\r\n\r\n`)), lines).toBe(400);
    }
  });
});

describe("RP-05 headers and slow clients", () => {
  test("16 KiB of headers pass, more is 431", async () => {
    const { port } = await serve();
    expect(statusOf(await raw(port, rawRequest(["Host: localhost", `X: ${"y".repeat(15_000)}`])))).toBe(200);
    expect(statusOf(await raw(port, rawRequest(["Host: localhost", `X: ${"y".repeat(17_000)}`])))).toBe(431);
  });

  test("2,001 headers are 431, for WebSocket too", async () => {
    const { port } = await serve();
    const many = Array.from({ length: 2_001 }, (_, i) => `a${i % 10}:b`);
    expect(statusOf(await raw(port, rawRequest(["Host: localhost", ...many])))).toBe(431);
    const upgrade = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${many.join("\r\n")}\r\n\r\n`;
    expect(statusOf(await raw(port, upgrade))).toBe(431);
  });

  test("headers or a body that drip are cut off with 408", async () => {
    const limits = { httpHeadersTimeoutMs: 60, httpRequestTimeoutMs: 120, httpCheckIntervalMs: 20 };
    const { port } = await serve({ limits });
    expect(statusOf(await raw(port, "POST / HTTP/1.1\r\nHost: local"))).toBe(408);
    expect(
      statusOf(
        await raw(
          port,
          "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        ),
      ),
    ).toBe(408);
  });
});

describe("RP-06 connections", () => {
  test("past the cap the longest idle one goes; busy ones and the newest stay", async () => {
    const { endpoint, port } = await serve({ limits: { connections: 3 } });
    const dial = () =>
      new Promise<Socket>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(socket));
        socket.on("error", () => {});
      });
    const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const ask = (socket: Socket) =>
      new Promise<string>((resolve) => {
        socket.once("data", (chunk) => resolve(String(chunk)));
        socket.write(rawRequest(["Host: localhost"]).replace("Connection: close\r\n", ""));
      });
    const line = await wsLine(port); // busy for ever
    const first = await dial();
    await ask(first);
    const second = await dial();
    await ask(second);
    await ask(first); // now the second is the longest idle
    const gone = closed(second);
    const third = await dial();
    await gone;
    expect(await ask(third)).toContain(ok);
    expect(await ask(first)).toContain(ok);
    line.send(body);
    expect(await line.next()).toBe(ok);
    expect(endpoint.connectionCount).toBe(3);
    for (const socket of [first, third]) socket.destroy();
    line.close();
  });
});

test("RP-06 F28 1,100 idle connections: 1,024 are kept, an honest request is answered", async () => {
  const { endpoint, port } = await serve();
  const sockets: Socket[] = [];
  for (let i = 0; i < 1_100; i++)
    sockets.push(
      await new Promise<Socket>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(socket));
        socket.on("error", () => {});
      }),
    );
  expect((await http(port, { body })).body).toBe(ok);
  expect(endpoint.connectionCount).toBeLessThanOrEqual(1_024);
  for (const socket of sockets) socket.destroy();
});

describe("replies", () => {
  test("the client that leaves aborts its call", async () => {
    const { port, service } = await serve();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(rawRequest(["Host: localhost"], call(1, "test_hang")));
    while (service.hanging === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    while (aborted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(aborted).toMatchObject([{ code: 4900 }]);
  });

  test("many requests on one connection", async () => {
    const { port } = await serve();
    const one = rawRequest(["Host: localhost"]).replace("Connection: close\r\n", "");
    const answer = await raw(port, one.repeat(50) + rawRequest(["Host: localhost"]));
    expect(answer.split(ok)).toHaveLength(52);
  });

  test("a large reply arrives whole", async () => {
    const { port } = await serve();
    const { body: text } = await http(port, { body: call(1, "test_repeat", ["\u{20ac}", 3_000_000]) });
    expect((JSON.parse(text) as { result: string }).result).toHaveLength(3_000_000);
  });
});

describe("one port, two faces", () => {
  test("either side can be absent, and can come and go", async () => {
    const { endpoint, port, server } = await serve();
    endpoint.setHttp(undefined);
    expect((await http(port, { body })).status).toBe(404);
    const line = await wsLine(port);
    endpoint.setHttp({ server });
    endpoint.setWs(undefined);
    await line.closed;
    expect((await http(port, { body })).body).toBe(ok);
    await expect(wsLine(port)).rejects.toThrow("404");
  });

  test("a busy port is named", async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({
      code: "RPC_LISTEN_FAILED",
      data: { endpoint: `127.0.0.1:${port}`, why: "address already in use" },
    });
  });

  test("closing lets the answer under way out and closes the rest; twice is fine", async () => {
    const { endpoint, port, service } = await serve();
    const idle = connect(port, "127.0.0.1");
    await new Promise<void>((resolve) => idle.once("connect", () => resolve()));
    const reply = http(port, { body: call(1, "test_slow", ["x", 200]) });
    while (endpoint.connectionCount < 2) await new Promise((resolve) => setImmediate(resolve));
    while (!service.order.includes("+x")) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([endpoint.close(), endpoint.close()]);
    expect((await reply).body).toContain('"result":"x"');
    expect(endpoint.connectionCount).toBe(0);
    await expect(http(port, { body })).rejects.toThrow(CLOSED_PORT);
  });
});
