// long: tables of decisions
import { applyDiff } from "#core/state";
import { emptyTxRoot, type Header } from "#core/types";
import { keccak256 } from "#crypto";
import { seededRand } from "#host/sim";
import { nodeChildren } from "#trie";
import { ByteMap, compareBytes, equalBytes, numberToBytes } from "#util";
import { beforeAll, describe, expect, test } from "vitest";
import { grow, newWorld, type ServedBlocks } from "../../../test/kit/download-world.ts";
import { ancestorSpan } from "./ancestor.ts";
import { ContentQueue } from "./content-queue.ts";
import { limits } from "./limits.ts";
import { Meter } from "./meter.ts";
import { PeerRates, RttEstimate } from "./rates.ts";
import { SkeletonFill } from "./skeleton.ts";
import { type StateTask, TrieSync } from "./trie-sync.ts";

let base: ServedBlocks;
const headers = (from: number, to: number): Header[] =>
  base.blocks.slice(from - 1, to).map(({ header }) => header);

beforeAll(async () => {
  base = await grow(newWorld(), 120);
});

/** geth's own table: eth/downloader/downloader_test.go TestRemoteHeaderRequestSpan @v1.9.25. */
test.each([
  [1500, 1000, [1323, 1339, 1355, 1371, 1387, 1403, 1419, 1435, 1451, 1467, 1483, 1499]],
  [15000, 13006, [14823, 14839, 14855, 14871, 14887, 14903, 14919, 14935, 14951, 14967, 14983, 14999]],
  [1200, 1150, [1149, 1154, 1159, 1164, 1169, 1174, 1179, 1184, 1189, 1194, 1199]],
  [1500, 1500, [1497, 1499]],
  [1000, 1500, [997, 999]],
  [0, 1500, [0, 2]],
  [
    6_000_000,
    0,
    [
      5_999_823, 5_999_839, 5_999_855, 5_999_871, 5_999_887, 5_999_903, 5_999_919, 5_999_935, 5_999_951,
      5_999_967, 5_999_983, 5_999_999,
    ],
  ],
  [0, 0, [0, 2]],
])("the spread of headers for heights %i and %i is geth's", (remote, local, want) => {
  const { from, count, skip } = ancestorSpan(remote, local);
  expect(Array.from({ length: count }, (_, i) => from + i * (skip + 1))).toEqual(want);
});

describe("rates", () => {
  test("capacity follows what was measured, between 2 and the most that peers serve", () => {
    const rates = new PeerRates();
    expect(rates.capacity("bodies", 1000, 128)).toBe(2);
    for (let i = 0; i < 50; i++) rates.delivered("bodies", 40, 1000);
    expect(rates.capacity("bodies", 1000, 128)).toBeGreaterThan(35);
    expect(rates.capacity("bodies", 1000, 128)).toBeLessThan(42);
    expect(rates.capacity("bodies", 100_000, 128)).toBe(128);
    rates.delivered("bodies", 0, 1000);
    expect(rates.capacity("bodies", 1000, 128)).toBe(2);
  });

  test("deadlines are between 2 and 20 s, whatever peers do", () => {
    const rtt = new RttEstimate(limits);
    expect(rtt.deadlineMs).toBe(20_000);
    for (let i = 0; i < 100; i++) rtt.tune([1, 2, 3]);
    expect(rtt.deadlineMs).toBe(6000);
    for (let peers = 2; peers < 20; peers++) rtt.peerJoined(peers);
    expect(rtt.deadlineMs).toBe(20_000);
    for (let i = 0; i < 100; i++) rtt.tune([1e9]);
    expect(rtt.deadlineMs).toBe(20_000);
    expect(rtt.targetMs).toBeLessThanOrEqual(20_000);
  });

  test("the meter looks back over its window", () => {
    const meter = new Meter(30_000);
    expect(meter.rate(0, 0, 0)).toEqual({ blocks: 0, states: 0 });
    for (let second = 0; second <= 60; second++)
      meter.sample(second * 1000, second < 30 ? 0 : (second - 30) * 10, second);
    expect(meter.rate(60_000, 300, 60)).toEqual({ blocks: 10, states: 1 });
  });
});

