// F19: a sync through a line that stalls. Every packet may wait, both ways, by chance with a seed; order stays.
import { createServer, connect, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { seededRand } from "#host/sim";
import type { Block } from "#core/types";
import { sealedWorld } from "../kit/chains.ts";
import { startFullNode } from "../kit/full-node.ts";

const seed = 19;
const BLOCKS = 400;
/** One packet in ten waits so long. */
const [SHARE, STALL_MS] = [0.1, 200] as const;
const PACKET_BYTES = 1460;

function* packets(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PACKET_BYTES) yield bytes.subarray(at, at + PACKET_BYTES);
}

/** A line to `port` whose packets stall. */
async function stallingProxy(port: number) {
  const rand = seededRand(seed);
  const sockets = new Set<Socket>();
  let stalls = 0;
  const pump = async (from: Socket, to: Socket) => {
    for await (const piece of from)
      for (const packet of packets(piece as Uint8Array)) {
        if (rand.float() < SHARE) {
          stalls++;
          await pause(STALL_MS);
        }
        if (!to.write(packet)) await once(to, "drain");
      }
    to.end();
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => sockets.delete(socket));
    }
    void pump(near, far).catch(() => near.destroy());
    void pump(far, near).catch(() => far.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return {
    port: address.port,
    stalls: () => stalls,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

test(`F19 a sync of ${BLOCKS} blocks through a line that stalls (seed ${seed}): whole, in three times the time at most`, {
  timeout: 600_000,
}, async () => {
  const world = sealedWorld({ forks: "london", transactions: 10 });
  const blocks: Block[] = [];
  while (blocks.length < BLOCKS) blocks.push(await world.next());
  const { spec } = world;
  await using server = await startFullNode({ spec, blocks });
  const port = Number(/:(\d+)(\?|$)/.exec(server.enode)?.[1]);
  await using proxy = await stallingProxy(port);
  const stalling = server.enode.replace(/:\d+(\?.*)?$/, `:${proxy.port}`);
  const syncMs = async (enode: string) => {
    const from = performance.now();
    await using node = await startFullNode({ spec, peers: [enode] });
    await node.atBlock(BLOCKS, 300_000);
    expect(node.ethereum.chain.head.hash).toEqual(world.chain.head.hash);
    return performance.now() - from;
  };
  const plain = await syncMs(server.enode);
  const stalled = await syncMs(stalling);
  console.log("F19", { plainMs: Math.round(plain), stalledMs: Math.round(stalled), stalls: proxy.stalls() });
  expect(proxy.stalls()).toBeGreaterThan(20);
  expect(stalled).toBeLessThan(3 * plain);
});
