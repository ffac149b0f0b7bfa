import { connect } from "node:net";
import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { afterEach, describe, expect, test } from "vitest";
import { call, raw, wsLine } from "../../test/kit/rpc.ts";
import { until } from "../../test/kit/until.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { HttpEndpoint } from "./http.ts";
import type { RpcLimits } from "./limits.ts";
import { RpcServer } from "./server.ts";

const open: HttpEndpoint[] = [];

async function serve(limits: Partial<RpcLimits> = {}, clock = nodeHost().clock) {
  const service = new TestService();
  const server = new RpcServer({ apis: service.apis, host: { ...nodeHost(), clock }, limits });
  const endpoint = await HttpEndpoint.open({ host: "127.0.0.1", port: 0, ws: { server }, clock, limits });
  open.push(endpoint);
  return { endpoint, port: endpoint.address.port, server, service };
}

afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.close();
});

const upgrade = (extra = "") =>
  `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${extra}\r\n`;

/** Upgrades, sends frames as they are, gives what came until the server closed: its close code, if it told one. */
function frames(port: number, ...parts: readonly Buffer[]): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let got = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      const isFirst = got.length === 0;
      got = Buffer.concat([got, chunk]);
      if (isFirst) for (const part of parts) socket.write(part);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      const after = got.subarray(got.indexOf("\r\n\r\n") + 4);
      const at = after.indexOf(0x88);
      resolve(at < 0 ? undefined : after.readUInt16BE(at + 2));
    });
    socket.write(upgrade());
  });
}

