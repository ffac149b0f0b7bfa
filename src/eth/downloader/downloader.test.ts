// long: one scripted net, and all that may go wrong in it
import { HeaderChain } from "#core";
import { makeHeader } from "#core/types";
import { memoryStore } from "#ethdb";
import { SimulatedClock, seededRand } from "#host/sim";
import { beforeAll, describe, expect, test } from "vitest";
import {
  grow,
  type LocalNode,
  localNode,
  newWorld,
  type PeerScript,
  ScriptedPeer,
  type ServedBlocks,
  syncUntilEnd,
  worldOptions,
} from "../../../test/kit/download-world.ts";
import { recordedStore } from "../../../test/kit/recorded-store.ts";
import { sealedWorld } from "../../../test/kit/chains.ts";
import { stateEntries } from "../../../test/kit/state-entries.ts";
import { Downloader } from "./downloader.ts";
import type { DownloaderLimits } from "./limits.ts";

/** Small bounds: a chain of some hundred blocks meets all of them. */
const small: Partial<DownloaderLimits> = {
  headersPerRequest: 16,
  skeletonHeaders: 6,
  queuedHeaders: 160,
  queuedResults: 64,
  bodiesPerRequest: 24,
  receiptsPerRequest: 24,
  nodesPerRequest: 24,
  blocksPerInsert: 16,
};

let base: ServedBlocks;
/** The same chain with 70 blocks more. */
let longer: ServedBlocks;
/** Leaves `base` at 300, ends higher. */
let heavyFork: ServedBlocks;

beforeAll(async () => {
  base = await grow(newWorld(), 400);
  longer = await grow(base, 220);
  heavyFork = await grow(base, 140, { from: 300 });
});

interface Setting extends LocalNode {
  readonly clock: SimulatedClock;
  peer(id: string, served?: ServedBlocks, script?: PeerScript): ScriptedPeer;
  sync(id: string, mode?: "full" | "fast" | "headers"): ReturnType<typeof syncUntilEnd>;
}

function setting(options: Parameters<typeof localNode>[1] = {}): Setting {
  const clock = new SimulatedClock(1_700_000_000);
  const node = localNode(clock, { limits: small, ...options });
  return {
    ...node,
    clock,
    peer(id, served = base, script = {}) {
      const peer = new ScriptedPeer(id, served, clock, script);
      node.downloader.register(peer);
      return peer;
    },
    sync: (id, mode) => syncUntilEnd(node, clock, id, mode),
  };
}

const modes = ["full", "fast"] as const;

function expectSynced({ chain }: LocalNode, { blocks, world }: ServedBlocks) {
  expect(chain.head.number).toBe(blocks.length);
  expect(chain.head.hash).toEqual(blocks.at(-1)?.header.hash);
  for (const { header, transactions } of blocks) {
    expect(chain.isCanonical(header)).toBe(true);
    expect(chain.body(header)?.transactions).toHaveLength(transactions.length);
    expect(chain.receipts(header)).toEqual(world.chain.receipts(header));
  }
  stateEntries(chain, chain.head.stateRoot);
}

