// Strangers at random against one server, in memory, with a seed: whatever they do, no bug is logged, and at the end nothing is left.
import { generateKey, publicKeyOf, systemEntropy as entropy } from "#crypto";
import type { Rand } from "#host";
import { memoryFiles, SimulatedClock, seededRand } from "#host/sim";
import type { Logger } from "#log";
import { type Established, HandshakeMachine } from "#p2p/rlpx";
import { bytes, list, uint53 } from "#rlp";
import { expect, test } from "vitest";
import { type FakeSocket, settle, testNet } from "../../test/kit/sockets.ts";
import { encodeDisconnect, encodeHello } from "./hello.ts";
import type { Protocol } from "./protocol.ts";
import { Server } from "./server.ts";
import { wire } from "./wire.ts";

const table = wire({
  name: "fuzz",
  version: 1,
  envelope: "les",
  messages: {
    status: { code: 0, body: list(bytes({ max: 32 })) },
    get: { code: 1, body: list(uint53), reply: "got", maxItems: 8 },
    got: { code: 2, body: list(bytes()) },
  },
});

/** Talks with whoever comes: says its status, asks, and answers at different speeds. */
function talker(): Protocol {
  return {
    ...table,
    async run(_peer, rw, signal) {
      const session = table.open(rw, { signal, requestTimeoutMs: 2_000, bufferValue: () => 1n });
      await session.send("status", [Uint8Array.of(1)]);
      await session.receive("status", { timeoutMs: 1_000 });
      const asking = session.request("get", [1, 2]).catch((error: unknown) => {
        if (signal.aborted) throw error;
      });
      await Promise.all([
        session.serve({
          get: async (items) =>
            items.length > 3 ? (await settle(), []) : items.map(() => new Uint8Array(40)),
        }),
        asking,
      ]);
    },
  };
}

class Attacker {
  readonly #rand: Rand;
  readonly #socket: FakeSocket;
  readonly #key = generateKey();
  /** Half of them begin as they should and break the rules later. */
  readonly #isPolite: boolean;
  #frames: Established | undefined;

