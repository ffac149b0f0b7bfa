// Faults of attacks-and-faults §4.2 that a p2p server meets: a clock that jumps, a peer that stopped, resets in every state, no network.
import { readdirSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { generateKey, systemEntropy } from "#crypto";
import type { Host, TcpSocket } from "#host";
import { memoryFiles, SimulatedClock, seededRand } from "#host/sim";
import { HandshakeMachine } from "#p2p/rlpx";
import { describe, expect, test } from "vitest";
import { makeWorld, startNode } from "../../test/kit/discovery.ts";
import { FakeSocket, settle, testNet } from "../../test/kit/sockets.ts";
import { until } from "../../test/kit/until.ts";
import type { Protocol } from "./protocol.ts";
import { Server, type ServerConfig } from "./index.ts";

const idle = (): Protocol => ({
  ...{ name: "eth", version: 63, length: 17 },
  run: (_peer, _rw, signal) =>
    new Promise<void>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    ),
});

/** A network of servers that can be cut, with a calendar that can be wrong. */
class Plant {
  readonly clock = new SimulatedClock();
  readonly net = testNet();
  /** Both ends of what was dialled, the dialler's first. */
  readonly wires: FakeSocket[] = [];
  isDown = false;
  /** Whoever is dialled reads nothing: the system takes the connection, the program does not. */
  isDeaf = false;
  /** What the calendar is ahead, seconds. */
  ahead = 0;

  host(clock = this.clock): Host {
    const calendar = Object.assign(Object.create(clock) as SimulatedClock, {
      now: () => clock.now(),
      unixSeconds: () => clock.unixSeconds() + this.ahead,
      after: (ms: number, fn: () => void) => clock.after(ms, fn),
      sleep: (ms: number, options: object) => clock.sleep(ms, options),
    });
    const dialTcp = async (endpoint: { host: string; port: number }): Promise<TcpSocket> => {
      if (this.isDown) throw new Error("ENETUNREACH");
      const socket = await this.net.dialTcp(endpoint);
      if (socket instanceof FakeSocket) this.wires.push(socket);
      if (socket instanceof FakeSocket && this.isDeaf) socket.other?.pause();
      return socket;
    };
    const net = { ...this.net, dialTcp };
    return { clock: calendar, net, rand: seededRand(1), entropy: systemEntropy, files: memoryFiles() };
  }

  async serve(more: Partial<ServerConfig> = {}, clock = this.clock): Promise<Server> {
    const config = { privateKey: generateKey(), name: "glim/fault", listenAddr: "127.0.0.1:0" };
    const server = new Server({ ...config, protocols: [idle()], ...more }, this.host(clock));
    await server.start();
    return server;
  }

  async stop(...servers: Server[]): Promise<void> {
    await Promise.all([...servers.map((server) => server.stop()), this.clock.advance(3_000)]);
  }
}

const HOUR = 3600;

describe("F13 a clock that is set", () => {
  test("an hour on and back, a month on, 1970, a leap second: peers stay, no more timers, others can still come", async () => {
    const plant = new Plant();
    const one = await plant.serve();
    const two = await plant.serve({ staticNodes: [one.self.enode] });
    await plant.clock.advance(1_000);
    const timers = plant.clock.activeTimers;
    for (const ahead of [HOUR, -HOUR, 30 * 24 * HOUR, -1_700_000_000, 1]) {
      plant.ahead = ahead;
      await plant.clock.advance(60_000);
      expect([one.peers.size, two.peers.size]).toEqual([1, 1]);
      expect(plant.clock.activeTimers).toBeLessThanOrEqual(timers + 4);
      const late = await plant.serve({ staticNodes: [one.self.enode] });
      await plant.clock.advance(1_000);
      expect([ahead, late.peers.size, one.peers.size]).toEqual([ahead, 1, 2]);
      await plant.stop(late);
    }
    await plant.stop(one, two);
    expect(plant.clock.activeTimers).toBe(0);
  });

  test.each([HOUR, -HOUR, -1_700_000_000])(
    "discovery whose clock is %i s off for ten minutes asks no more often, and knows its nodes again afterwards",
    async (seconds) => {
      const world = makeWorld(13);
      const others = await Promise.all(
        Array.from({ length: 6 }, (_, i) => startNode(world, { ip: `30.0.${i}.1` })),
      );
      let ahead = 0;
      const clock = Object.assign(Object.create(world.clock) as SimulatedClock, {
        now: () => world.clock.now(),
        unixSeconds: () => world.clock.unixSeconds() + ahead,
        after: (ms: number, fn: () => void) => world.clock.after(ms, fn),
        sleep: (ms: number, options: object) => world.clock.sleep(ms, options),
      });
      const bootnodes = others.map(({ node }) => node);
      const node = await startNode(world, { ip: "30.1.0.1", bootnodes, clock });
      await world.clock.advance(60_000);
      expect(node.discv4.table.size).toBeGreaterThan(0);
      const received = () => others.reduce((sum, { discv4 }) => sum + discv4.counts.received, 0);
      const start = received();
      await world.clock.advance(600_000);
      const usual = received() - start;
      ahead = seconds;
      await world.clock.advance(600_000);
      expect(received() - start - usual).toBeLessThanOrEqual(3 * usual); // no storm
      ahead = 0;
      await world.clock.advance(1_200_000);
      expect(node.discv4.table.size).toBeGreaterThan(0);
      for (const one of [node, ...others]) await one.close();
    },
  );
});