describe("forks", () => {
  test("a heavier branch replaces ours from the common ancestor on", async () => {
    const node = setting();
    node.peer("a");
    await node.sync("a");
    const other = node.peer("b", heavyFork);
    expect(await node.sync("b")).toMatchObject({ number: 440 });
    expectSynced(node, heavyFork);
    expect(other.dropped).toEqual([]);
  });

  test("a long branch: the ancestor is found by bisection", async () => {
    const node = setting();
    const deep = await grow(base, 420, { from: 20, extra: "deep" });
    node.peer("a");
    await node.sync("a");
    const other = node.peer("b", deep);
    await node.sync("b");
    expectSynced(node, deep);
    expect(other.asked.headers).toBeGreaterThan(10);
  });

  test("an ancestor below the floor: another chain, the peer is dropped", async () => {
    const node = setting({ limits: { ...small, maxReorg: 80 } });
    node.peer("a");
    await node.sync("a");
    const other = node.peer("b", heavyFork);
    expect(await node.sync("b")).toMatchObject({ code: "DOWNLOADER_INVALID_ANCESTOR", data: { floor: 320 } });
    expect(other.code).toBe("DOWNLOADER_INVALID_ANCESTOR");
    expectSynced(node, base);
  });

  test("ET-07 a long side chain that is not ahead: no more of it is taken than the bound", async () => {
    const node = setting({ limits: { ...small, sideHeaders: 50 } });
    node.peer("a");
    await node.sync("a");
    const side = await grow(base, 99, { from: 300, extra: "side" });
    const other = node.peer("b", side);
    expect(await node.sync("b")).toMatchObject({ code: "DOWNLOADER_STALLING" });
    expect(other.code).toBe("DOWNLOADER_STALLING");
    expectSynced(node, base);
  });

  test("ET-07 a flood of headers: the queue holds no more than its bound", async () => {
    const node = setting();
    const flood = node.peer("a", base, { requestBodies: () => new Promise<never>(() => {}) });
    const running = node.downloader.synchronise("a").catch((error: unknown) => error);
    await node.clock.advance(5000);
    // 160 headers are ten requests of 16 beside those of the search
    expect(flood.asked.headers).toBeLessThan(20);
    expect(node.downloader.progress?.currentBlock).toBe(0);
    await node.clock.advance(60_000);
    expect(await running).toMatchObject({ code: "DOWNLOADER_TIMEOUT" });
  });

  test("ET-04 F21 another genesis: nothing in common, nothing stored", async () => {
    const foreign = await grow(
      { world: sealedWorld({ forks: "london", genesisTime: 1_500_000_000 }), blocks: [] },
      30,
    );
    const node = setting();
    const peer = node.peer("a", foreign);
    expect(await node.sync("a")).toMatchObject({ code: "DOWNLOADER_CHANGED" });
    for (let i = 0; i < 2 && peer.dropped.length === 0; i++) await node.sync("a");
    expect(peer.code).toBe("DOWNLOADER_STALLING");
    expect(node.chain.head.number).toBe(0);
  });

  test("ET-04 a promised difficulty that the chain has not: dropped, the blocks stay", async () => {
    const node = setting();
    const head = base.blocks.at(-1)?.header;
    const liar = node.peer("a", base, { head: { hash: head?.hash ?? new Uint8Array(32), td: 10n ** 9n } });
    expect(await node.sync("a")).toMatchObject({ code: "DOWNLOADER_STALLING" });
    expect(liar.code).toBe("DOWNLOADER_STALLING");
    expectSynced(node, base);
  });
});

