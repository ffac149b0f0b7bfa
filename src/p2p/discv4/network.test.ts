import { generateKey, publicKeyOf } from "#crypto";
import type { Enode } from "#enode";
import { expect, test } from "vitest";
import { makeWorld, startNode } from "../../../test/kit/discovery.ts";

test("24 nodes on a lossy net converge from one boot node", async () => {
  const world = makeWorld(24, { latencyMs: 20, jitterMs: 20, loss: 0.02, doubled: 0.02 });
  const boot = await startNode(world, { ip: "20.0.0.1" });
  const nodes = [boot];
  for (let i = 1; i < 24; i++) {
    nodes.push(await startNode(world, { ip: `20.${i}.7.1`, bootnodes: [boot.node] })); // a subnet each
    if (i % 6 === 0) await world.clock.advance(300);
  }
  await world.clock.advance(10_000);
  for (const { discv4 } of nodes) void discv4.table.refresh(); // what half an hour brings, at once
  await world.clock.advance(10_000);
  const sizes = nodes.map(({ discv4 }) => discv4.table.size);
  expect(Math.min(...sizes)).toBeGreaterThan(15);
  expect(sizes.reduce((sum, size) => sum + size, 0) / nodes.length).toBeGreaterThan(19);
  const [seeker, target] = [nodes[7] ?? boot, nodes[23] ?? boot];
  const results: (readonly Enode[])[] = [];
  void seeker.discv4.lookup(target.node.publicKey).then((found) => results.push(found));
  for (let i = 0; i < 100 && results.length === 0; i++) await world.clock.advance(100);
  expect([results[0]?.length, results[0]?.[0]?.id]).toEqual([16, target.node.id]);
  for (const node of nodes) await node.close();
  await world.clock.advance(200);
  expect(world.clock.activeTimers).toBe(0);
});

test("two nodes that know one boot node find each other, also when the boot node goes", async () => {
  const world = makeWorld(3);
  const boot = await startNode(world, { ip: "127.0.0.1", port: 40_000 });
  const a = await startNode(world, { ip: "127.0.0.1", port: 40_001, bootnodes: [boot.node] });
  const b = await startNode(world, { ip: "127.0.0.1", port: 40_002, bootnodes: [boot.node] });
  const source = a.discv4.randomNodes();
  const met = new Set<string>();
  const walk = (async () => {
    for (let node = await source.next(); node !== undefined; node = await source.next()) met.add(node.id);
  })();
  await world.clock.advance(5_000);
  expect(met).toEqual(new Set([boot.node.id, b.node.id]));
  await boot.close();
  await world.clock.advance(120_000);
  expect([a, b].map(({ discv4 }) => discv4.table.size)).toEqual([1, 1]);
  expect(a.discv4.table.node(b.node.id)).toMatchObject({ ip: "127.0.0.1", udp: 40_002, tcp: 40_002 });
  await Promise.all([a.close(), b.close()]);
  await walk;
  await world.clock.advance(100); // what is under way arrives nowhere
  expect([world.clock.activeTimers, a.discv4.pending]).toEqual([0, 0]);
});

test("nobody to ask: a walk waits, and goes on when somebody comes", async () => {
  const world = makeWorld(4);
  const a = await startNode(world, { ip: "20.0.0.1" });
  const source = a.discv4.randomNodes();
  const first = source.next();
  await world.clock.advance(3_000);
  const b = await startNode(world, { ip: "20.0.1.1", bootnodes: [a.node] });
  await world.clock.advance(1_900);
  const left = b.discv4.counts; // alone so far: what came are answers
  await world.clock.advance(3_000);
  expect(b.discv4.counts.received).toBeGreaterThan(left.received);
  expect((await first)?.id).toBe(b.node.id);
  const next = source.next();
  source.close();
  expect(await next).toBeUndefined();
  await Promise.all([a.close(), b.close()]);
});

test("a small network is not asked without end, and a newcomer is met soon", async () => {
  const world = makeWorld(9);
  const a = await startNode(world, { ip: "20.0.0.1" });
  const b = await startNode(world, { ip: "20.0.1.1", bootnodes: [a.node] });
  const source = b.discv4.randomNodes();
  const met = new Set<string>();
  const walk = (async () => {
    for (let node = await source.next(); node !== undefined; node = await source.next()) met.add(node.id);
  })();
  await world.clock.advance(60_000);
  const { sent } = b.discv4.counts;
  await world.clock.advance(60_000);
  expect(b.discv4.counts.sent - sent).toBeLessThan(60); // pings, pongs and few lookups
  expect(a.discv4.counts.limited).toBe(0);
  const c = await startNode(world, { ip: "20.0.2.1", bootnodes: [b.node] });
  await world.clock.advance(5_000);
  expect(met.has(c.node.id)).toBe(true);
  source.close();
  await walk;
  await Promise.all([a, b, c].map((node) => node.close()));
});

