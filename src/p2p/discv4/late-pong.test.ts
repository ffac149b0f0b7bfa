import { expect, test } from "vitest";
import { HandPeer, makeWorld, startNode } from "../../../test/kit/discovery.ts";
import { discv4Limits as limits } from "./index.ts";

test("attack/DI-02 a pong that comes late proves the endpoint too: it is pinged back once a minute only", async () => {
  const world = makeWorld(2);
  const node = await startNode(world, { ip: "5.5.5.5" });
  const to = node.endpoint;
  await world.clock.advance(10);
  const peer = await HandPeer.bind(world, "6.6.6.6");
  peer.ping(to);
  await world.clock.advance(limits.responseTimeoutMs + 1_000);
  const [back] = peer.take("ping");
  const other = await HandPeer.bind(world, "7.7.7.7");
  other.pong(to, back?.hash ?? new Uint8Array()); // another's
  peer.pong(to, back?.hash ?? new Uint8Array());
  await world.clock.advance(50);
  for (const one of [peer, other]) one.findnode(to);
  await world.clock.advance(200);
  expect([peer.take("neighbors").length, other.gotBytes]).toEqual([1, 0]);
  peer.ping(to);
  await world.clock.advance(50);
  expect(node.discv4.table.node(peer.id)?.ip).toBe("6.6.6.6");
  await node.close();
});