describe("attackers", () => {
  test.each(modes)(
    "ET-04 a header that breaks a rule: %s ends before it, the master is dropped",
    async (mode) => {
      const node = setting();
      const at = 180;
      // everything after the bad block is built on it, as an attacker without a key can
      const blocks = base.blocks.slice(0, at - 1);
      let parent = blocks.at(-1)?.header;
      for (const { header } of base.blocks.slice(at - 1)) {
        const { hash: _hash, ...fields } = header;
        const extra = header.extra.map((byte) => byte ^ 1);
        const next = makeHeader({ ...fields, extra, parentHash: parent?.hash ?? header.parentHash });
        blocks.push({ header: next, transactions: [], uncles: [] });
        parent = next;
      }
      const forged = { ...base, blocks };
      const holder = new ScriptedPeer("x", base, node.clock);
      const byNumber = async (hashes: readonly Uint8Array[]) =>
        hashes.map(
          (hash) =>
            base.blocks[blocks.findIndex((b) => Buffer.compare(b.header.hash, hash) === 0)]?.header.hash ??
            hash,
        );
      const liar = node.peer("a", forged, {
        requestBodies: async (hashes) => holder.bodies(await byNumber(hashes)),
        requestReceipts: async (hashes) => holder.receipts(await byNumber(hashes)),
        head: { hash: parent?.hash ?? new Uint8Array(32) },
      });
      const honest = node.peer("b");
      expect(await node.sync("a", mode)).toMatchObject({
        code: "DOWNLOADER_INVALID_CHAIN",
        data: { number: at },
      });
      expect(liar.code).toBe("DOWNLOADER_INVALID_CHAIN");
      expect(node.chain.head.number).toBeLessThan(at);
      expect(node.chain.fast.head.number).toBeLessThan(at);
      // nothing of it is in the way of the honest chain
      await node.sync("b", mode);
      expectSynced(node, base);
      expect(honest.dropped).toEqual([]);
    },
  );

  test.each(modes)(
    "ET-08 answers just before the deadline: %s goes on with others, the slot is lost after 3",
    async (mode) => {
      const node = setting();
      node.peer("a", base, { delayMs: 100 });
      const slow = node.peer("s", base, { delayMs: 19_000 });
      await node.sync("a", mode);
      expectSynced(node, base);
      expect(["DOWNLOADER_STALLING", "DOWNLOADER_TIMEOUT", undefined]).toContain(slow.code);
      const start = node.clock.now();
      if (slow.code === undefined)
        expect(await node.sync("s", mode)).toMatchObject({ code: expect.stringMatching(/STALLING|TIMEOUT/) });
      expect(node.clock.now() - start).toBeLessThan(60_000);
    },
  );

  test("ET-08 a slow master loses its place after 3 answers", async () => {
    const node = setting();
    const slow = node.peer("s", base, { delayMs: 19_000 });
    expect(await node.sync("s")).toMatchObject({ code: "DOWNLOADER_STALLING" });
    expect(slow.code).toBe("DOWNLOADER_STALLING");
    expect(slow.asked.headers).toBeLessThanOrEqual(3);
    expect(node.clock.now()).toBeLessThan(61_000);
  });

  test("ET-08 25 of 50 peers tell wrong heads and answer just before each deadline: the chain arrives, in minutes", async () => {
    const node = setting();
    const td = 1_000_000n;
    const liars = Array.from({ length: 25 }, (_, i) =>
      node.peer(`liar ${i}`, base, {
        delayMs: 13_000, // two thirds of the longest deadline
        head: { hash: new Uint8Array(32).fill(i + 1), td: td + BigInt(i) },
      }),
    );
    const honest = Array.from({ length: 25 }, (_, i) => node.peer(`honest ${i}`, base, { delayMs: 50 + i }));
    // as ChainSync does: whoever tells the most is followed, until nobody tells more than we have
    const start = node.clock.now();
    const longest: number[] = [];
    for (;;) {
      const [best] = [...liars, ...honest]
        .filter(
          ({ dropped, head }) =>
            dropped.length === 0 && (head.td ?? 0n) > (node.chain.td(node.chain.head.hash) ?? 0n),
        )
        .sort((a, b) => Number((b.head.td ?? 0n) - (a.head.td ?? 0n)));
      if (best === undefined) break;
      const from = node.clock.now();
      await node.sync(best.id);
      longest.push(node.clock.now() - from);
    }
    expectSynced(node, base);
    expect(honest.flatMap(({ dropped }) => dropped)).toEqual([]);
    expect(Math.max(...longest)).toBeLessThanOrEqual(60_000); // no liar is followed for longer than the watchdog allows
    expect(node.clock.now() - start).toBeLessThan(10 * 60_000);
  });

  test("F17 a peer that drips: each request runs into its deadline, dropped after 3", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 2000 });
    const drip = node.peer("d", base, { delayMs: 10_000_000 });
    await node.sync("a");
    expectSynced(node, base);
    expect(drip.code).toBe("DOWNLOADER_TIMEOUT");
  });

  test("ET-08 nothing moves for a minute: the cycle ends", async () => {
    const node = setting({ limits: { ...small, maxTimeouts: 1000 } });
    const peer = node.peer("a", base, { requestBodies: () => new Promise<never>(() => {}) });
    expect(await node.sync("a")).toMatchObject({ code: "DOWNLOADER_STALLING" });
    expect(peer.code).toBe("DOWNLOADER_STALLING");
    expect(node.clock.activeTimers).toBe(0);
  });

  test("more headers than asked for, more bodies than asked for", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", base, node.clock);
    const greedy = node.peer("a", base, {
      requestHeaders: (query) => holder.headers({ ...query, amount: query.amount + 1 }),
    });
    expect(await node.sync("a")).toMatchObject({ code: "DOWNLOADER_BAD_PEER" });
    expect(greedy.code).toBe("DOWNLOADER_BAD_PEER");
    node.peer("b", base, { delayMs: 50 });
    const more = node.peer("c", base, {
      requestBodies: async (hashes) => [...(await holder.bodies(hashes)), ...(await holder.bodies(hashes))],
    });
    await node.sync("b");
    expect(more.code).toBe("DOWNLOADER_INVALID_BODY");
  });
});

