import { generateKey, publicKeyOf } from "#crypto";
import { enrEntries } from "#enr";
import { createLogger } from "#log";
import { makeEnode, nodeIdOf, seqOf } from "#enode";
import { SimulatedClock } from "#host/sim";
import { parseIp } from "#util";
import { describe, expect, test } from "vitest";
import { HandPeer, makeWorld, startNode, type World } from "../../../test/kit/discovery.ts";
import { sealPacket } from "./index.ts";

const VICTIM = "5.5.5.5";

async function setUp(seed: number) {
  const world = makeWorld(seed);
  const node = await startNode(world, { ip: VICTIM });
  await world.clock.advance(10);
  return { world, node, to: node.endpoint };
}

const bytesOf = (ip: string) => parseIp(ip) ?? new Uint8Array();

describe("attack/DI-01 questions without endpoint proof", () => {
  test("findnode and enrRequest of a stranger get 0 bytes", async () => {
    const { world, node, to } = await setUp(1);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    peer.findnode(to);
    peer.send("enrRequest", { expiration: peer.soon }, to);
    await world.clock.advance(1000);
    expect([peer.gotBytes, node.discv4.counts.unproven]).toEqual([0, 2]);
    await node.close();
  });

  test("a pong that names another ping proves nothing", async () => {
    const { world, node, to } = await setUp(2);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    peer.ping(to);
    await world.clock.advance(50);
    expect(peer.take("ping")).toHaveLength(1);
    peer.pong(to, new Uint8Array(32));
    await world.clock.advance(50);
    const before = peer.gotBytes;
    peer.findnode(to);
    await world.clock.advance(1000);
    expect([peer.gotBytes - before, node.discv4.counts.unasked, node.discv4.table.size]).toEqual([0, 1, 0]);
    await node.close();
  });

  test("a proof made at one address does not hold at another", async () => {
    const { world, node, to } = await setUp(3);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    peer.findnode(to);
    await world.clock.advance(100);
    expect(peer.take("neighbors")).toHaveLength(1);
    const elsewhere = await HandPeer.bind(world, "7.7.7.7", { key: peer.key });
    elsewhere.findnode(to);
    elsewhere.send("enrRequest", { expiration: peer.soon }, to);
    await world.clock.advance(1000);
    expect(elsewhere.gotBytes).toBe(0);
    await node.close();
  });

  test.each([
    [12 * 3600 - 1, 1],
    [12 * 3600, 0],
  ])("a proof %i s old: %i answers, it ends after 12 hours", async (age, answers) => {
    const { world, node, to } = await setUp(4);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    node.database.updateLastPongReceived(peer.id, "6.6.6.6", world.clock.unixSeconds() - age);
    peer.findnode(to);
    await world.clock.advance(200);
    expect(peer.take("neighbors")).toHaveLength(answers);
    await node.close();
  });

  test("after the proof both are answered", async () => {
    const { world, node, to } = await setUp(5);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    const requestHash = peer.send("enrRequest", { expiration: peer.soon }, to);
    await world.clock.advance(100);
    const [answer] = peer.take("enrResponse");
    expect(answer?.body).toEqual({ requestHash, record: node.localNode.record.bytes });
    await node.close();
  });
});

