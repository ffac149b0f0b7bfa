import { beforeAll, describe, expect, test } from "vitest";
import { keccak256, publicKeyOf } from "#crypto";
import { seededRand, SimulatedClock } from "#host/sim";
import { ClientEstimate } from "#les/flowcontrol";
import {
  type Announce,
  checkAnnounceSignature,
  lesTable,
  requestCost,
  type TxStatus,
  txRelayCost,
} from "#les/protocol";
import { emptyTxRoot, type Header, type Transaction } from "#core/types";
import { encodeAs } from "#rlp";
import { eventContract, type SealedWorld } from "../../../test/kit/chains.ts";
import { LesWorld, type LesWorldOptions, lesServerKey, type PipeClient } from "../../../test/kit/les-pipe.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";
import { priceAt } from "./client-connection.ts";
import { limits } from "./limits.ts";
import { ServingThrottle } from "./throttle.ts";

let world: SealedWorld;
let tx: Transaction;
beforeAll(async () => {
  world = await filledWorld();
  tx = world.maker.fork().send(3, eventContract, 100_000n, 0n, new Uint8Array(64));
});

/** A server on which relaying a transaction takes `servingMs` of the virtual time. */
function slowServer(
  servingMs: () => number,
  options: Omit<LesWorldOptions, "chain" | "clock"> = {},
): LesWorld {
  const clock = new SimulatedClock();
  return new LesWorld({
    chain: world.chain,
    clock,
    relayTransaction: () => clock.sleep(servingMs()),
    ...options,
  });
}
const proofQuery = (i: number) => ({
  blockHash: world.chain.head.hash,
  accountKey: new Uint8Array(0),
  key: keccak256(Uint8Array.of(i)),
  fromLevel: 0n,
});