describe("fast sync", () => {
  test("F22 wrong receipts: refused, the liar dropped, the rest from others", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 60 });
    const liar = node.peer("b", base, {
      requestReceipts: async (hashes) =>
        (await new ScriptedPeer("x", base, node.clock).receipts(hashes)).map((r) => r.slice(1)),
    });
    await node.sync("a", "fast");
    expectSynced(node, base);
    expect(liar.code).toBe("DOWNLOADER_INVALID_RECEIPT");
  });

  test("wrong state data: the liar is dropped", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 60 });
    const liar = node.peer("b", base, { requestNodeData: async (hashes) => hashes });
    await node.sync("a", "fast");
    expectSynced(node, base);
    expect(liar.code).toBe("DOWNLOADER_INVALID_STATE");
  });

  test("withheld state: ends with an error, nobody is dropped for it; what came is not fetched again", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", base, node.clock);
    let left = 60;
    let isGenerous = false;
    const peer = node.peer("a", base, {
      requestNodeData: async (hashes) => {
        const give = isGenerous ? hashes : hashes.slice(0, Math.max(0, left));
        left -= give.length;
        return holder.nodes(give);
      },
    });
    expect(await node.sync("a", "fast")).toMatchObject({ code: "DOWNLOADER_STATE_UNAVAILABLE" });
    expect(node.chain.head.number).toBe(0);
    isGenerous = true;
    const before = node.chain.fast.head.number;
    await node.sync("a", "fast");
    expect(before).toBeGreaterThan(0);
    expectSynced(node, base);
    expect(peer.dropped).toEqual([]);
  });

  test("a peer without node data still gives the rest", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 50 });
    const noData = node.peer("b", base, { noNodeData: true });
    await node.sync("a", "fast");
    expectSynced(node, base);
    expect(noData.asked.bodies).toBeGreaterThan(0);
    expect(noData.asked.nodes).toBe(0);
  });

  test("the chain runs away: the pivot moves, the state heals", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", longer, node.clock);
    const oldPivot = base.blocks[335]?.header;
    let isOld = false;
    const peer = node.peer("a", base, {
      requestNodeData: async (hashes) => {
        // as a geth that has thrown the old state away: its root is gone
        if (isOld)
          return holder.nodes(
            hashes.filter((hash) => Buffer.compare(hash, oldPivot?.stateRoot ?? hash) !== 0),
          );
        if (peer.asked.nodes > 3) {
          peer.serve(longer);
          isOld = true;
          await node.clock.sleep(8000);
        }
        return holder.nodes(hashes);
      },
    });
    await node.sync("a", "fast");
    expectSynced(node, longer);
    expect(node.chain.fast.pivot).toBeGreaterThan(336);
  });

  test("F01 killed at any write: opens whole, goes on, ends the same", async () => {
    const short = { ...base, blocks: base.blocks.slice(0, 90) };
    const store = recordedStore();
    const limits = { ...small, stateBatchBytes: 2000 };
    const first = setting({ db: store.store, limits });
    first.peer("a", short);
    await first.sync("a", "fast");
    const step = Math.max(1, Math.floor(store.log.length / 12));
    for (let cut = 1; cut <= store.log.length; cut += step) {
      const node = setting({ db: store.cut(cut), limits });
      stateEntries(node.chain, node.chain.head.stateRoot);
      const peer = node.peer("a", short);
      await node.sync("a", "fast");
      expectSynced(node, short);
      expect(peer.dropped).toEqual([]);
    }
  });

  test("fast is full once there are executed blocks", async () => {
    const node = setting();
    node.peer("a", { ...base, blocks: base.blocks.slice(0, 30) });
    await node.sync("a");
    const peer = node.peer("b");
    await node.sync("b", "fast");
    expectSynced(node, base);
    expect(peer.asked.nodes).toBe(0);
    expect(peer.asked.receipts).toBe(0);
  });
});