describe("attack/DI-02 pings", () => {
  test("each gets one pong, its endpoint one ping back a minute; A6: at most 2.5 bytes for one", async () => {
    const { world, node, to } = await setUp(6);
    const spoofed = await world.net.bindUdp({ host: "6.6.6.6", port: 30_303 });
    const peer = new HandPeer(world, spoofed);
    for (let i = 0; i < 10; i++) {
      peer.send("ping", pingBody(peer), to); // another id each time would be no other endpoint
      await world.clock.advance(1000);
    }
    const names = peer.got.map(({ packet }) => packet.name);
    expect(names.filter((name) => name === "pong")).toHaveLength(10);
    expect(names.filter((name) => name === "ping")).toHaveLength(1);
    expect(peer.gotBytes / peer.sentBytes).toBeLessThan(2.5);
    await world.clock.advance(60_000);
    peer.got.length = 0;
    peer.ping(to);
    await world.clock.advance(1000);
    expect(peer.take("ping")).toHaveLength(1);
    await node.close();
  });

  test("other ids at one endpoint get no other ping back", async () => {
    const { world, node, to } = await setUp(7);
    const socket = await world.net.bindUdp({ host: "6.6.6.6", port: 30_303 });
    const got: number[] = [];
    for (let i = 0; i < 5; i++) {
      const peer = new HandPeer(world, socket);
      peer.ping(to);
      await world.clock.advance(100);
      got.push(peer.take("ping").length);
    }
    expect(got).toEqual([1, 0, 0, 0, 0]);
    await node.close();
  });

  test("60 packets a minute from one address", async () => {
    const { world, node, to } = await setUp(8);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    for (let i = 0; i < 100; i++) peer.ping(to);
    await world.clock.advance(1000);
    expect(peer.take("pong")).toHaveLength(60);
    expect(node.discv4.counts).toMatchObject({ recovered: 60, limited: 40 });
    await world.clock.advance(60_000);
    peer.ping(to);
    await world.clock.advance(100);
    expect(peer.take("pong")).toHaveLength(1);
    await node.close();
  });

  test("600 a minute from one /24 (IPv6: /48)", async () => {
    const { world, node, to } = await setUp(9);
    for (const ip of ["6.6.6.", "2a00:1:1:"])
      for (let host = 1; host <= 20; host++) {
        const peer = await HandPeer.bind(world, ip.includes(":") ? `${ip}${host}::1` : `${ip}${host}`);
        for (let i = 0; i < 40; i++) peer.ping(to);
        await world.clock.advance(1);
      }
    await world.clock.advance(2000);
    const { received, limited } = node.discv4.counts;
    expect(received).toBe(1600);
    expect(received - limited).toBeGreaterThanOrEqual(1200);
    expect(received - limited).toBeLessThan(1210); // what 40 ms bring back
    await node.close();
  });
});

function pingBody(peer: HandPeer) {
  const endpoint = { ip: Uint8Array.of(1, 2, 3, 4), udp: 1, tcp: 2 };
  return { version: 4, from: endpoint, to: endpoint, expiration: peer.soon };
}

test("attack/DI-03 packets over by a second, of no end, and of the year after next decade are dropped without a word", async () => {
  const { world, node, to } = await setUp(10);
  const peer = await HandPeer.bind(world, "6.6.6.6");
  const now = BigInt(world.clock.unixSeconds());
  for (const expiration of [now - 1n, 2n ** 64n - 1n, now + 10n * 365n * 86_400n]) {
    peer.ping(to, { expiration });
    peer.send("findnode", { target: peer.publicKey, expiration }, to);
    peer.send("enrRequest", { expiration }, to);
  }
  await world.clock.advance(1000);
  expect([peer.gotBytes, node.discv4.counts.untimely, node.discv4.counts.recovered]).toEqual([0, 9, 0]);
  await node.close();
});

describe("attack/DI-04 replies nobody asked for", () => {
  const fake = (world: World) => {
    const publicKey = publicKeyOf(generateKey(world.entropy));
    return { ip: Uint8Array.of(1, 2, 3, 4), udp: 30_303, tcp: 30_303, publicKey };
  };

  test("neighbors, pong and enrResponse of a proven node change nothing and are counted", async () => {
    const { world, node, to } = await setUp(11);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    const { unasked, recovered } = node.discv4.counts;
    const size = node.discv4.table.size;
    peer.send("neighbors", { nodes: [fake(world)], expiration: peer.soon }, to);
    peer.pong(to, new Uint8Array(32).fill(1));
    peer.send("enrResponse", { requestHash: new Uint8Array(32), record: node.localNode.record.bytes }, to);
    await world.clock.advance(1000);
    expect(node.discv4.counts.unasked - unasked).toBe(3);
    expect([node.discv4.table.size, node.discv4.counts.recovered - recovered]).toEqual([size, 0]);
    await node.close();
  });

  test("a reply after its time, and one of another node at the same address, are none", async () => {
    const { world, node, to } = await setUp(12);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    const asking = node.discv4.findnode(peer.node, peer.publicKey);
    await world.clock.advance(50);
    expect(peer.take("findnode")).toHaveLength(1);
    const other = new HandPeer(world, peer.socket);
    other.send("neighbors", { nodes: [fake(world)], expiration: peer.soon }, to);
    await world.clock.advance(600);
    expect(await asking).toBeUndefined();
    peer.send("neighbors", { nodes: [fake(world)], expiration: peer.soon }, to);
    await world.clock.advance(100);
    expect(node.discv4.counts.unasked).toBe(1);
    await node.close();
  });
});