/** A client frame: masked with zeros, so the payload stands as it is. */
function frame(opcode: number, payload: Buffer, { fin = true, masked = true, rsv = 0 } = {}): Buffer {
  const first = (fin ? 0x80 : 0) | rsv | opcode;
  const mask = masked ? 0x80 : 0;
  const length =
    payload.length < 126
      ? Buffer.of(first, mask | payload.length)
      : Buffer.from([first, mask | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([length, masked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

describe("RP-16 frames", () => {
  test("a message at the bound passes, one byte more closes with 1009", async () => {
    const { port } = await serve({ wsMessageBytes: 10_000 });
    const line = await wsLine(port);
    line.send(call(1, "nftest_echo", [1]).padEnd(10_000, " "));
    expect(await line.next()).toContain('"result":1');
    line.send(call(1, "nftest_echo", [1]).padEnd(10_001, " "));
    expect(await line.closed).toBe(1009);
  });

  test("the default bound is 15 MiB: a header that promises more is enough", async () => {
    const { port } = await serve();
    const header = Buffer.alloc(14);
    header[0] = 0x81;
    header[1] = 0xff;
    header.writeBigUInt64BE(BigInt(32 * 1024 * 1024 + 1), 2);
    expect(await frames(port, header)).toBe(1009);
  });

  test("unmasked frames, reserved bits, unknown opcodes, broken fragments: 1002", async () => {
    const { port } = await serve();
    const text = Buffer.from("{}");
    expect(await frames(port, frame(1, text, { masked: false }))).toBe(1002);
    expect(await frames(port, frame(1, text, { rsv: 0x40 }))).toBe(1002); // compressed, though deflate is off
    expect(await frames(port, frame(3, text))).toBe(1002);
    expect(await frames(port, frame(0, text))).toBe(1002);
    expect(await frames(port, frame(9, Buffer.alloc(126)))).toBe(1002);
  });

  test("more fragments than the bound close the connection", async () => {
    const { port } = await serve({ wsFragments: 100 });
    const code = await frames(
      port,
      frame(1, Buffer.from(" "), { fin: false }),
      ...Array.from({ length: 200 }, () => frame(0, Buffer.from(" "), { fin: false })),
    );
    expect([1002, 1008, 1009]).toContain(code);
  });

  test("compression is not offered back, hostile extension headers do no harm", async () => {
    const { port } = await serve();
    const answer = await raw(
      port,
      upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
      /\r\n\r\n/,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    expect(answer.toLowerCase()).not.toContain("sec-websocket-extensions");
    for (const name of ["constructor", "__proto__; __proto__=1", ";;;", 'a;b="']) {
      expect(await raw(port, upgrade(`Sec-WebSocket-Extensions: ${name}\r\n`), /\r\n\r\n/)).toMatch(
        /^HTTP\/1\.1 (101|400) /,
      );
    }
  });

  test("pings are answered; a flood that leaves no room for pongs ends its connection, no other", async () => {
    const { port } = await serve();
    const honest = await wsLine(port);
    const line = await wsLine(port);
    let pongs = 0;
    line.socket.on("pong", () => pongs++);
    for (let i = 0; i < 10; i++) line.socket.ping();
    line.send(call(1, "nftest_echo", [1]));
    expect(await line.next()).toContain('"result":1');
    expect(pongs).toBe(10);
    for (let i = 0; i < 100_000 && line.socket.readyState === line.socket.OPEN; i++) line.socket.ping();
    expect(await line.closed).toBe(1006);
    honest.send(call(1, "nftest_echo", [1]));
    expect(await honest.next()).toContain('"result":1');
    honest.close();
  });

  test("not UTF-8 and not JSON: 1007", async () => {
    const { port } = await serve();
    expect(await frames(port, frame(1, Buffer.of(0xff, 0xfe)))).toBe(1007);
    expect(await frames(port, frame(1, Buffer.from("not JSON")))).toBe(1007);
  });
});

describe("pings", () => {
  test("30 s of silence bring a ping; 30 s more without an answer end the connection", async () => {
    const clock = new SimulatedClock();
    const { port, endpoint } = await serve({}, clock);
    const alive = await wsLine(port);
    const pinged = new Promise<void>((resolve) => alive.socket.once("ping", () => resolve()));
    const mute = connect(port, "127.0.0.1");
    const muteGone = new Promise<void>((resolve) => mute.once("close", () => resolve()));
    await new Promise<void>((resolve) => {
      mute.once("data", () => resolve());
      mute.write(upgrade());
    });
    await clock.advance(30_000);
    await pinged;
    alive.send(call(1, "nftest_echo", [1]));
    await alive.next(); // its pong came before this
    await clock.advance(30_000);
    await muteGone;
    alive.send(call(2, "nftest_echo", [2]));
    expect(await alive.next()).toContain('"result":2');
    alive.close();
    await alive.closed;
    while (endpoint.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.activeTimers).toBe(0);
  });
});

describe("RP-15 a reader that does not read", () => {
  test("is closed with 1008 at the bound, and nothing goes on for it", async () => {
    const { port, service, server } = await serve({ outgoingBytes: 1_000_000 });
    const line = await wsLine(port);
    line.send(call(1, "nftest_subscribe", ["flood", 100_000]));
    await line.next();
    line.socket.pause();
    while (service.openStreams > 0 || server.openConnections > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      if (server.openConnections === 1 && line.socket.readyState === line.socket.OPEN) continue;
    }
    line.socket.resume();
    expect([1006, 1008]).toContain(await line.closed);
  });

  test("counts messages too", async () => {
    const { port, service } = await serve({ outgoingMessages: 50 });
    const line = await wsLine(port);
    line.send(call(1, "nftest_subscribe", ["flood", 60_000]));
    await line.next();
    line.socket.pause();
    while (service.openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    line.socket.terminate();
  });
});

test("many messages at once: reading pauses at the bound, all are answered", async () => {
  const { port } = await serve({ messagesAtOnce: 4 });
  const line = await wsLine(port);
  for (let i = 0; i < 100; i++) line.send(call(i, "test_slow", ["x", 2]));
  const ids = new Set<number>();
  for (let i = 0; i < 100; i++) ids.add((JSON.parse(await line.next()) as { id: number }).id);
  expect(ids.size).toBe(100);
  line.close();
});

describe("RP-16 what all messages of a listener take together", () => {
  const KIB = 1024;

  /** A client that sends frames as they are. `counted` resolves when the server has taken everything before. */
  async function slowClient(port: number) {
    const socket = connect(port, "127.0.0.1");
    let got = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => (got = Buffer.concat([got, chunk])));
    const closed = new Promise<number | undefined>((resolve) =>
      socket.once("close", () => {
        const at = got.indexOf(0x88);
        resolve(at < 0 ? undefined : got.readUInt16BE(at + 2));
      }),
    );
    socket.write(upgrade());
    await until("the upgrade", () => got.includes("\r\n\r\n"));
    return {
      socket,
      closed,
      send: (...parts: readonly Buffer[]) => parts.forEach((part) => socket.write(part)),
      text: () => got.toString("latin1"),
      async counted() {
        got = Buffer.alloc(0);
        socket.write(frame(9, Buffer.alloc(0)));
        await until("the pong", () => got.includes(0x8a));
      },
    };
  }

  const spaces = (kib: number, fin = false) => frame(0, Buffer.alloc(kib * KIB, " "), { fin });
  const begin = frame(1, Buffer.from(call(1, "nftest_echo", [1])), { fin: false });

  test("attack/RP-16 past it the one that comes is closed with 1013; small ones pass, and it too when there is room", async () => {
    const { port } = await serve({ wsMessagesBytes: 200 * KIB });
    const first = await slowClient(port);
    first.send(begin, spaces(50), spaces(50), spaces(50));
    await first.counted();
    const second = await slowClient(port);
    second.send(begin, spaces(30, true));
    await until("a small one to be answered", () => second.text().includes('"result":1'));
    second.send(begin, spaces(50), spaces(50));
    expect(await second.closed).toBe(1013);
    first.send(spaces(50)); // nobody else holds any: alone it may have more
    first.send(frame(0, Buffer.alloc(0)));
    await until("the large one to be answered", () => first.text().includes('"result":1'));
    const third = await slowClient(port);
    third.send(begin, spaces(50), spaces(50), spaces(50), spaces(40, true));
    await until("the next to be answered", () => third.text().includes('"result":1'));
    for (const { socket } of [first, third]) socket.destroy();
  });

  test("attack/RP-16 a client that leaves in the middle gives its share back", async () => {
    const { endpoint, port } = await serve({ wsMessagesBytes: 100 * KIB });
    const first = await slowClient(port);
    first.send(begin, spaces(50), spaces(40));
    await first.counted();
    first.socket.destroy();
    await until("the server to see it", () => endpoint.connectionCount === 0);
    const second = await slowClient(port);
    second.send(begin, spaces(50), spaces(40, true));
    await until("an answer", () => second.text().includes('"result":1'));
    second.socket.destroy();
  });

  test("attack/RP-16 a message over 64 KiB that is not whole after 30 s is closed with 1008; one below may take its time", async () => {
    const clock = new SimulatedClock();
    const { port } = await serve({}, clock);
    const [slow, small] = [await slowClient(port), await slowClient(port)];
    slow.send(begin, spaces(60), spaces(10));
    small.send(begin, spaces(50));
    await Promise.all([slow.counted(), small.counted()]);
    await clock.advance(29_999);
    await slow.counted();
    await clock.advance(1);
    expect(await slow.closed).toBe(1008);
    small.send(frame(0, Buffer.alloc(0)));
    await until("the small one's answer", () => small.text().includes('"result":1'));
    small.socket.destroy();
  });
});
