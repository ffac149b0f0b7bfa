// Fault F23 of attacks-and-faults §4.2: two peers in turn have a heavier branch, ten a second, depth 1 to 64, for ten minutes (GLIM_F23_SECONDS).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, expect, test } from "vitest";
import { openLevelStore } from "#ethdb";
import { SimulatedClock, seededRand } from "#host/sim";
import { equalBytes } from "#util";
import { sealedWorld } from "../kit/chains.ts";
import {
  grow,
  type LocalNode,
  localNode,
  ScriptedPeer,
  type ServedBlocks,
  worldOptions,
} from "../kit/download-world.ts";

const SECONDS = Number(process.env["GLIM_F23_SECONDS"] ?? 600);
const EVERY_MS = 100;
const DEEPEST = 64;
const MIB = 1024 * 1024;
/** A5: what may be held after it, collected, beside what was held once it had begun. */
const MOST_GROWTH = 64 * MIB;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void; // as: what that flag gives

/** Time of the clock goes on while blocks are executed, which takes time of ours: twenty for one. */
async function sync({ downloader }: LocalNode, clock: SimulatedClock, peer: string): Promise<void> {
  let isOver = false;
  const running = downloader.synchronise(peer, { mode: "full" }).finally(() => (isOver = true));
  running.catch(() => {}); // heard of below
  for (; !isOver; await pause(1)) await clock.advance(20);
  await running;
}

const folder = mkdtempSync(join(tmpdir(), "glim-storm-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("F23 ET-10 a storm of reorgs: every head is right, events are in order, nothing piles up", async () => {
  const clock = new SimulatedClock(1_700_000_000);
  const world = sealedWorld(worldOptions, await openLevelStore(join(folder, "served")));
  const node = localNode(clock, { db: await openLevelStore(join(folder, "own")) });
  const rand = seededRand(23);
  let tip: ServedBlocks = await grow({ world, blocks: [] }, 2 * DEEPEST);
  const peers = ["a", "b"].map((id) => new ScriptedPeer(id, tip, clock));
  for (const peer of peers) node.downloader.register(peer);
  /** The chain as whoever follows the events knows it. */
  const followed: Uint8Array[] = [];
  let events = 0;
  using _following = node.chain.headEvents.subscribe(({ added, removed }) => {
    events++;
    for (const { hash } of removed.toSorted((a, b) => b.number - a.number))
      expect(followed.pop()).toEqual(hash);
    for (const { hash, number } of added) {
      expect(number).toBe(followed.length + 1);
      followed.push(hash);
    }
  });
  await sync(node, clock, "a");
  const depths = new Set<number>();
  const heap: number[] = [];
  const from = performance.now();
  let rounds = 0;
  for (; performance.now() - from < SECONDS * 1_000; rounds++) {
    const dueMs = from + rounds * EVERY_MS;
    const depth = 1 + rand.int(DEEPEST);
    depths.add(depth);
    const branch = { from: tip.blocks.length - depth, extra: `storm ${rounds}` };
    tip = await grow(tip, depth + 1, branch);
    const peer = peers[rounds % 2];
    if (peer === undefined) throw new Error("two peers");
    peer.serve(tip);
    await sync(node, clock, peer.id);
    expect(equalBytes(node.chain.head.hash, tip.blocks.at(-1)?.header.hash ?? new Uint8Array())).toBe(true);
    expect(followed.at(-1)).toEqual(node.chain.head.hash);
    if (rounds % 100 === 0) {
      collect();
      heap.push(process.memoryUsage().heapUsed);
    }
    await pause(Math.max(0, dueMs - performance.now()));
  }
  expect(followed).toHaveLength(tip.blocks.length);
  for (const [at, hash] of followed.entries()) expect(hash).toEqual(tip.blocks[at]?.header.hash);
  expect(peers.map(({ dropped }) => dropped)).toEqual([[], []]);
  expect(clock.activeTimers).toBe(0);
  const perSecond = (rounds * 1_000) / (performance.now() - from);
  console.info(
    `F23: ${rounds} reorgs (${perSecond.toFixed(1)} a second), ${depths.size} depths, ${events} events; heap ${heap.map((bytes) => Math.round(bytes / MIB)).join(" ")} MiB`,
  );
  expect(Math.max(...heap) - (heap[1] ?? heap[0] ?? 0)).toBeLessThan(MOST_GROWTH);
  if (SECONDS >= 60) expect(depths.size).toBe(DEEPEST);
});