test("attack/DI-05 of neighbors only those that can be right are taken", async () => {
  const { world, node, to } = await setUp(13);
  const peer = await HandPeer.bind(world, "6.6.6.6");
  await peer.bond(to);
  const publicKey = () => publicKeyOf(generateKey(world.entropy));
  const good = { ip: bytesOf("8.8.8.8"), udp: 30_303, tcp: 30_303, publicKey: publicKey() };
  const good6 = { ip: bytesOf("2a00::1"), udp: 1025, tcp: 0, publicKey: publicKey() };
  const bad = [
    ...[
      "127.0.0.1",
      "10.0.0.1",
      "192.168.1.1",
      "224.0.0.1",
      "0.0.0.0",
      "255.255.255.255",
      "::1",
      "fe80::1",
      "ff02::1",
    ].map((ip) => ({ ...good, ip: bytesOf(ip), publicKey: publicKey() })),
    { ...good, udp: 1024, publicKey: publicKey() },
    { ...good, ip: new Uint8Array(15), publicKey: publicKey() },
    { ...good, publicKey: new Uint8Array(64).fill(1) },
    { ...good, publicKey: node.node.publicKey },
  ];
  const asking = node.discv4.findnode(peer.node, peer.publicKey);
  await world.clock.advance(50);
  peer.send("neighbors", { nodes: bad.slice(0, 9), expiration: peer.soon }, to);
  peer.send("neighbors", { nodes: [...bad.slice(9), good, good6], expiration: peer.soon }, to);
  await world.clock.advance(600);
  expect((await asking)?.map(({ ip }) => ip)).toEqual(["8.8.8.8", "2a00::1"]);
  await node.close();
});

describe("attack/DI-06 one host with very many ids", () => {
  test("10 of its /24 in the table, 2 in a bucket, and only those that answered", async () => {
    const { world, node, to } = await setUp(14);
    for (let i = 0; i < 300; i++) {
      const peer = await HandPeer.bind(world, `6.6.6.${1 + (i % 250)}`, { port: 2000 + i });
      peer.ping(to);
      await world.clock.advance(25);
      const [ping] = peer.take("ping");
      if (ping !== undefined && i % 3 > 0) peer.pong(to, ping.hash); // every third is deaf
      await world.clock.advance(200);
      await peer.socket.close();
    }
    const rows = node.discv4.table.rows();
    expect(node.discv4.table.size).toBeLessThanOrEqual(10);
    expect(node.discv4.table.size).toBeGreaterThan(2);
    expect(Math.max(...rows.map(({ length }) => length))).toBe(2);
    await node.close();
  });

  test("nodes that others tell of are not in the table before they answer", async () => {
    const { world, node, to } = await setUp(15);
    const peer = await HandPeer.bind(world, "6.6.6.6");
    await peer.bond(to);
    const nodes = Array.from({ length: 12 }, (_, i) => ({
      ip: Uint8Array.of(20, i, 1, 1),
      udp: 30_303,
      tcp: 30_303,
      publicKey: publicKeyOf(generateKey(world.entropy)),
    }));
    await world.clock.advance(2_000); // who has just come is not asked
    const looking = node.discv4.lookup(peer.publicKey);
    for (let i = 0; i < 100; i++) {
      await world.clock.advance(100);
      for (const { packet } of peer.got.splice(0)) {
        if (packet.name === "findnode") peer.send("neighbors", { nodes, expiration: peer.soon }, to);
        if (packet.name === "ping") peer.pong(to, packet.hash);
      }
    }
    expect((await looking).map(({ ip }) => ip)).toHaveLength(13);
    expect(node.discv4.table.size).toBe(1);
    await node.close();
  });
});