describe("LE-04 a client that spends more than it has", () => {
  // a transaction costs 900,000: room for ten
  const flow = { bufferLimit: 9_000_000, minRecharge: 1_000 };
  /** Sends eleven at once: the last one is not paid for. */
  const overrun = (client: PipeClient) => {
    for (let i = 1n; i <= 11n; i++) client.send("sendTxV2", [tx], i);
  };

  test("les/2 has no stop: it is dropped (0x10)", async () => {
    const les = slowServer(() => 10, { flow });
    const client = await les.connect({ version: 2 });
    overrun(client);
    await les.clock.advance(0);
    expect(await client.ended).toMatchObject({ code: "LES_REQUEST_REJECTED", disconnect: 0x10 });
    await les.clock.advance(100);
    expect(les.clock.activeTimers).toBe(0);
  });

  test.each([3, 4] as const)(
    "les/%i: stop; nothing of before is answered; resume with an eighth of the buffer at least",
    async (version) => {
      const les = slowServer(() => 10, { flow });
      const frozen: unknown[] = [];
      les.server.clientEvents.subscribe((event) => frozen.push(event));
      const client = await les.connect({ version });
      overrun(client);
      await les.clock.advance(0);
      expect((await client.next()).name).toBe("stop");
      expect(client.connection.isFrozen).toBe(true);
      expect(frozen.at(-1)).toEqual({ type: "frozen", peer: client.id, buffer: 0 });
      // what waited is forgotten, and its price comes back
      expect(client.connection.bufferValue()).toBe(9_000_000 - 900_000);
      // asked while frozen: not answered, not now and not later
      client.send("getBlockBodies", [world.chain.head.hash]);
      await les.clock.advance(limits.freezeBaseMs - 1);
      expect(client.connection.isFrozen).toBe(true);
      await les.clock.advance(limits.freezeRandomMs + 1);
      const resume = await client.next();
      expect(resume.name).toBe("resume");
      expect(Number(resume.body)).toBeGreaterThan(flow.bufferLimit / 8);
      expect(client.connection.served).toBe(0);
      client.send("getBlockBodies", [world.chain.head.hash], 77n);
      expect(await client.next()).toMatchObject({ name: "blockBodies", reqId: 77n });
      expect(client.connection.served).toBe(1);
    },
  );

  test("resume waits for the buffer, not only for the time", async () => {
    const les = slowServer(() => 9, { flow: { bufferLimit: 9_000_000, minRecharge: 100 } });
    const client = await les.connect();
    // all of it is spent for good
    for (let i = 0; i < 10; i++) client.send("sendTxV2", [tx]);
    await les.clock.advance(100);
    for (let i = 0; i < 10; i++) await client.next();
    expect(client.connection.bufferValue()).toBeLessThan(20_000);
    client.send("sendTxV2", [tx]);
    expect((await client.next()).name).toBe("stop");
    // an eighth takes 11 s at this recharge
    await les.clock.advance(10_000);
    expect(client.connection.isFrozen).toBe(true);
    await les.clock.advance(1_500);
    expect(Number(await client.nextBody("resume"))).toBeGreaterThan(9_000_000 / 8);
  });

  test("who goes on asking after a stop is dropped at the 1,025th (0x10)", async () => {
    const les = slowServer(() => 10, { flow });
    const client = await les.connect();
    overrun(client);
    await les.clock.advance(0);
    for (let i = 0; i < limits.messagesWhileFrozen; i++) client.send("getBlockBodies", []);
    await les.clock.advance(0);
    expect(client.isOver).toBe(false);
    client.send("getBlockBodies", []);
    expect(await client.ended).toMatchObject({ code: "LES_REQUEST_REJECTED", disconnect: 0x10 });
    await les.clock.advance(2_000);
    expect(les.clock.activeTimers).toBe(0);
  });

  test("the buffer value told is never below zero, nor above the limit", async () => {
    const les = slowServer(() => 50, { flow });
    const client = await les.connect();
    for (let i = 0; i < 10; i++) client.send("sendTxV2", [tx]);
    await les.clock.advance(600);
    for (let i = 0; i < 10; i++) {
      const { bv = -1n } = await client.next();
      expect(bv).toBeGreaterThanOrEqual(0n);
      expect(bv).toBeLessThanOrEqual(9_000_000n);
    }
  });

  test("a leaving client leaves no timer", async () => {
    const les = slowServer(() => 10, { flow });
    const client = await les.connect();
    overrun(client);
    await les.clock.advance(0);
    client.close();
    await client.ended;
    await les.clock.advance(20);
    expect(les.clock.activeTimers).toBe(0);
  });

  test("a transaction is priced by its size too: a message of 5 MiB takes a whole buffer", async () => {
    const les = slowServer(() => 10);
    const client = await les.connect();
    const big = world.maker.fork().send(3, eventContract, 100_000n, 0n, new Uint8Array(5 * 2 ** 20));
    client.send("sendTxV2", [big]);
    await les.clock.advance(0);
    const size = encodeAs(lesTable(4).messages.sendTxV2.body, [big]).length;
    const price = txRelayCost(client.connection.costs, 1, size, 300_000_000);
    expect(price).toBeGreaterThan(280_000_000);
    expect(client.connection.bufferValue()).toBe(300_000_000 - price);
    await les.clock.advance(20);
    // it took 10 ms, which an idle server charges at a tenth
    expect(Number((await client.next()).bv)).toBeCloseTo(300_000_000 - 1_000_000, -6);
  });

  test("an idle server charges a tenth of the time, a busy one all of it", async () => {
    const clock = new SimulatedClock();
    const throttle = new ServingThrottle(clock, 0.1);
    const { signal } = new AbortController();
    const serveFor = async (ms: number) => {
      const turn = throttle.run(() => clock.sleep(ms), signal);
      await clock.advance(ms);
      await turn;
    };
    expect(throttle.load).toBe(0);
    for (let i = 0; i < 5; i++) await serveFor(100);
    expect(throttle.load).toBeCloseTo(0.45);
    for (let i = 0; i < 7; i++) await serveFor(100);
    expect(throttle.load).toBe(1);
    await clock.advance(11_000);
    expect(throttle.load).toBe(0);
    expect([0, 0.5, 1].map(priceAt)).toEqual([0.1, 0.55, 1]);
  });
});