test("F15 a peer whose process stopped: dropped within 45 s, its slot is free", async () => {
  const plant = new Plant();
  const stopped = await plant.serve({}, new SimulatedClock()); // no timer of it ever fires
  const one = await plant.serve({ maxPeers: 1, dialRatio: 1, staticNodes: [stopped.self.enode] });
  await plant.clock.advance(1_000);
  expect(one.peers.size).toBe(1);
  plant.isDeaf = true;
  for (const wire of plant.wires) wire.other?.pause();
  await plant.clock.advance(20_000);
  expect(one.peers.size).toBe(1);
  let tookMs = 20_000;
  for (; one.peers.size > 0 && tookMs < 60_000; tookMs += 1_000) await plant.clock.advance(1_000);
  expect(tookMs).toBeLessThanOrEqual(45_000);
  plant.isDeaf = false;
  const guest = await plant.serve({ staticNodes: [one.self.enode] });
  await plant.clock.advance(1_000);
  expect(guest.peers.size).toBe(1);
  await plant.stop(one, guest);
});

describe("F18 resets in every state of a connection", () => {
  test("10,000: no timer is left, no slot lost, an honest peer comes in", async () => {
    const plant = new Plant();
    const server = await plant.serve();
    const timers = plant.clock.activeTimers;
    const key = generateKey();
    const auth = new HandshakeMachine({
      key,
      entropy: systemEntropy,
      remotePublicKey: server.self.node.publicKey,
    }).start();
    if (auth === undefined) throw new Error("who dials speaks first");
    const says = [new Uint8Array(0), auth.subarray(0, 1), auth.subarray(0, 200), auth];
    for (let i = 0; i < 10_000; i++) {
      const socket = plant.net.connect(server.self.node.tcp);
      const bytes = i % 40 === 0 ? auth : says[i % 3];
      if (bytes !== undefined && bytes.length > 0) socket.write(bytes);
      if (i % 2 === 0) await Promise.resolve();
      socket.destroy();
      if (i % 40 !== 39) continue;
      await settle();
      await plant.clock.advance(1_000);
    }
    await plant.clock.advance(30_000);
    expect(plant.clock.activeTimers).toBe(timers);
    const guest = await plant.serve({ staticNodes: [server.self.enode] });
    await plant.clock.advance(2_000);
    expect([guest.peers.size, server.peers.size]).toEqual([1, 1]);
    await plant.stop(server, guest);
    expect(plant.clock.activeTimers).toBe(0);
  });

  test.runIf(process.platform === "linux")(
    "1,000 on real sockets: as many descriptors as before",
    async () => {
      await using server = new Server({
        ...{ privateKey: generateKey(), name: "glim/fault", listenAddr: "127.0.0.1:0", protocols: [idle()] },
      });
      await server.start();
      const descriptors = () => readdirSync("/proc/self/fd").length;
      const before = descriptors();
      for (let round = 0; round < 10; round++)
        await Promise.all(
          Array.from(
            { length: 100 },
            (_, i) =>
              new Promise<void>((resolve) => {
                const socket = connectTcp(server.self.node.tcp, "127.0.0.1");
                socket.on("error", () => {}).on("close", () => resolve());
                socket.on("connect", () => {
                  if (i % 2 === 0) socket.write(systemEntropy.bytes(i));
                  if (i % 3 === 0) socket.end();
                  else socket.resetAndDestroy();
                });
              }),
          ),
        );
      await until("every descriptor to be given back", () => descriptors() <= before);
    },
  );
});

test("F46 ten minutes without a network: within a minute of its return all peers are there again", async () => {
  const plant = new Plant();
  const others = await Promise.all(Array.from({ length: 10 }, () => plant.serve()));
  const one = await plant.serve({ staticNodes: others.map(({ self }) => self.enode) });
  await plant.clock.advance(30_000);
  expect(one.peers.size).toBe(10);
  plant.isDown = true;
  for (const wire of plant.wires) wire.destroy();
  await plant.clock.advance(600_000);
  expect(one.peers.size).toBe(0);
  plant.isDown = false;
  await plant.clock.advance(60_000);
  expect(one.peers.size).toBeGreaterThanOrEqual(8);
  await plant.stop(one, ...others);
  expect(plant.clock.activeTimers).toBe(0);
});