describe("content queue", () => {
  const small = { ...limits, queuedResults: 20, queuedResultBytes: 3000, blocksPerInsert: 4 };

  test("hands out only what the window holds, in order; what is given back comes first again", () => {
    const queue = new ContentQueue(small, ["bodies"]);
    queue.schedule(headers(1, 100));
    const full = headers(1, 100).filter(({ txRoot }) => !equalBytes(txRoot, emptyTxRoot));
    const first = queue.reserve("bodies", 128, () => false);
    expect(first.every(({ header }) => header.number <= 20)).toBe(true);
    expect(first.map(({ header }) => header.number)).toEqual(
      full.map(({ number }) => number).filter((n) => n <= 20),
    );
    expect(queue.hasWork("bodies")).toBe(false);
    queue.release("bodies", first.slice(2));
    queue.release("bodies", first.slice(0, 2));
    expect(queue.reserve("bodies", 128, () => false)).toEqual(first);
    expect(queue.size).toBe(100);
    expect(queue.room).toBe(limits.queuedHeaders - 100);
  });

  test("bodies beyond the byte bound wait until some were taken, the next ones to be taken never do", () => {
    const queue = new ContentQueue(small, ["bodies"]);
    queue.schedule(headers(1, 100));
    const bodyOf = ({ number }: Header) => {
      const block = base.blocks[number - 1];
      if (block === undefined) throw new RangeError("no block");
      return { transactions: block.transactions, uncles: block.uncles };
    };
    const slots = queue.reserve("bodies", 128, () => false);
    const [first, ...later] = slots;
    for (const slot of later) expect(queue.giveBody(slot, bodyOf(slot.header))).toBe(true);
    expect(queue.bytes).toBeGreaterThanOrEqual(3000);
    if (first !== undefined) queue.release("bodies", [first]);
    expect(queue.hasWork("bodies")).toBe(true);
    expect(queue.reserve("bodies", 128, () => false)).toEqual([first]);
    if (first !== undefined) queue.giveBody(first, bodyOf(first.header));
    const taken = queue.take(1000);
    expect(taken.map(({ header }) => header.number)).toEqual(
      Array.from({ length: taken.length }, (_, i) => i + 1),
    );
    expect(queue.bytes).toBe(0);
    expect(queue.hasWork("bodies")).toBe(true);
  });

  test("a wrong body or wrong receipts are not taken", () => {
    const queue = new ContentQueue(limits, ["bodies", "receipts"]);
    queue.schedule(headers(1, 3));
    const [slot] = queue.reserve("bodies", 1, () => false);
    if (slot === undefined) throw new Error("nothing to fetch");
    expect(queue.giveBody(slot, { transactions: [], uncles: [] })).toBe(false);
    expect(queue.giveReceipts(slot, [])).toBe(false);
    expect(queue.take(10)).toEqual([]);
  });
});

describe("skeleton", () => {
  test("gaps are filled in any order and come out in theirs; another chain's stretch is nobody's lie", () => {
    const skeleton = [headers(10, 10), headers(20, 20), headers(30, 30)].flat();
    const fill = new SkeletonFill(1, 10, skeleton);
    const gaps = [fill.reserve("a"), fill.reserve("b"), fill.reserve("c")];
    expect(gaps.map((gap) => gap?.from)).toEqual([1, 11, 21]);
    const [one, two, three] = gaps;
    if (!one || !two || !three) throw new Error("no gap");
    expect(fill.deliver(three, "c", headers(21, 30))).toBe(true);
    expect(fill.take()).toEqual([]);
    expect(fill.deliver(one, "a", headers(1, 9))).toBe(false);
    expect(fill.reserve("a")).toBeUndefined();
    const again = fill.reserve("b");
    expect(again).toEqual(one);
    expect(() => fill.deliver(two, "b", headers(12, 21))).toThrow(
      expect.objectContaining({ code: "DOWNLOADER_INVALID_CHAIN" }),
    );
    expect(() => fill.deliver(one, "b", headers(1, 11))).toThrow(
      expect.objectContaining({ code: "DOWNLOADER_BAD_PEER" }),
    );
    for (const gap of [fill.reserve("c"), fill.reserve("c")]) {
      if (gap === undefined) throw new Error("no gap");
      expect(fill.deliver(gap, "c", headers(gap.from, gap.from + 9))).toBe(true);
    }
    expect(fill.take()).toEqual(headers(1, 30));
    expect(fill.isDone).toBe(true);
  });
});

