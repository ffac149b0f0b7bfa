// The attacks whose rounds take longer than a CI run: as many as attacks-and-faults.md says.
import { generateKey, keccak256, publicKeyOf, systemEntropy } from "#crypto";
import { memoryFiles, SimulatedClock, seededRand } from "#host/sim";
import { memoryStore } from "#ethdb";
import { Odr, RetrievedCache } from "#light";
import type { Logger } from "#log";
import { type Protocol, Server, type ServerConfig } from "#p2p";
import { RlpxConnection } from "#p2p/rlpx";
import { encode } from "#rlp";
import { numberToBytes, utf8Encode } from "#util";
import { expect, test } from "vitest";
import { filledWorld, lightWorld } from "../kit/light-world.ts";
import { silence } from "../kit/scripted-server.ts";
import { settle, testNet } from "../kit/sockets.ts";

const PING = 2;
const DISCONNECT = 1;
const EMPTY = Uint8Array.of(0xc0);
const EMPTY_BYTES = new Uint8Array(0);

function world() {
  const clock = new SimulatedClock();
  const net = testNet();
  return {
    clock,
    net,
    host: { clock, net, rand: seededRand(1), entropy: systemEntropy, files: memoryFiles() },
  };
}
type World = ReturnType<typeof world>;

const idle: Protocol = {
  ...{ name: "eth", version: 63, length: 17 },
  run: (_peer, _rw, signal) =>
    new Promise<void>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    ),
};

async function serve(w: World, more: Partial<ServerConfig> = {}): Promise<Server> {
  const server = new Server(
    { privateKey: generateKey(), name: "test", listenAddr: "127.0.0.1:0", protocols: [idle], ...more },
    w.host,
  );
  await server.start();
  return server;
}

/** [version, name, capabilities, port, key]; version 4: nothing after it is compressed. */
const hello = (publicKey: Uint8Array): Uint8Array =>
  encode([
    Uint8Array.of(4),
    utf8Encode("x"),
    [[utf8Encode("eth"), Uint8Array.of(63)]],
    EMPTY_BYTES,
    publicKey,
  ]);

async function stranger(w: World, server: Server, ip?: string): Promise<RlpxConnection> {
  const key = generateKey();
  const connection = new RlpxConnection(w.net.connect(server.self.node.tcp, ip), {
    ...{ key, entropy: systemEntropy, clock: w.clock, maxBytes: 0xff_ffff },
    remotePublicKey: server.self.node.publicKey,
  });
  await connection.established;
  connection.write(0, hello(publicKeyOf(key)));
  await connection.read();
  connection.setHandler({ onMessage: () => {}, onEnd: () => {} });
  return connection;
}

test("attack/BP-08 ten thousand races of two dials: one connection survives each, and nothing is left", async () => {
  let w = world();
  const settleRace = (race: number) =>
    race % 3 === 0 ? undefined : race % 3 === 1 ? Promise.resolve() : settle();
  let lost = 0;
  for (let race = 0; race < 10_000; race++) {
    if (race % 1_000 === 0) w = world(); // its ports would run out
    const a = await serve(w);
    const b = await serve(w);
    a.addPeer(b.self.enode);
    await settleRace(race);
    b.addPeer(a.self.enode);
    await settle();
    await w.clock.advance(2_000);
    if (a.peers.size === 0) {
      lost++;
      await w.clock.advance(40_000); // both lost: the next dial settles it
    }
    if (a.peers.size !== 1 || b.peers.size !== 1)
      expect([race, a.peers.size, b.peers.size]).toEqual([race, 1, 1]);
    await Promise.all([a.stop(), b.stop(), w.clock.advance(2_000)]);
    expect(w.clock.activeTimers).toBe(0);
  }
  expect(lost).toBeLessThan(1_000);
});

test("attack/BP-01 a million pings from two hundred peers who read no pong", async () => {
  const w = world();
  const server = await serve(w, { maxPeers: 500, maxPendingPeers: 500 });
  for (let peer = 0; peer < 200; peer++) {
    const flood = await stranger(w, server);
    await settle();
    if (server.peers.size !== 1) expect([peer, server.peers.size]).toEqual([peer, 1]);
    for (let i = 0; i < 5_000; i++) flood.write(PING, EMPTY);
    await settle();
    await w.clock.advance(1_100);
    if (server.peers.size !== 0) expect([peer, server.peers.size]).toEqual([peer, 0]);
  }
  await Promise.all([server.stop(), w.clock.advance(2_000)]);
  expect(w.clock.activeTimers).toBe(0);
});

test("attack/BP-04 a hundred thousand connections from one /24, each gone at once: four in 30 s, a line in 10 s", async () => {
  const w = world();
  let lines = 0;
  const log: Logger = {
    ...{ trace() {}, info() {}, warn() {}, error() {} },
    debug(message) {
      if (message === "inbound connection refused") lines++;
    },
    child: () => log,
  };
  const server = await serve(w, { log });
  let admitted = 0;
  for (let second = 0; second < 100; second++) {
    const sockets = Array.from({ length: 1_000 }, (_, i) =>
      w.net.connect(server.self.node.tcp, `8.8.8.${i % 256}`),
    );
    await settle();
    admitted += sockets.filter(({ isClosed }) => !isClosed).length;
    for (const socket of sockets) socket.destroy();
    await w.clock.advance(1_000);
  }
  expect(admitted).toBeLessThanOrEqual(4 * 4); // 100 s are four windows of 30 s
  expect(lines).toBeLessThanOrEqual(11);
  const honest = await stranger(w, server, "9.9.9.9");
  await settle();
  expect(server.peers.size).toBe(1);
  honest.write(DISCONNECT, Uint8Array.of(0xc1, 0x04));
  await Promise.all([server.stop(), w.clock.advance(40_000)]);
  expect(w.clock.activeTimers).toBe(0);
});

test("attack/LE-10 a hundred thousand timeouts of servers that announce and never serve leave nothing", async () => {
  const chain = await filledWorld();
  let timeouts = 0;
  let reads = 0;
  while (timeouts < 100_000) {
    const light = await lightWorld(chain);
    const good = light.serve();
    await light.clock.advance(50);
    good.kill(); // an honest one would be preferred, and the others not asked
    await light.clock.advance(50);
    const head = light.headers.head;
    for (let round = 0; round < 500; round++) {
      light.serve({
        name: round.toString(16).padStart(4, "0"),
        scripts: {
          getProofsV2() {
            timeouts++;
            return silence;
          },
        },
      });
      await light.settle();
      // nothing is known beforehand, or nobody would be asked
      const odr = new Odr(light.client, await RetrievedCache.open(memoryStore()));
      const asked = Promise.allSettled(
        Array.from({ length: 4 }, async () =>
          odr.account(head, keccak256(numberToBytes(++reads, 4)).slice(12)),
        ),
      );
      await light.clock.advance(11_000);
      const fulfilled = (await asked).filter(({ status }) => status === "fulfilled").length;
      if (fulfilled > 0) expect([round, fulfilled]).toEqual([round, 0]); // the read fails when its server is dropped
    }
    await light[Symbol.asyncDispose]();
    expect(light.clock.activeTimers).toBe(0);
    if (reads > 1_000_000) throw new Error(`only ${timeouts} requests went unanswered`);
  }
});
