// The same server over real sockets on loopback: what sockets in memory cannot show.
import { connect, type Socket } from "node:net";
import { generateKey, systemEntropy } from "#crypto";
import { deferred, equalBytes } from "#util";
import { expect, test } from "vitest";
import { until } from "../../test/kit/until.ts";
import type { MsgReadWriter, Protocol } from "./protocol.ts";
import { Server, type ServerConfig } from "./index.ts";

const make = (protocols: Protocol[], more: Partial<ServerConfig> = {}): Server =>
  new Server({
    privateKey: generateKey(),
    name: "glim/sockets",
    listenAddr: "127.0.0.1:0",
    protocols,
    ...more,
  });

test("10 MiB messages both ways at once through a reader who is slower than the writer", async () => {
  const big = systemEntropy.bytes(10 * 1024 * 1024);
  const count = 3;
  const done: Promise<number>[] = [];
  const exchange = async (rw: MsgReadWriter): Promise<number> => {
    const writing = (async () => {
      for (let i = 0; i < count; i++) await rw.writeMsg(i, big);
    })();
    for (let i = 0; i < count; i++) {
      const msg = await rw.readMsg();
      if (msg.code !== i || !equalBytes(msg.payload, big))
        throw new Error(`message ${i} is not what was sent`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    return count;
  };
  const protocol = (): Protocol => ({
    ...{ name: "bulk", version: 1, length: count },
    async run(_peer, rw, signal) {
      done.push(exchange(rw));
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  });
  await using one = make([protocol()]);
  await using two = make([protocol()]);
  await one.start();
  await two.start();
  one.addPeer(two.self.enode);
  await until("both ends to run", () => done.length === 2);
  expect(await Promise.all(done)).toEqual([count, count]);
  expect([one.peers.size, two.peers.size]).toEqual([1, 1]);
  const [peer] = one.peers.values();
  expect(peer?.traffic.bytesIn).toBeGreaterThan(count * big.length);
});

test("ET-09 200 messages of 10 MiB at once, unread: few come in, others are served meanwhile, and it goes on when they are read", async () => {
  const count = 200;
  const payload = new Uint8Array(10 * 1024 * 1024);
  const read = deferred<void>();
  let received = 0;
  let written = 0;
  let echoes = 0;
  const protocol = (run: Protocol["run"]): Protocol => ({ ...{ name: "bulk", version: 1, length: 1 }, run });
  const untilEnd = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  await using server = make([
    protocol(async (peer, rw, signal) => {
      if (peer.name === "glim/flood") {
        await read.promise;
        for (; received < count; received++) await rw.readMsg();
      } else for (;;) await rw.writeMsg(0, (await rw.readMsg()).payload);
      await untilEnd(signal);
    }),
  ]);
  const flooding = protocol(async (_peer, rw, signal) => {
    for (let i = 0; i < count && !signal.aborted; i++) {
      await rw.writeMsg(0, payload);
      written++;
    }
    await untilEnd(signal);
  });
  const asking = protocol(async (_peer, rw, signal) => {
    for (; echoes < 50; echoes++) {
      await rw.writeMsg(0, Uint8Array.of(echoes));
      await rw.readMsg();
    }
    await untilEnd(signal);
  });
  await using flood = make([flooding], { name: "glim/flood" });
  await using other = make([asking], { name: "glim/other" });
  for (const each of [server, flood, other]) await each.start();
  flood.addPeer(server.self.enode);
  await until("the flood to begin", () => written > 0);
  other.addPeer(server.self.enode);
  await until("others to be served", () => echoes === 50);
  // 16 MiB wait at the server, 16 MiB at the sender; messages of zeros are small in the sockets between
  expect([received, written < 60]).toEqual([0, true]);
  expect(server.peers.size).toBe(2);
  read.resolve();
  await until("the flood to go on", () => received >= 20);
});

test("RX-13 300 silent connections: 50 stay until their time is up, the rest are closed; stop closes them all", async () => {
  const server = make([]);
  await server.start();
  const sockets: Socket[] = [];
  let closed = 0;
  for (let i = 0; i < 300; i++) {
    const socket = connect(server.self.node.tcp, "127.0.0.1");
    socket.on("error", () => {}).on("close", () => closed++);
    sockets.push(socket);
  }
  await until("250 to be closed", () => closed === 250);
  expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(50);
  await server.stop();
  await until("all to be closed", () => closed === 300);
});

test("a listener that cannot bind fails the start, and the port is free after stop", async () => {
  const first = make([]);
  await first.start();
  const second = make([], { listenAddr: first.listenAddr });
  await expect(second.start()).rejects.toMatchObject({ code: "HOST_LISTEN_FAILED" });
  await first.stop();
  await using third = make([], { listenAddr: first.listenAddr });
  await third.start();
  expect(third.listenAddr).toBe(first.listenAddr);
});