interface MadeState {
  readonly root: Uint8Array;
  readonly nodes: ByteMap<Uint8Array>;
  readonly codes: ByteMap<Uint8Array>;
}

/** A state of so many accounts, every third with storage, every fifth with code; and its nodes. */
function randomState(seed: number, accounts: number, previous?: MadeState): MadeState {
  const rand = seededRand(seed);
  const nodes = new ByteMap<Uint8Array>();
  const codes = new ByteMap<Uint8Array>();
  if (previous) for (const [hash, node] of previous.nodes) nodes.set(hash, node);
  if (previous) for (const [hash, code] of previous.codes) codes.set(hash, code);
  const rows = Array.from({ length: accounts }, (_, i) => {
    const code = i % 5 === 0 ? numberToBytes(1 + (i % 20)) : undefined;
    return {
      address: keccak256(numberToBytes(i + 1)).slice(12),
      account: {
        nonce: BigInt(i),
        balance: BigInt(rand.int(1e9)),
        codeHash: keccak256(code ?? new Uint8Array(0)),
      },
      storageCleared: false,
      storage: Array.from({ length: i % 3 === 0 ? 1 + (i % 40) : 0 }, (_, s): [Uint8Array, Uint8Array] => [
        keccak256(numberToBytes(s + 1)),
        numberToBytes(1 + rand.int(3)),
      ]),
      code,
    };
  });
  const update = applyDiff({ get: (hash) => nodes.get(hash) }, previous?.root ?? emptyTxRoot, {
    accounts: rows,
  });
  for (const [hash, node] of update.nodes) nodes.set(hash, node);
  for (const [hash, code] of update.codes) codes.set(hash, code);
  return { root: update.root, nodes, codes };
}