test("fast is full when no peer gives node data", async () => {
  const node = setting();
  const peer = node.peer("a", { ...base, blocks: base.blocks.slice(0, 120) }, { noNodeData: true });
  await node.sync("a", "fast");
  expect(node.chain.head.number).toBe(120);
  expect(node.chain.fast.pivot).toBe(0);
  expect(peer.dropped).toEqual([]);
});

test("F23 ET-10 a storm of reorgs, depth 1 to 64, from two peers in turn: the head is right, nothing piles up", async () => {
  const node = setting();
  const rand = seededRand(23);
  let tip = base;
  const events: { added: number; removed: number }[] = [];
  using _listening = node.chain.headEvents.subscribe(({ added, removed }) =>
    events.push({ added: added.length, removed: removed.length }),
  );
  node.peer("start", base);
  await node.sync("start");
  for (let round = 0; round < 12; round++) {
    const depth = 1 + rand.int(64);
    tip = await grow(tip, depth + 1 + rand.int(3), {
      from: tip.blocks.length - depth,
      extra: `storm ${round}`,
    });
    const peer = node.peer(`p${round}`, tip);
    await node.sync(peer.id);
    expect(node.chain.head.hash).toEqual(tip.blocks.at(-1)?.header.hash);
    expect(peer.dropped).toEqual([]);
    if (round % 2 === 1) node.downloader.unregister(peer.id);
  }
  expectSynced(node, tip);
  const net = events.reduce((sum, { added, removed }) => sum + added - removed, 0);
  expect(net).toBe(tip.blocks.length);
  expect(node.clock.activeTimers).toBe(0);
});

test("headers alone, of a chain of headers", async () => {
  const clock = new SimulatedClock(1_700_000_000);
  const { chain: full } = sealedWorld(worldOptions);
  const chain = new HeaderChain({
    db: memoryStore(),
    config: full.config,
    engine: full.engine,
    genesis: full.genesis,
    clock,
  });
  const downloader = new Downloader({ chain, clock, rand: seededRand(1), limits: small });
  const peer = new ScriptedPeer("a", base, clock);
  downloader.register(peer);
  await syncUntilEnd({ downloader }, clock, "a", "headers");
  expect(chain.head.number).toBe(400);
  expect(peer.asked).toMatchObject({ bodies: 0, receipts: 0, nodes: 0 });
  await expect(downloader.synchronise("a", { mode: "full" })).rejects.toMatchObject({
    code: "DOWNLOADER_WRONG_MODE",
  });
  await expect(setting().downloader.synchronise("x")).rejects.toMatchObject({
    code: "DOWNLOADER_UNKNOWN_PEER",
  });
});

/** As a les server is: it tells its head's number, and takes several header requests at once. */
class Announcer extends ScriptedPeer {
  readonly headersInFlight = 4;
  override get head() {
    return { ...super.head, number: base.blocks.length };
  }
}