test("over IPv6 too", async () => {
  const world = makeWorld(10);
  const a = await startNode(world, { ip: "2a00:1::1" });
  const b = await startNode(world, { ip: "2a00:2::1", bootnodes: [a.node] });
  const c = await startNode(world, { ip: "2a00:3::1", bootnodes: [a.node] });
  await world.clock.advance(5_000);
  void c.discv4.table.refresh();
  void b.discv4.table.refresh();
  await world.clock.advance(5_000);
  expect([a, b, c].map(({ discv4 }) => discv4.table.size)).toEqual([2, 2, 2]);
  expect(b.discv4.table.node(c.node.id)).toMatchObject({ ip: "2a00:3::1", udp: 30_303 });
  await Promise.all([a, b, c].map((node) => node.close()));
});

test("what was learnt serves the next start: a node without a boot node asks its seeds", async () => {
  const world = makeWorld(5);
  const key = generateKey(world.entropy);
  const boot = await startNode(world, { ip: "20.0.0.1" });
  const first = await startNode(world, { ip: "20.0.1.1", bootnodes: [boot.node], key });
  await world.clock.advance(120_000);
  await first.close();
  expect(first.database.size).toBe(1);
  const again = await startNode(world, { ip: "20.0.1.1", key, database: first.database });
  await world.clock.advance(5_000);
  expect(again.discv4.table.node(boot.node.id)).toBeDefined();
  await Promise.all([again.close(), boot.close()]);
});

test("netrestrict: others are neither answered nor asked", async () => {
  const world = makeWorld(6);
  const isAllowed = (ip: string) => ip.startsWith("20.");
  const inside = await startNode(world, { ip: "20.0.0.1", isAllowed });
  const outside = await startNode(world, { ip: "30.0.0.1", bootnodes: [inside.node] });
  const friend = await startNode(world, {
    ip: "20.0.0.2",
    bootnodes: [inside.node, outside.node],
    isAllowed,
  });
  await world.clock.advance(10_000);
  expect(inside.discv4.table.size).toBe(1);
  expect(friend.discv4.table.size).toBe(1);
  expect(outside.discv4.table.size).toBe(0);
  expect(inside.discv4.counts.notAllowed).toBeGreaterThan(0);
  await Promise.all([inside, outside, friend].map((node) => node.close()));
});

test("resolve: asked itself, then looked up where it has moved", async () => {
  const world = makeWorld(7);
  const key = generateKey(world.entropy);
  const boot = await startNode(world, { ip: "20.0.0.1" });
  const seeker = await startNode(world, { ip: "20.0.1.1", bootnodes: [boot.node] });
  const old = await startNode(world, { ip: "20.0.2.1", bootnodes: [boot.node], key });
  await world.clock.advance(5_000);
  const resolve = async (node: Enode) => {
    const answers: Enode[] = [];
    void seeker.discv4.resolve(node).then((found) => answers.push(found));
    for (let i = 0; i < 200 && answers.length === 0; i++) await world.clock.advance(100);
    return answers[0];
  };
  expect((await resolve(old.node))?.record?.bytes).toEqual(old.localNode.record.bytes);
  await old.close();
  const moved = await startNode(world, {
    ip: "20.0.3.1",
    bootnodes: [boot.node],
    key,
    database: old.database,
  });
  await world.clock.advance(60_000);
  expect(await resolve(old.node)).toMatchObject({ id: moved.node.id, ip: "20.0.3.1" });
  const stranger = { ...old.node, id: "0".repeat(64), publicKey: publicKeyOf(generateKey(world.entropy)) };
  expect(await resolve(stranger)).toBe(stranger);
  await Promise.all([boot, seeker, moved].map((node) => node.close()));
});

test("v5's packets on the same socket are handed on, as they came", async () => {
  const world = makeWorld(8);
  const unhandled: Uint8Array[] = [];
  const a = await startNode(world, { ip: "20.0.0.1", unhandled: (bytes) => void unhandled.push(bytes) });
  const b = await startNode(world, { ip: "20.0.1.1", bootnodes: [a.node] });
  const other = await world.net.bindUdp({ host: "20.0.2.1", port: 1 });
  const packet = world.entropy.bytes(150);
  other.send(packet, a.endpoint);
  await world.clock.advance(5_000);
  expect(unhandled).toEqual([packet]);
  expect(a.discv4.table.size).toBe(1);
  await Promise.all([a.close(), b.close()]);
});
