import { compareDistance, type Enode, LocalNode, logDistance, NodeDatabase } from "#enode";
import { generateKey } from "#crypto";
import { SimulatedClock, seededRand } from "#host/sim";
import { silentLogger } from "#log";
import { describe, expect, test } from "vitest";
import { Lookup, nearest, Table, tableLimits, type TableTransport } from "./index.ts";

const SELF = "0".repeat(64);

/** A node at a log distance from SELF; the counter makes it one of many. */
function nodeAt(distance: number, n: number, ip = `${1 + (n >> 8)}.${n & 255}.9.9`): Enode {
  const bits = (1n << BigInt(distance - 1)) | (distance > 40 ? BigInt(n) : 0n);
  return {
    id: bits.toString(16).padStart(64, "0"),
    publicKey: new Uint8Array(64),
    ip,
    tcp: 30_303,
    udp: 30_303,
  };
}

interface Setup {
  readonly bootnodes?: readonly Enode[];
  readonly transport?: Partial<TableTransport>;
  readonly isAllowed?: (ip: string) => boolean;
}

async function setUp({ bootnodes, transport, isAllowed }: Setup = {}) {
  const clock = new SimulatedClock();
  const rand = seededRand(1);
  const database = await NodeDatabase.open(clock);
  const pinged: string[] = [];
  const table = new Table(
    { self: SELF, database, bootnodes, isAllowed },
    {
      clock,
      rand,
      log: silentLogger,
      transport: {
        ping: async (node) => {
          pinged.push(node.id);
          return 0n;
        },
        requestRecord: async () => undefined,
        lookupSelf: async () => [],
        lookupRandom: async () => [],
        ...transport,
      },
    },
  );
  return { clock, rand, database, table, pinged };
}

describe("what gets in", () => {
  test("16 a bucket; 10 more wait, the oldest of them makes room", async () => {
    const { table } = await setUp();
    for (let n = 0; n < 40; n++) table.addProven(nodeAt(256, n));
    expect(table.size).toBe(tableLimits.bucketSize);
    expect(table.rows().at(-1)).toHaveLength(16);
    for (let n = 0; n < 40; n++) table.addProven(nodeAt(200, n)); // far too near for a bucket of its own
    expect(table.rows()[0]).toHaveLength(16);
  });

  test("not ourselves, nobody without an address or a port, nobody who is not allowed", async () => {
    const { table } = await setUp({ isAllowed: (ip) => !ip.startsWith("66.") });
    table.addProven({ ...nodeAt(256, 1), id: SELF });
    table.addProven({ ...nodeAt(256, 2), ip: undefined });
    table.addProven({ ...nodeAt(256, 3), udp: 0 });
    table.addProven(nodeAt(256, 4, "66.1.1.1"));
    expect(table.size).toBe(0);
  });

  test("attack/DI-06 2 of a /24 in a bucket, 10 in the table; /48 for IPv6; a LAN is not counted", async () => {
    const { table } = await setUp();
    const fill = (ipOf: (n: number) => string) => {
      for (let n = 0; n < 100_000; n += 997) table.addProven(nodeAt(241 + (n % 16), n, ipOf(n % 250)));
    };
    fill((n) => `6.6.6.${n}`);
    expect(table.size).toBe(10);
    for (const row of table.rows()) expect(row.length).toBeLessThanOrEqual(2);
    fill((n) => `2a00:1:1:${n}::1`);
    expect(table.size).toBe(20);
    const lan = await setUp();
    for (let n = 0; n < 16; n++) lan.table.addProven(nodeAt(256, n, `10.0.0.${n}`));
    expect(lan.table.size).toBe(16);
  });

  test("nobody by its own ping before the first refresh is over", async () => {
    const { table, clock } = await setUp();
    table.addProven(nodeAt(256, 1), { isInbound: true });
    expect([table.size, table.isReady]).toEqual([0, false]);
    table.start();
    await clock.advance(1);
    table.addProven(nodeAt(256, 1), { isInbound: true });
    expect([table.size, table.isReady]).toEqual([1, true]);
    await table.close();
    expect(clock.activeTimers).toBe(0);
  });

  test("boot nodes and seeds of the last five days", async () => {
    const clock = new SimulatedClock();
    const database = await NodeDatabase.open(clock);
    const key = generateKey({ bytes: (length) => Uint8Array.from({ length }, (_, i) => i + 1) });
    const local = new LocalNode({ key, database, clock });
    local.setStaticIp("8.8.8.8");
    local.setFallbackUdp(30_303);
    database.updateNode(local.node);
    database.updateLastPongReceived(local.id, "8.8.8.8", clock.unixSeconds() - 5 * 86_400 + 1);
    const make = () =>
      new Table(
        { self: SELF, database, bootnodes: [nodeAt(255, 1), { ...nodeAt(255, 2), udp: 0 }] },
        { clock, rand: seededRand(1), log: silentLogger, transport: {} as TableTransport },
      );
    expect(make().size).toBe(2);
    await clock.advance(2000);
    expect(make().size).toBe(1);
  });
});