describe("state", () => {
  /** Fetches until done, or `most` entries; writes what is ready, each write as one. */
  function fetchState(
    source: MadeState,
    store: { nodes: ByteMap<Uint8Array>; codes: ByteMap<Uint8Array> },
    seed: number,
    most = Number.POSITIVE_INFINITY,
  ): number {
    const rand = seededRand(seed);
    const sync = new TrieSync(source.root, {
      hasNode: (hash) => store.nodes.has(hash),
      hasCode: (hash) => store.codes.has(hash),
    });
    let open: StateTask[] = [];
    while (!sync.isDone && sync.pulled < most) {
      open = rand.shuffle([...open, ...sync.reserve("p", 1 + rand.int(40))]);
      const answered = open.splice(0, 1 + rand.int(open.length));
      const lost = answered.splice(0, rand.int(2));
      sync.release(lost);
      for (const task of answered) {
        const bytes = (task.kind === "code" ? source.codes : source.nodes).get(task.hash);
        if (bytes === undefined) throw new Error("asked for what does not exist");
        sync.deliver(task, bytes);
      }
      if (rand.int(3) > 0 && !sync.isDone) continue;
      const { nodes, codes } = sync.takeReady();
      for (const [hash, node] of nodes) store.nodes.set(hash, node);
      for (const [hash, code] of codes) store.codes.set(hash, code);
      expectClosed(store);
    }
    return sync.pulled;
  }

  /** Whatever node is stored, everything below it is. */
  function expectClosed(store: { nodes: ByteMap<Uint8Array> }) {
    for (const node of store.nodes.values())
      for (const { hash } of nodeChildren(node).hashes)
        if (!store.nodes.has(hash)) expect.unreachable("a hole");
  }

  const empty = () => ({ nodes: new ByteMap<Uint8Array>(), codes: new ByteMap<Uint8Array>() });

  test.each([1, 2, 3, 4])(
    "answers in any order, some lost (seed %i): complete, and never a hole on the way",
    (seed) => {
      const source = randomState(seed, 200);
      const store = empty();
      const pulled = fetchState(source, store, seed);
      expect(pulled).toBe(source.nodes.size + source.codes.size);
      expect([...store.nodes.keys()].sort(compareBytes)).toEqual([...source.nodes.keys()].sort(compareBytes));
      expect(store.codes.size).toBe(source.codes.size);
    },
  );

  test("cut off: what is stored is not fetched again; a moved root fetches what changed", () => {
    const source = randomState(7, 300);
    const store = empty();
    const first = fetchState(source, store, 8, 400);
    const kept = store.nodes.size + store.codes.size;
    expect(kept).toBeGreaterThan(100);
    const second = fetchState(source, store, 9);
    expect(second).toBeLessThanOrEqual(source.nodes.size + source.codes.size - kept);
    expect(first).toBeGreaterThan(0);
    const next = randomState(10, 12, source);
    const third = fetchState(next, store, 11);
    expect(third).toBeLessThan(150);
    expectClosed(store);
    expect(store.nodes.has(next.root)).toBe(true);
  });

  test("depth first: few unfinished entries are held, however wide the state is", () => {
    const source = randomState(12, 2000);
    const sync = new TrieSync(source.root, { hasNode: () => false, hasCode: () => false });
    let most = 0;
    while (!sync.isDone) {
      for (const task of sync.reserve("p", 16))
        sync.deliver(
          task,
          (task.kind === "code" ? source.codes : source.nodes).get(task.hash) ?? new Uint8Array(0),
        );
      most = Math.max(most, sync.size);
      sync.takeReady();
    }
    expect(most).toBeLessThan(1000);
  });

  test("bytes that hash right and are no node: the state itself is a lie", () => {
    const lie = Uint8Array.of(0xc2, 1, 2);
    const sync = new TrieSync(keccak256(lie), { hasNode: () => false, hasCode: () => false });
    const [task] = sync.reserve("p", 1);
    expect(() => task && sync.deliver(task, lie)).toThrow(
      expect.objectContaining({ code: "DOWNLOADER_INVALID_STATE" }),
    );
  });

  test("a code with the bytes of a node of the same state is fetched as both", () => {
    const nodeAsCode = randomState(1, 40).nodes.get(randomState(1, 40).root) ?? new Uint8Array(0);
    const nodes = new ByteMap<Uint8Array>();
    for (const [hash, node] of randomState(1, 40).nodes) nodes.set(hash, node);
    const update = applyDiff({ get: (hash) => nodes.get(hash) }, randomState(1, 40).root, {
      accounts: [
        {
          address: new Uint8Array(20).fill(9),
          account: { nonce: 1n, balance: 0n, codeHash: keccak256(nodeAsCode) },
          storageCleared: false,
          storage: [],
          code: nodeAsCode,
        },
      ],
    });
    for (const [hash, node] of update.nodes) nodes.set(hash, node);
    const codes = new ByteMap<Uint8Array>();
    for (const [hash, code] of randomState(1, 40).codes) codes.set(hash, code);
    for (const [hash, code] of update.codes) codes.set(hash, code);
    const store = empty();
    fetchState({ root: update.root, nodes, codes }, store, 3);
    expect(store.codes.get(keccak256(nodeAsCode))).toEqual(nodeAsCode);
    expectClosed(store);
  });
});