describe("attack/DI-13 F27 floods", () => {
  test("noise costs no look at a signature; what has a right hash waits in a queue of 256 and gets its part of the core", async () => {
    const { world, node, to } = await setUp(16);
    const noise = await world.net.bindUdp({ host: "6.6.6.6", port: 1 });
    for (let i = 0; i < 2000; i++) noise.send(world.entropy.bytes(98 + world.rand.int(400)), to);
    await world.clock.advance(100);
    expect(node.discv4.counts).toMatchObject({ received: 2000, junk: 2000, recovered: 0 });

    const { packet } = sealPacket(
      "ping",
      pingBody(await HandPeer.bind(world, "7.7.7.7")),
      generateKey(world.entropy),
    );
    const from = await Promise.all(
      Array.from({ length: 400 }, (_, i) => world.net.bindUdp({ host: `9.${i >> 8}.${i & 255}.1`, port: 1 })),
    );
    for (let i = 0; i < 4000; i++) from[i % 400]?.send(packet, to);
    await world.clock.advance(11);
    const { dropped, recovered } = node.discv4.counts;
    expect(dropped).toBeGreaterThan(3500);
    expect(recovered).toBeLessThan(60);
    await world.clock.advance(1000);
    expect(node.discv4.counts.recovered).toBeLessThanOrEqual(recovered + 256);
    await node.close();
  });

  test("an honest lookup goes on during a flood of signed pings from everywhere", async () => {
    const world = makeWorld(17);
    const first = await startNode(world, { ip: "30.0.0.1" });
    const honest = [first];
    for (let i = 1; i < 8; i++)
      honest.push(await startNode(world, { ip: `30.0.${i}.1`, bootnodes: [first.node] }));
    await world.clock.advance(5_000);
    const bootnodes = honest.map(({ node }) => node);
    const victim = await startNode(world, { ip: VICTIM, bootnodes });
    await world.clock.advance(10_000);
    const flood = await Promise.all(
      Array.from({ length: 200 }, (_, i) => world.net.bindUdp({ host: `9.9.${i}.1`, port: 1 })),
    );
    const { packet } = sealPacket(
      "ping",
      pingBody(await HandPeer.bind(world, "7.7.7.7")),
      generateKey(world.entropy),
    );
    const timeLookup = async (isFlooded: boolean) => {
      const startedAt = world.clock.now();
      let endedAt = 0;
      void victim.discv4.lookup(publicKeyOf(generateKey(world.entropy))).then((nodes) => {
        expect(nodes).toHaveLength(8);
        endedAt = world.clock.now();
      });
      for (let tick = 0; tick < 400 && endedAt === 0; tick++) {
        for (const socket of isFlooded ? flood : []) socket.send(packet, victim.endpoint);
        await world.clock.advance(5);
      }
      return endedAt - startedAt;
    };
    const quiet = await timeLookup(false);
    const flooded = await timeLookup(true);
    expect(quiet).toBeGreaterThan(0);
    expect(flooded).toBeGreaterThan(0);
    expect(flooded).toBeLessThanOrEqual(2 * quiet);
    expect(victim.discv4.counts.limited + victim.discv4.counts.dropped).toBeGreaterThan(0);
    for (const node of [victim, ...honest]) await node.close();
  });
});

describe("attack/DI-17 F13 our clock is an hour behind", () => {
  test("one warning after 33 requests without an answer; it works again when the clock is right", async () => {
    const world = makeWorld(18);
    const others = await Promise.all(
      Array.from({ length: 6 }, (_, i) => startNode(world, { ip: `30.0.${i}.1` })),
    );
    let behindSeconds = 3600;
    const clock = Object.create(world.clock) as SimulatedClock;
    Object.assign(clock, {
      now: () => world.clock.now(),
      unixSeconds: () => world.clock.unixSeconds() - behindSeconds,
      after: (ms: number, fn: () => void) => world.clock.after(ms, fn),
      sleep: (ms: number, options: object) => world.clock.sleep(ms, options),
    });
    const lines: string[] = [];
    const late = await startNode(world, {
      ip: VICTIM,
      bootnodes: others.map(({ node }) => node),
      clock,
      log: createLogger({ level: "warn", format: "json", write: (line) => void lines.push(line) }),
    });
    for (let i = 0; i < 20; i++) {
      for (const { node } of others) void late.discv4.ping(node);
      await world.clock.advance(5_000);
    }
    expect(lines.filter((line) => line.includes("is the clock of this machine right"))).toHaveLength(1);
    expect(late.discv4.table.size).toBe(0);
    behindSeconds = 0;
    void late.discv4.table.refresh();
    await world.clock.advance(10_000);
    expect(late.discv4.table.size).toBe(6);
    expect(lines).toHaveLength(1);
    for (const node of [late, ...others]) await node.close();
  });
});

test("a record is fetched when a pong tells of a newer one, and a moved node must prove itself again", async () => {
  const world = makeWorld(19);
  const a = await startNode(world, { ip: "30.0.1.1" });
  const b = await startNode(world, { ip: "30.0.2.1", bootnodes: [a.node] });
  await world.clock.advance(20_000);
  expect(b.discv4.table.node(a.node.id)?.record?.bytes).toEqual(a.localNode.record.bytes);
  a.localNode.set(enrEntries.eth, { forkId: { hash: new Uint8Array(4), next: 0n } });
  await world.clock.advance(60_000);
  expect(seqOf(b.discv4.table.node(a.node.id) ?? makeEnode(a.node.publicKey))).toBe(a.localNode.seq);
  expect(nodeIdOf(a.node.publicKey)).toBe(a.node.id);
  await a.close();
  await b.close();
});
