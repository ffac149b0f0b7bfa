// Floods of v5.1 packets (DI-13), and a clock that is wrong (DI-17), on a simulated net.
import { describe, expect, test } from "vitest";
import { generateKey } from "#crypto";
import { type Enode, LocalNode, NodeDatabase } from "#enode";
import type { Clock } from "#host";
import { fromHex } from "#util";
import { makeWorld, type World } from "../../../test/kit/discovery.ts";
import { Discv5, discv5Limits as limits } from "./index.ts";
import { clearOf, maskPacket } from "./packets.ts";

async function startNode(
  world: World,
  ip: string,
  { bootnodes = [], clock = world.clock }: { bootnodes?: readonly Enode[]; clock?: Clock } = {},
) {
  const { rand, entropy } = world;
  const key = generateKey(entropy);
  const localNode = new LocalNode({ key, database: await NodeDatabase.open(clock), clock });
  const endpoint = { host: ip, port: 30_303 };
  localNode.setStaticIp(ip);
  localNode.setFallbackUdp(endpoint.port);
  const socket = await world.net.bindUdp(endpoint);
  const discv5 = new Discv5({ key, localNode, bootnodes }, { socket, clock, rand, entropy });
  discv5.start();
  const close = async () => {
    await discv5.close();
    await socket.close();
  };
  return { discv5, endpoint, node: localNode.node, close };
}

describe("attack/DI-13 F27 floods of v5.1", () => {
  test("noise of every length is junk after one block: nothing is sent for it and nothing is kept", async () => {
    const world = makeWorld(50);
    const victim = await startNode(world, "20.0.0.1");
    const noise = await world.net.bindUdp({ host: "6.6.6.6", port: 1 });
    let answers = 0;
    noise.onMessage(() => answers++);
    for (let i = 0; i < 3_000; i++)
      noise.send(world.entropy.bytes(1 + world.rand.int(1_280)), victim.endpoint);
    await world.clock.advance(1_000);
    expect(victim.discv5.counts).toMatchObject({ received: 3_000, junk: 3_000, sent: 0, challenged: 0 });
    expect(answers).toBe(0);
    expect([victim.discv5.sessions, victim.discv5.table.size]).toEqual([0, 0]);
    await victim.close();
  });

  test("messages of nobody: less goes out than came in, what is kept is bounded, and an honest node is met all the same", async () => {
    const world = makeWorld(51);
    const victim = await startNode(world, "20.0.0.1");
    const self = fromHex(`0x${victim.node.id}`);
    const flood = await Promise.all(
      Array.from({ length: 50 }, (_, i) => world.net.bindUdp({ host: `9.9.${i}.1`, port: 1 })),
    );
    let bytesIn = 0;
    let bytesOut = 0;
    for (const socket of flood)
      socket.onMessage((bytes) => {
        bytesOut += bytes.length;
      });
    const send = (count: number) => {
      for (let i = 0; i < count; i++) {
        const nonce = world.entropy.bytes(12);
        const source = world.entropy.bytes(32);
        const clear = clearOf({ kind: "message", nonce, source }, world.entropy.bytes(16));
        const packet = maskPacket(clear, world.entropy.bytes(44), self);
        bytesIn += packet.length;
        flood[i % flood.length]?.send(packet, victim.endpoint);
      }
    };
    send(2 * limits.challenges);
    await world.clock.advance(100);
    expect(victim.discv5.counts.challenged).toBe(2 * limits.challenges);
    expect(victim.discv5.sessions).toBe(0);
    expect(bytesOut).toBeGreaterThan(0);
    expect(bytesOut).toBeLessThan(bytesIn);
    const honest = await startNode(world, "30.0.0.1");
    let seq: bigint | undefined;
    void honest.discv5.ping(victim.node).then((got) => {
      seq = got;
    });
    for (let tick = 0; tick < 100 && seq === undefined; tick++) {
      send(5); // 1,000 a second
      await world.clock.advance(5);
    }
    expect(seq).toBe(victim.node.record?.seq);
    expect(victim.discv5.table.node(honest.node.id)?.id).toBe(honest.node.id);
    for (const one of [victim, honest]) await one.close();
  });
});

test("attack/DI-17 a node whose clock is an hour behind is found by v5.1, which knows no time", async () => {
  const world = makeWorld(52);
  const others = await Promise.all(Array.from({ length: 4 }, (_, i) => startNode(world, `30.0.${i}.1`)));
  const behind: Clock = {
    now: () => world.clock.now(),
    unixSeconds: () => world.clock.unixSeconds() - 3_600,
    after: (ms, fn) => world.clock.after(ms, fn),
    sleep: (ms, options) => world.clock.sleep(ms, options),
  };
  const late = await startNode(world, "20.0.0.1", {
    bootnodes: others.map(({ node }) => node),
    clock: behind,
  });
  await world.clock.advance(30_000);
  expect(late.discv5.table.size).toBe(4);
  for (const { discv5 } of others) expect(discv5.table.node(late.node.id)?.id).toBe(late.node.id);
  for (const one of [late, ...others]) await one.close();
});