describe("T18 the client's estimate and the server's buffer", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "seed %i: the estimate is never above the buffer, and nobody is ever stopped",
    async (seed) => {
      const rand = seededRand(seed);
      const flow = { bufferLimit: 20_000_000 + rand.int(80_000_000), minRecharge: 5_000 + rand.int(50_000) };
      const les = slowServer(() => rand.int(4), { flow, lightServ: 100 });
      const { clock } = les;
      const client = await les.connect();
      const { connection } = client;
      const estimate = new ClientEstimate(flow, clock.now());
      let toServer = 0; // arrival of what was sent last: a connection keeps its order
      let toClient = 0;
      let onTheWay = 0;
      let answered = 0;
      let isOver = false;
      const replies = (async () => {
        while (!isOver) {
          const { name, reqId = 0n, bv = 0n } = await client.next();
          expect(name).not.toBe("stop");
          toClient = Math.max(toClient, clock.now() + rand.int(40));
          clock.after(toClient - clock.now(), () => {
            expect(estimate.replied(Number(reqId), Number(bv), clock.now())).toBe(true);
            answered++;
            check();
          });
        }
      })();
      const check = () =>
        expect(estimate.value(clock.now())).toBeLessThanOrEqual(connection.bufferValue() - onTheWay + 1);
      let sent = 0;
      for (let i = 1; i <= 150; i++) {
        await clock.advance(rand.int(20));
        check();
        const isRelay = rand.int(3) > 0;
        const items = 1 + rand.int(isRelay ? 4 : 20);
        const body = Array.from({ length: items }, (_, at) => (isRelay ? tx : proofQuery(at)));
        const cost = isRelay
          ? txRelayCost(connection.costs, items, 200 * items, flow.bufferLimit)
          : requestCost(connection.costs, "getProofsV2", items, flow.bufferLimit);
        if (estimate.waitMs(cost, clock.now()) > 0) continue;
        estimate.sent(i, cost, clock.now());
        sent++;
        onTheWay += cost;
        toServer = Math.max(toServer, clock.now() + rand.int(40));
        clock.after(toServer - clock.now(), () => {
          client.send(isRelay ? "sendTxV2" : "getProofsV2", body, BigInt(i));
          onTheWay -= cost;
        });
      }
      await clock.advance(5_000);
      expect(sent).toBeGreaterThan(20);
      expect(answered).toBe(sent);
      isOver = true;
      client.close();
      await replies.catch(() => {});
    },
  );
});

describe("turns", () => {
  test("clients take turns: who asks much does not keep the others waiting", async () => {
    const les = slowServer(() => 5);
    const [greedy, modest] = [await les.connect(), await les.connect()];
    for (let i = 0; i < 100; i++) greedy.send("sendTxV2", [tx]);
    await les.clock.advance(0);
    modest.send("sendTxV2", [tx]);
    await les.clock.advance(11);
    expect((await modest.next()).name).toBe("txStatus");
    expect(greedy.connection.served).toBeLessThanOrEqual(2);
    await les.clock.advance(700);
    expect(greedy.connection.served).toBe(100);
  });

  test("a request that comes in whichever moment the one before ends is answered", async () => {
    const les = slowServer(() => 0);
    const client = await les.connect();
    for (let moment = 0; moment < 60; moment++) {
      const { served } = client.connection;
      client.send("getTxStatus", []);
      for (let i = 0; i < moment; i++) await Promise.resolve();
      client.send("getTxStatus", []);
      await les.clock.advance(0);
      expect([moment, client.connection.served - served]).toEqual([moment, 2]);
      await client.next();
      await client.next();
    }
  });

  test("half a core: after a second of serving each millisecond costs one of rest", async () => {
    const les = slowServer(() => 100, { lightServ: 50 });
    const client = await les.connect();
    for (let i = 0; i < 40; i++) client.send("sendTxV2", [tx]);
    await les.clock.advance(4_000);
    const early = client.connection.served;
    await les.clock.advance(2_000);
    const later = client.connection.served - early;
    expect(early).toBeGreaterThanOrEqual(20);
    expect(later).toBeGreaterThanOrEqual(9);
    expect(later).toBeLessThanOrEqual(11);
  });

  test("who leaves while it waits for its turn does not take it, and keeps nobody waiting", async () => {
    const clock = new SimulatedClock();
    const throttle = new ServingThrottle(clock, 1);
    const gone = new AbortController();
    const ran: string[] = [];
    const turn = (name: string, signal = new AbortController().signal) =>
      throttle.run(async () => {
        await clock.sleep(10);
        ran.push(name);
      }, signal);
    const [first, second, third] = [turn("first"), turn("second", gone.signal), turn("third")];
    const failed = expect(second).rejects.toThrow("gone");
    gone.abort(new Error("gone"));
    await clock.advance(30);
    await Promise.all([first, third, failed]);
    expect(ran).toEqual(["first", "third"]);
    // a turn that fails is over too
    const failing = throttle.run(() => Promise.reject(new Error("no")), new AbortController().signal);
    const after = throttle.run(() => 7, new AbortController().signal);
    const fails = expect(failing).rejects.toThrow("no");
    await clock.advance(0);
    await fails;
    expect((await after).result).toBe(7);
  });
});