describe("what stays", () => {
  test("a dead node goes and one that waited takes its place", async () => {
    const dead = new Set<string>();
    const { table, clock } = await setUp({
      transport: { ping: async ({ id }) => (dead.has(id) ? undefined : 0n) },
    });
    for (let n = 0; n < 20; n++) table.addProven(nodeAt(256, n));
    table.start();
    const first = nodeAt(256, 0);
    dead.add(first.id);
    await clock.advance(120_000);
    expect([table.node(first.id), table.size]).toEqual([undefined, 16]);
    await table.close();
  });

  test("a node that was proven often is not given up at once", async () => {
    let isDead = false;
    const { table, clock } = await setUp({ transport: { ping: async () => (isDead ? undefined : 0n) } });
    table.addProven(nodeAt(256, 0));
    table.start();
    await clock.advance(60_000);
    expect(table.rows().at(-1)?.[0]?.checks).toBeGreaterThan(5);
    isDead = true;
    await clock.advance(5_000);
    expect(table.size).toBe(1);
    await clock.advance(30_000);
    expect(table.size).toBe(0);
    await table.close();
  });

  test("only live nodes are told, unless there is none; a node that moved is not live", async () => {
    const { table, clock } = await setUp();
    const [a, b] = [nodeAt(256, 0), nodeAt(256, 1)];
    table.addProven(a, { isLive: false });
    expect(table.closest(SELF, 16, { preferLive: true })).toEqual([a]);
    table.addProven(b);
    expect(table.closest(SELF, 16, { preferLive: true })).toEqual([b]);
    expect(table.closest(SELF, 16)).toEqual([a, b]);
    expect(table.atDistance(256)).toEqual([b]);
    table.start();
    await clock.advance(60_000);
    expect(table.closest(SELF, 16, { preferLive: true })).toEqual([a, b]);
    table.addProven({ ...a, udp: 1111 }, { isInbound: true });
    expect(table.closest(SELF, 16, { preferLive: true })).toEqual([b]);
    expect(table.node(a.id)?.udp).toBe(1111);
    await table.close();
  });

  test("who answers a question at its endpoint is live, if only with nothing", async () => {
    const { table } = await setUp();
    const [a, b] = [nodeAt(256, 0), nodeAt(256, 1)];
    for (const node of [a, b]) table.addProven(node, { isLive: false });
    expect(table.atDistance(256)).toEqual([]);
    table.trackRequest(a, [], "v5");
    table.trackRequest({ ...b, udp: 1111 }, [], "v5"); // elsewhere than we have it
    expect(table.atDistance(256)).toEqual([a]);
  });

  test("five requests in a row that bring nothing, where there are others", async () => {
    const { table } = await setUp();
    const nodes = Array.from({ length: 4 }, (_, n) => nodeAt(256, n));
    for (const node of nodes) table.addProven(node);
    const [lazy] = nodes;
    if (lazy === undefined) throw new Error();
    for (let i = 0; i < 4; i++) table.trackRequest(lazy, undefined, "v4");
    table.trackRequest(lazy, nodes, "v4");
    for (let i = 0; i < 4; i++) table.trackRequest(lazy, [], "v4");
    expect(table.size).toBe(4);
    table.trackRequest(lazy, undefined, "v4");
    expect(table.size).toBe(3);
    for (let i = 0; i < 9; i++) table.trackRequest(nodes[1] ?? lazy, undefined, "v4"); // the last three of a bucket
    expect(table.size).toBe(3);
  });
});