  constructor(rand: Rand, socket: FakeSocket, server: Server) {
    this.#rand = rand;
    this.#isPolite = rand.int(2) === 0;
    this.#socket = socket;
    const machine = new HandshakeMachine({
      key: this.#key,
      entropy,
      remotePublicKey: server.self.node.publicKey,
    });
    socket.onData((chunk) => {
      if (this.#frames === undefined) this.#frames = machine.push(chunk)?.established;
    });
    const auth = machine.start() ?? new Uint8Array(0);
    if (rand.int(8) === 0) auth[rand.int(auth.length)] = rand.int(256);
    socket.write(rand.int(10) === 0 ? auth.subarray(0, rand.int(auth.length)) : auth);
  }

  hello(): void {
    if (this.#isPolite) return this.#begin();
    const key = this.#rand.int(10) === 0 ? generateKey() : this.#key;
    const version = this.#rand.int(3) === 0 ? 5 : 4; // 4: what follows need not be snappy
    const payload = encodeHello({
      version,
      name: "\u001b[2Jfuzz",
      caps: [{ name: "fuzz", version: 1 }],
      publicKey: publicKeyOf(key),
    });
    if (this.#rand.int(6) === 0) payload[this.#rand.int(payload.length)] = this.#rand.int(256);
    this.#write(this.#rand.int(20) === 0 ? 3 : 0, payload);
  }

  /** A hello, a status, and the answer to the request that is coming. */
  #begin(): void {
    const caps = [{ name: "fuzz", version: 1 }];
    this.#write(0, encodeHello({ version: 4, name: "polite", caps, publicKey: publicKeyOf(this.#key) }));
    for (const { code, payload } of [
      table.encode("status", []),
      table.encode("got", [], { reqId: 1n, bv: 1n }),
      table.encode("get", [1, 2, 3, 4], { reqId: 9n }),
    ])
      this.#write(16 + code, payload);
  }

  step(): void {
    const rand = this.#rand;
    if (this.#isPolite && rand.int(10) > 0) {
      const { code, payload } = table.encode("get", [1, 2, 3].slice(rand.int(3)), {
        reqId: BigInt(rand.int(99)),
      });
      return this.#write(16 + code, payload);
    }
    switch (rand.int(9)) {
      case 0:
        return this.#write(2, Uint8Array.of(0xc0));
      case 1:
        return this.#write(rand.int(25), this.#random(rand.int(60)));
      case 2: {
        const { code, payload } = table.encode("status", [this.#random(rand.int(32))]);
        return this.#write(16 + code, payload);
      }
      case 3:
      case 4: {
        const { code, payload } = table.encode(
          "get",
          Array.from({ length: rand.int(10) }, () => rand.int(99)),
          { reqId: BigInt(rand.int(5)) },
        );
        return this.#write(16 + code, payload);
      }
      case 5: {
        const { code, payload } = table.encode("got", [this.#random(9)], {
          reqId: BigInt(rand.int(3)),
          bv: 5n,
        });
        if (rand.int(3) === 0) payload[rand.int(payload.length)] = rand.int(256);
        return this.#write(16 + code, payload);
      }
      case 6:
        if (rand.int(6) === 0)
          this.#write(1, rand.int(2) === 0 ? encodeDisconnect(rand.int(30)) : this.#random(5));
        return;
      case 7:
        if (rand.int(12) === 0) this.#socket.write(this.#random(rand.int(100)));
        return;
      default:
        if (rand.int(12) === 0) this.#socket.destroy();
        else if (rand.int(6) === 0) this.#socket.pause();
    }
  }

  #random(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#rand.int(256));
  }

  #write(code: number, payload: Uint8Array): void {
    if (this.#frames !== undefined) this.#socket.write(this.#frames.writer.seal(code, payload));
  }
}

test.each([1, 2, 3])("strangers at random, seed %i", async (seed) => {
  const rand = seededRand(seed);
  const clock = new SimulatedClock();
  const net = testNet();
  const bugs: unknown[] = [];
  const log: Logger = {
    ...{ trace() {}, debug() {}, info() {}, warn() {} },
    error: (message, facts) => void bugs.push([message, facts]),
    child: () => log,
  };
  const server = new Server(
    {
      privateKey: generateKey(),
      name: "glim",
      listenAddr: "127.0.0.1:0",
      maxPeers: 20,
      protocols: [talker()],
      log,
      enableMsgEvents: true,
    },
    { clock, net, rand, entropy, files: memoryFiles() },
  );
  const seen = { add: 0, drop: 0, msgsend: 0, msgrecv: 0 };
  server.peerEvents.subscribe(({ type }) => void seen[type]++);
  await server.start();
  for (let round = 0; round < 12; round++) {
    const attackers = Array.from(
      { length: 12 },
      () =>
        new Attacker(
          rand,
          net.connect(server.self.node.tcp, rand.int(4) === 0 ? `9.${rand.int(99)}.1.1` : undefined),
          server,
        ),
    );
    await settle();
    for (const attacker of attackers) if (rand.int(10) > 0) attacker.hello();
    for (let i = 0; i < 30; i++) {
      for (const attacker of attackers) attacker.step();
      if (rand.int(4) === 0) await clock.advance(rand.int(700));
      else await Promise.resolve();
    }
    await settle();
  }
  expect(server.peers.size).toBeLessThanOrEqual(20);
  await clock.advance(60_000);
  await Promise.all([server.stop(), clock.advance(10_000)]);
  expect(bugs).toEqual([]);
  expect(seen.add).toBe(seen.drop);
  expect([server.peers.size, clock.activeTimers]).toEqual([0, 0]);
  expect(seen.add).toBeGreaterThan(30); // it was more than knocking
  expect(seen.msgrecv).toBeGreaterThan(100);
});