test("headers alone, of a peer that takes several requests at once: no skeleton, nothing beyond its head", async () => {
  const clock = new SimulatedClock();
  const { chain: full } = localNode(clock);
  const { config, engine, genesis } = full;
  const chain = new HeaderChain({ db: memoryStore(), config, engine, genesis, clock });
  const downloader = new Downloader({ chain, clock, rand: seededRand(1), limits: small });
  let cut = 0;
  const queries: { origin: number | Uint8Array; amount: number; skip: number }[] = [];
  const peer = new Announcer("a", base, clock, {
    async requestHeaders(query) {
      queries.push(query);
      const headers = await peer.headers(query);
      // one answer is cut short: what was asked for after it is asked for again
      return query.origin === 65 && cut++ === 0 ? headers.slice(0, 5) : headers;
    },
  });
  downloader.register(peer);
  expect(await syncUntilEnd({ downloader }, clock, "a", "headers")).toMatchObject({ number: 400 });
  expect([peer.concurrent.headers, peer.asked.headers <= 25 + 5]).toEqual([4, true]);
  expect(queries.every(({ origin, amount, skip }) => Number(origin) + amount <= 401 && skip === 0)).toBe(
    true,
  );
  // on from where it is: one search, no more than the missing headers
  chain.setHead(380);
  const before = peer.asked.headers;
  await syncUntilEnd({ downloader }, clock, "a", "headers");
  expect([chain.head.number, peer.asked.headers - before]).toEqual([400, 2]);
});

test("progress: rate and time left", async () => {
  const node = setting();
  node.peer("a", base, { delayMs: 400 });
  const seen: { currentBlock: number; secondsLeft: number | undefined; blocksPerSecond: number }[] = [];
  const types: string[] = [];
  using _listening = node.downloader.events.subscribe((event) => {
    types.push(event.type);
    if (event.type === "progress") seen.push(event.progress);
  });
  await node.sync("a");
  expect(types[0]).toBe("start");
  expect(types.at(-1)).toBe("done");
  const late = seen.at(-1);
  expect(late?.blocksPerSecond).toBeGreaterThan(1);
  expect(late?.secondsLeft).toBeGreaterThanOrEqual(0);
  expect(seen.map(({ currentBlock }) => currentBlock)).toEqual(
    seen.map(({ currentBlock }) => currentBlock).sort((a, b) => a - b),
  );
});