describe("BP-10 a client that does not read", () => {
  /** The pipe holds 256 messages; then writers wait, as at a full socket. */
  const room = 256;

  test("is owed one reply and no more; it is read no further, and others are served", async () => {
    const les = slowServer(() => 0);
    const [deaf, other] = [await les.connect(), await les.connect()];
    for (let i = 0; i < 3_000; i++) deaf.send("getTxStatus", [tx.hash]);
    await les.clock.advance(0);
    expect(deaf.connection.served).toBe(room);
    expect((await other.request("getTxStatus", [tx.hash])).name).toBe("txStatus");
    // once it reads, all of it comes, in order
    for (let i = 2n; i <= 1_001n; i++) expect((await deaf.next()).reqId).toBe(i);
  });

  test("is told of the newest head when it reads again, not of each one it slept through", async () => {
    const own = await filledWorld(6);
    const les = new LesWorld({ chain: own.chain });
    const deaf = await les.connect();
    for (let i = 0; i < room; i++) deaf.send("getTxStatus", []);
    await les.clock.advance(0);
    for (let i = 0; i < 4; i++) await own.next();
    for (let i = 0; i < room; i++) expect((await deaf.next()).name).toBe("txStatus");
    const announces: Announce[] = [];
    for (let i = 0; i < 2; i++) announces.push((await deaf.nextBody("announce")) as Announce);
    expect(announces.map(({ number }) => number)).toEqual([7, 10]);
    expect(announces.map(({ reorgDepth }) => reorgDepth)).toEqual([0n, 0n]);
  });
});

describe("announcements", () => {
  const announce = async (client: PipeClient) => (await client.nextBody("announce")) as Announce;

  test("each head, with number and total difficulty; signed for who asks; none for who wants none", async () => {
    const own = await filledWorld(6);
    const les = new LesWorld({ chain: own.chain });
    const [simple, signed, none] = [
      await les.connect({ announceType: 1 }),
      await les.connect({ announceType: 2 }),
      await les.connect({ announceType: 0 }),
    ];
    await les.clock.advance(0);
    const { header } = await own.next();
    const expected = { hash: header.hash, number: 7, td: own.chain.td(header.hash), reorgDepth: 0n };
    expect(await announce(simple)).toEqual({ ...expected, update: [] });
    const withSign = await announce(signed);
    expect(withSign).toMatchObject(expected);
    expect(() => checkAnnounceSignature(withSign, keccak256(publicKeyOf(lesServerKey)))).not.toThrow();
    expect((await none.request("getTxStatus", [])).name).toBe("txStatus");
    expect(les.server.clients.size).toBe(3);
  });

  test("a head that came between our status and the client's is not missed", async () => {
    const own = await filledWorld(6);
    const les = new LesWorld({ chain: own.chain });
    const client = les.dial();
    await client.nextBody("status");
    await own.next();
    client.send("status", client.status());
    expect((await announce(client)).number).toBe(7);
  });

  test("after a reorg: how far to go back from the head that this client was told of", async () => {
    const own = await filledWorld(6);
    const les = new LesWorld({ chain: own.chain });
    const client = await les.connect();
    await les.clock.advance(0);
    let parent: Header | undefined = own.chain.headerByNumber(3);
    if (parent === undefined) throw new Error("no block 3");
    for (let i = 0; i < 4; i++) parent = (await own.seal(parent, [], "other")).header;
    expect(parent.txRoot).toEqual(emptyTxRoot);
    expect(own.chain.head.hash).toEqual(parent.hash);
    // block 6 of the branch is no heavier than ours: nobody hears of it
    expect(await announce(client)).toMatchObject({ number: 7, hash: parent.hash, reorgDepth: 3n });
    await own.seal(parent, []);
    expect(await announce(client)).toMatchObject({ number: 8, reorgDepth: 0n });
  });
});