describe("Lookup", () => {
  const node = (n: number) => nodeAt(250, n);

  test("ends when the nearest are asked, alpha at once, everybody once", async () => {
    let running = 0;
    let most = 0;
    const asked: string[] = [];
    const all = Array.from({ length: 100 }, (_, n) => node(n));
    const target = all[42]?.id ?? "";
    const lookup = new Lookup({
      self: SELF,
      target,
      start: all.slice(90),
      query: async ({ id }) => {
        asked.push(id);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return nearest(
          all.filter((_, n) => (n * 7 + asked.length) % 3 === 0),
          target,
          16,
        );
      },
    });
    const found = await lookup.run();
    expect(found.map(({ id }) => id)).toEqual(nearest(all, target, 16).map(({ id }) => id));
    expect([most, new Set(asked).size]).toEqual([3, asked.length]);
  });

  test("deaf nodes hold nobody up; what a query throws is thrown", async () => {
    const deaf = new Lookup({
      self: SELF,
      target: SELF,
      start: [node(1), node(2)],
      query: async () => undefined,
    });
    expect(await deaf.run()).toHaveLength(2);
    const bad = new Lookup({
      self: SELF,
      target: SELF,
      start: [node(1)],
      query: async () => {
        throw new Error("a bug");
      },
    });
    await expect(bad.run()).rejects.toThrow("a bug");
  });

  test("gives nodes as they come in sight, and lets go when it is cancelled", async () => {
    const lookup = new Lookup({
      self: SELF,
      target: SELF,
      start: [node(1)],
      query: () => new Promise(() => {}),
    });
    expect([lookup.isEmpty, (await lookup.next())?.id]).toEqual([false, node(1).id]);
    const next = lookup.next();
    lookup.cancel();
    expect(await next).toBeUndefined();
    expect(new Lookup({ self: SELF, target: SELF, start: [], query: async () => [] }).isEmpty).toBe(true);
  });
});

test("a table of 200 simulated nodes converges from one boot node (seed 2)", async () => {
  const clock = new SimulatedClock();
  const rand = seededRand(2);
  const idOf = () => Array.from({ length: 64 }, () => rand.int(16).toString(16)).join("");
  const all = Array.from(
    { length: 200 },
    (_, n): Enode => ({
      ...nodeAt(256, n, `20.${n}.1.1`),
      id: idOf(),
    }),
  );
  const tables = new Map<string, Table>();
  /** One datagram there and one back: 50 ms, and one in 20 is lost. What is under way together arrives together. */
  let arrival: Promise<void> | undefined;
  const travel = async () => {
    arrival ??= clock.sleep(50).finally(() => {
      arrival = undefined;
    });
    await arrival;
    return rand.float() > 0.05;
  };
  for (const [n, self] of all.entries()) {
    const database = await NodeDatabase.open(clock);
    const lookup = (target: string) =>
      new Lookup({
        self: self.id,
        target,
        start: table.closest(target, 16),
        query: async (node) => {
          const isHeard = await travel();
          const there = tables.get(node.id);
          there?.addProven(self, { isInbound: true });
          const found = isHeard ? there?.closest(target, 16, { preferLive: true }) : undefined;
          table.trackRequest(node, found, "v4");
          return found;
        },
      }).run();
    const table = new Table(
      { self: self.id, database, bootnodes: n === 0 ? [] : all.slice(0, 1) },
      {
        clock,
        rand,
        log: silentLogger,
        transport: {
          ping: async () => ((await travel()) ? 0n : undefined),
          requestRecord: async () => undefined,
          lookupSelf: () => lookup(self.id),
          lookupRandom: () => lookup(idOf()),
        },
      },
    );
    tables.set(self.id, table);
    table.start();
    if (n % 20 === 0) await clock.advance(500);
  }
  await clock.advance(3_000);
  for (const table of tables.values()) void table.refresh(); // what a day brings, at once
  await clock.advance(5_000);
  let known = 0;
  for (const [self, table] of tables) {
    const others = all.filter(({ id }) => id !== self);
    known += nearest(others, self, 16).filter(({ id }) => table.node(id) !== undefined).length;
    expect(table.size).toBeGreaterThan(30);
  }
  expect(known / 200).toBeGreaterThan(15);
  const target = all[123]?.id ?? "";
  const start = tables.get(all[7]?.id ?? "")?.closest(target, 16) ?? [];
  const query = async ({ id }: Enode) => tables.get(id)?.closest(target, 16, { preferLive: true });
  const found = await new Lookup({ self: SELF, target, start, query }).run();
  expect(found.slice(0, 8).map(({ id }) => id)).toEqual(nearest(all, target, 8).map(({ id }) => id));
  expect(found.map(({ id }) => logDistance(target, id))).toEqual(
    found.map(({ id }) => logDistance(target, id)).sort((a, b) => a - b),
  );
  expect(compareDistance(target, found[0]?.id ?? "", target)).toBe(0);
  const closing = Promise.all([...tables.values()].map((table) => table.close()));
  await clock.advance(10_000); // what is under way comes to its end
  await closing;
});