describe.each(modes)("%s sync", (mode) => {
  test("canonical chain from one peer", async () => {
    const node = setting();
    const peer = node.peer("a");
    expect(await node.sync("a", mode)).toMatchObject({ number: 400 });
    expectSynced(node, base);
    expect(peer.dropped).toEqual([]);
    expect(node.downloader.isBusy).toBe(false);
    expect(node.clock.activeTimers).toBe(0);
    if (mode === "fast") expect(node.chain.fast.pivot).toBe(336);
  });

  test("many peers share the work; nobody is asked for more than old peers serve, one request of a kind at a time", async () => {
    const node = setting();
    const peers = Array.from({ length: 6 }, (_, i) => node.peer(`p${i}`, base, { delayMs: 10 + 10 * i }));
    await node.sync("p0", mode);
    expectSynced(node, base);
    expect(peers.filter(({ asked }) => asked.bodies > 0).length).toBeGreaterThan(3);
    for (const peer of peers) {
      expect(peer.most.headers).toBeLessThanOrEqual(16);
      expect(peer.most.bodies).toBeLessThanOrEqual(24);
      expect(peer.most.receipts).toBeLessThanOrEqual(24);
      expect(peer.most.nodes).toBeLessThanOrEqual(24);
      for (const open of Object.values(peer.concurrent)) expect(open).toBeLessThanOrEqual(1);
      expect(peer.dropped).toEqual([]);
    }
  });

  test("a chain shorter than the distance of a pivot", async () => {
    const short = { ...base, blocks: base.blocks.slice(0, 40) };
    const node = setting();
    node.peer("a", short);
    await node.sync("a", mode);
    expectSynced(node, short);
    expect(node.chain.fast.pivot).toBe(0);
  });

  test("the chain grows meanwhile: all of it comes", async () => {
    const node = setting();
    let asked = 0;
    const peer = node.peer("a", base, {
      requestHeaders: (query) => {
        if (++asked === 8) peer.serve({ ...longer, blocks: longer.blocks.slice(0, 430) });
        return peer.headers(query);
      },
    });
    await node.sync("a", mode);
    expect(node.chain.head.number).toBe(430);
  });

  test("the second of two peers is at the same head: nothing is fetched again", async () => {
    const node = setting();
    node.peer("a");
    await node.sync("a", mode);
    const second = node.peer("b");
    await node.sync("b", mode);
    expect(second.asked.bodies).toBe(0);
    expect(second.dropped).toEqual([]);
  });

  test("shifted headers: the master is dropped, nothing is stored", async () => {
    const node = setting();
    const liar = node.peer("a", base, {
      requestHeaders: async (query) => {
        const headers = await new ScriptedPeer("x", base, node.clock).headers(query);
        return query.amount > 2 && query.skip === 0 ? headers.slice(1) : headers;
      },
    });
    expect(await node.sync("a", mode)).toMatchObject({
      code: expect.stringMatching(/INVALID_CHAIN|PEERS_UNAVAILABLE/),
    });
    expect(liar.dropped).toHaveLength(1);
    expect(node.chain.head.number).toBe(0);
  });

  test("missing headers: the master is dropped", async () => {
    const node = setting();
    const liar = node.peer("a", base, {
      requestHeaders: async (query) => {
        const headers = await new ScriptedPeer("x", base, node.clock).headers(query);
        return headers.filter(({ number }) => number !== 150);
      },
    });
    expect(await node.sync("a", mode)).toMatchObject({
      code: expect.stringMatching(/INVALID_CHAIN|PEERS_UNAVAILABLE/),
    });
    expect(liar.dropped).toHaveLength(1);
    expect(node.chain.head.number).toBeLessThan(150);
  });

  test("a gap that only the master lacks is filled by others", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", base, node.clock);
    node.peer("a", base, {
      requestHeaders: async (query) => {
        const headers = await holder.headers(query);
        return query.skip === 0 && query.amount === 16 && headers.some(({ number }) => number === 50)
          ? []
          : headers;
      },
    });
    node.peer("b");
    await node.sync("a", mode);
    expectSynced(node, base);
  });

  test("an empty answer about the own head: EMPTY or BAD_PEER, dropped", async () => {
    const node = setting();
    const liar = node.peer("a", base, { requestHeaders: async () => [] });
    expect(await node.sync("a", mode)).toMatchObject({ code: "DOWNLOADER_BAD_PEER" });
    expect(liar.code).toBe("DOWNLOADER_BAD_PEER");
  });

  test("withheld tail: headers end below the head it told of", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", base, node.clock);
    const liar = node.peer("a", base, {
      requestHeaders: async (query) => {
        if (typeof query.origin !== "number") return holder.headers(query);
        return (await holder.headers(query)).filter(({ number }) => number < 380);
      },
    });
    expect(await node.sync("a", mode)).toMatchObject({ code: "DOWNLOADER_EMPTY_HEADER_SET" });
    expect(liar.code).toBe("DOWNLOADER_EMPTY_HEADER_SET");
  });

  test("F22 wrong bodies: refused, the liar is dropped, the rest comes from others", async () => {
    const node = setting();
    node.peer("a");
    const liar = node.peer("b", base, {
      delayMs: 5,
      requestBodies: async (hashes) => {
        const [first, ...rest] = await new ScriptedPeer("x", base, node.clock).bodies(hashes);
        return first === undefined
          ? rest
          : [{ ...first, transactions: first.transactions.slice(1) }, ...rest];
      },
    });
    await node.sync("a", mode);
    expectSynced(node, base);
    expect(liar.code).toBe("DOWNLOADER_INVALID_BODY");
  });

  test("bodies that no peer has: the master is dropped", async () => {
    const node = setting();
    const withheld = base.blocks.find(
      ({ header, transactions }) => header.number > 100 && transactions.length > 0,
    );
    const hide = async (hashes: readonly Uint8Array[]) =>
      new ScriptedPeer("x", base, node.clock).bodies(
        hashes.filter((hash) => Buffer.compare(hash, withheld?.header.hash ?? hash) !== 0),
      );
    const master = node.peer("a", base, { requestBodies: hide });
    node.peer("b", base, { requestBodies: hide });
    expect(await node.sync("a", mode)).toMatchObject({
      code: "DOWNLOADER_PEERS_UNAVAILABLE",
      data: { what: "bodies", number: withheld?.header.number },
    });
    expect(master.code).toBe("DOWNLOADER_PEERS_UNAVAILABLE");
    expect(node.chain.head.number).toBeLessThan(withheld?.header.number ?? 0);
  });

  test("answers in pieces, with holes: all comes", async () => {
    const node = setting();
    const holder = new ScriptedPeer("x", base, node.clock);
    node.peer("a", base, { requestBodies: async (hashes) => holder.bodies(hashes.slice(0, 3)) });
    node.peer("b", base, {
      requestBodies: async (hashes) => holder.bodies(hashes.filter((_, i) => i % 2 === 0)),
    });
    await node.sync("a", mode);
    expectSynced(node, base);
  });

  test("F16 a peer that never answers is dropped after 3 requests, the sync goes on", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 500 });
    const never = () => new Promise<never>(() => {});
    const staller = node.peer("b", base, {
      requestHeaders: never,
      requestBodies: never,
      requestReceipts: never,
      requestNodeData: never,
    });
    await node.sync("a", mode);
    expectSynced(node, base);
    expect(staller.code).toBe("DOWNLOADER_TIMEOUT");
    expect(staller.asked.headers + staller.asked.bodies).toBeLessThanOrEqual(8);
  });

  test("F16 a master that never answers is dropped at once", async () => {
    const node = setting();
    const master = node.peer("a", base, { requestHeaders: () => new Promise<never>(() => {}) });
    expect(await node.sync("a", mode)).toMatchObject({
      code: "DOWNLOADER_TIMEOUT",
      data: { afterMs: 20_000 },
    });
    expect(master.code).toBe("DOWNLOADER_TIMEOUT");
    expect(node.clock.activeTimers).toBe(0);
  });

  test("the master leaves: the cycle is cancelled, what came stays, another goes on", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 200 });
    node.peer("b");
    const running = node.downloader.synchronise("a", { mode }).catch((error: unknown) => error);
    await node.clock.advance(900);
    node.downloader.unregister("a");
    expect(await running).toMatchObject({ code: "DOWNLOADER_CANCELLED" });
    expect(node.clock.activeTimers).toBeLessThanOrEqual(6); // answers of the peer that left
    await node.sync("b", mode);
    expectSynced(node, base);
  });

  test("cancel ends the cycle and waits; progress ends with it", async () => {
    const node = setting();
    node.peer("a", base, { delayMs: 300 });
    const running = node.downloader.synchronise("a", { mode }).catch((error: unknown) => error);
    await node.clock.advance(1500);
    expect(node.downloader.progress).toMatchObject({ mode, highestBlock: 400 });
    await expect(node.downloader.synchronise("a")).rejects.toMatchObject({ code: "DOWNLOADER_BUSY" });
    const cancelled = node.downloader.cancel();
    await node.clock.advance(0);
    await cancelled;
    expect(await running).toMatchObject({ code: "DOWNLOADER_CANCELLED" });
    expect(node.downloader.progress).toBeUndefined();
  });
});