describe("les_serverInfo and les_clientInfo", () => {
  const call = async (les: LesWorld, name: "serverInfo" | "clientInfo", params: unknown[] = []) => {
    const row = les.server.apis[0]?.methods.get(name);
    return JSON.parse((await row?.call(params, {} as never)) ?? "null"); // neither reads its context
  };

  test("capacities as geth's", async () => {
    const les = new LesWorld({ chain: world.chain, lightPeers: 30 });
    await les.connect();
    await les.clock.advance(0);
    expect(await call(les, "serverInfo")).toEqual({
      minimumCapacity: 50_000,
      maximumCapacity: 1_500_000,
      totalCapacity: 1_500_000,
      totalConnectedCapacity: 50_000,
      priorityConnectedCapacity: 0,
    });
    // few clients: the share of the core is more than they need
    const few = new LesWorld({ chain: world.chain, lightPeers: 2, lightServ: 50 });
    expect(await call(few, "serverInfo")).toMatchObject({ maximumCapacity: 500_000 });
  });

  test("clients by id: all, or those named by id or enode, connected or not; what names nobody is left out", async () => {
    const les = new LesWorld({ chain: world.chain });
    const clients = [await les.connect(), await les.connect()];
    await clients[0]?.request("getTxStatus", []);
    await les.clock.advance(1_500);
    const all = (await call(les, "clientInfo", [])) as Record<string, unknown>;
    expect(Object.keys(all).sort()).toEqual(clients.map(({ id }) => id).sort());
    const [id = ""] = clients.map((client) => client.id);
    expect(all[id]).toEqual({
      isConnected: true,
      "pricing/balance": 0,
      priority: false,
      connectionTime: 1.5,
      capacity: 50_000,
      "pricing/negBalance": 0,
      requests: 1,
      buffer: 300_000_000,
      frozen: false,
    });
    const stranger = "ab".repeat(32);
    expect(await call(les, "clientInfo", [[stranger, "nonsense"]])).toEqual({
      [stranger]: { isConnected: false, "pricing/balance": 0, priority: false },
    });
    expect(Object.keys((await call(les, "clientInfo", [["nonsense"]])) as object)).toHaveLength(2);
  });

  test("admin_nodeInfo and admin_peers: hashes as text", async () => {
    const les = new LesWorld({ chain: world.chain });
    const client = await les.connect();
    await les.clock.advance(0);
    const [protocol] = les.server.protocols;
    const td = world.chain.td(world.chain.head.hash);
    expect(protocol?.nodeInfo?.()).toEqual({
      network: 1337n,
      difficulty: td,
      genesis: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      head: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    });
    expect(protocol?.peerInfo?.(client.id as never)).toMatchObject({ version: 4, difficulty: td });
    expect(protocol?.peerInfo?.("ab".repeat(32) as never)).toBeUndefined();
  });
});

test("statuses of what was relayed come back in order", async () => {
  const les = slowServer(() => 1);
  const client = await les.connect();
  client.send("sendTxV2", [tx, tx]);
  await les.clock.advance(10);
  expect((await client.nextBody("txStatus")) as TxStatus[]).toHaveLength(2);
});
