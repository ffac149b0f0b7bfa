// long: one setting, and all that peers may announce in it
import type { Block, Header } from "#core/types";
import { ConsensusError } from "#consensus";
import { SimulatedClock, seededRand } from "#host/sim";
import { ByteSet, type GlimError } from "#util";
import { beforeAll, describe, expect, test } from "vitest";
import { grow, newWorld, ScriptedPeer, type ServedBlocks } from "../../../test/kit/download-world.ts";
import { BlockFetcher } from "./block-fetcher.ts";

let base: ServedBlocks;
let side: ServedBlocks;

beforeAll(async () => {
  base = await grow(newWorld(), 60);
  side = await grow(base, 40, { from: 20 });
});

interface Options {
  readonly isPostMerge?: boolean;
  readonly verify?: (header: Header) => void;
  readonly insert?: (block: Block) => void;
}

/** A chain of hashes at block `head`, and everything the fetcher tells. */
function setting(head: number, options: Options = {}) {
  const clock = new SimulatedClock();
  const known = new ByteSet([base.world.chain.genesis.hash]);
  for (const { header } of base.blocks.slice(0, head)) known.add(header.hash);
  const told: string[] = [];
  let at = head;
  const fetcher = new BlockFetcher(
    {
      headNumber: () => at,
      hasBlock: (hash) => known.has(hash),
      verifyHeader: async (header) => options.verify?.(header),
      propagate: ({ header }) => void told.push(`propagate ${header.number}`),
      insert: async (block) => {
        options.insert?.(block);
        known.add(block.header.hash);
        at = Math.max(at, block.header.number);
        told.push(`insert ${block.header.number}`);
      },
      announce: ({ header }) => void told.push(`announce ${header.number}`),
      isPostMerge: () => options.isPostMerge === true,
    },
    { clock, rand: seededRand(7) },
  );
  const peer = (id: string, script = {}, served = base) => new ScriptedPeer(id, served, clock, script);
  return { clock, fetcher, told, peer };
}

const block = (number: number): Block => {
  const found = base.blocks[number - 1];
  if (found === undefined) throw new RangeError(`no block ${number}`);
  return found;
};
const announced = (...numbers: number[]) =>
  numbers.map((number) => ({ hash: block(number).header.hash, number }));
const inserts = (told: readonly string[]) => told.filter((line) => line.startsWith("insert"));

describe("block fetcher", () => {
  test("an announced block is fetched after half a second, verified, sent on, imported, announced", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const a = peer("a");
    fetcher.notify(a, announced(11));
    await clock.advance(499);
    expect(a.asked.headers).toBe(0);
    await clock.advance(200);
    expect(told).toEqual(["propagate 11", "insert 11", "announce 11"]);
    expect(fetcher.size).toEqual({ announced: 0, queued: 0 });
    expect(clock.activeTimers).toBe(0);
  });

  test("announced by many: asked for once", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const peers = Array.from({ length: 5 }, (_, i) => peer(`p${i}`));
    for (const each of peers) fetcher.notify(each, announced(11));
    await clock.advance(2000);
    expect(peers.reduce((sum, { asked }) => sum + asked.headers, 0)).toBe(1);
    expect(inserts(told)).toEqual(["insert 11"]);
  });

  test("it came by itself meanwhile: nothing is asked for", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const a = peer("a");
    fetcher.notify(a, announced(11));
    fetcher.enqueue(peer("b"), block(11));
    await clock.advance(2000);
    expect(a.asked.headers).toBe(0);
    expect(inserts(told)).toEqual(["insert 11"]);
  });

  test("out of order: each waits for its parent", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const a = peer("a");
    for (const number of [14, 12, 13]) fetcher.enqueue(a, block(number));
    await clock.advance(10);
    expect(told).toEqual([]);
    fetcher.enqueue(a, block(11));
    await clock.advance(10);
    expect(inserts(told)).toEqual(["insert 11", "insert 12", "insert 13", "insert 14"]);
  });

  test("ET-06 too far below or above the head: ignored, whatever the distance", async () => {
    const { clock, fetcher, peer } = setting(20);
    const a = peer("a");
    fetcher.notify(a, announced(12, 53));
    fetcher.notify(a, [
      { hash: new Uint8Array(32).fill(1), number: 10 ** 9 },
      { hash: new Uint8Array(32).fill(2), number: 0 },
    ]);
    expect(fetcher.size.announced).toBe(0);
    fetcher.notify(a, announced(52));
    // a sibling of block 13 is 7 below
    fetcher.notify(a, [{ hash: side.blocks[20]?.header.hash ?? new Uint8Array(32), number: 21 }]);
    expect(fetcher.size.announced).toBe(2);
    fetcher.enqueue(a, block(53));
    expect(fetcher.size.queued).toBe(0);
    await fetcher.stop();
    expect(clock.activeTimers).toBe(0);
  });

  test("ET-06 256 announcements and 64 blocks of one peer, those of others are not touched", async () => {
    const { clock, fetcher, peer } = setting(10);
    const a = peer("a");
    for (let i = 0; i < 1000; i++) {
      const hash = new Uint8Array(32);
      new DataView(hash.buffer).setUint32(0, i + 1);
      fetcher.notify(a, [{ hash, number: 12 }]);
    }
    expect(fetcher.size.announced).toBe(256);
    fetcher.notify(peer("b"), announced(11));
    expect(fetcher.size.announced).toBe(257);
    for (let i = 0; i < 100; i++) {
      const header = { ...block(20).header, hash: new Uint8Array(32).fill(i + 1) };
      fetcher.enqueue(a, { ...block(20), header });
    }
    expect(fetcher.size.queued).toBe(64);
    fetcher.enqueue(peer("b"), block(21));
    expect(fetcher.size.queued).toBe(65);
    fetcher.removePeer("a");
    expect(fetcher.size).toEqual({ announced: 1, queued: 1 });
    await fetcher.stop();
    expect(clock.activeTimers).toBe(0);
  });

  test("ET-06 waiting blocks hold 64 MiB at most, whoever sent them; the next in line is always taken", async () => {
    const { clock, fetcher, peer, told } = setting(10);
    const [tx] = base.blocks.flatMap(({ transactions }) => transactions);
    if (tx === undefined) throw new Error("no transaction on the chain");
    const fat = (number: number, i: number): Block => {
      const header = { ...block(number).header, hash: new Uint8Array(32).fill(i) };
      return { header, transactions: [{ ...tx, input: new Uint8Array(8 << 20) }], uncles: [] };
    };
    for (let i = 0; i < 20; i++) fetcher.enqueue(peer(`p${i}`), fat(20, i + 1));
    expect(fetcher.size.queued).toBe(7);
    fetcher.enqueue(peer("honest"), block(11));
    await clock.advance(10);
    expect(inserts(told)).toEqual(["insert 11"]);
    fetcher.removePeer("p0");
    expect(fetcher.size.queued).toBe(6);
    await fetcher.stop();
  });

  test("ET-06 after the merge whoever announces or sends a block is dropped", async () => {
    const { fetcher, peer } = setting(10, { isPostMerge: true });
    const [a, b] = [peer("a"), peer("b")];
    fetcher.notify(a, announced(11));
    fetcher.enqueue(b, block(11));
    expect([a.code, b.code]).toEqual(["FETCHER_POST_MERGE", "FETCHER_POST_MERGE"]);
    expect(fetcher.size).toEqual({ announced: 0, queued: 0 });
  });

  test("another number than announced: dropped", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const a = peer("a");
    fetcher.notify(a, [{ hash: block(11).header.hash, number: 12 }]);
    await clock.advance(1000);
    expect(a.code).toBe("FETCHER_WRONG_NUMBER");
    expect(told).toEqual([]);
  });

  test("never delivered: given up after 5 s, announced again it is asked for again", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    const never = peer("a", { requestHeaders: () => new Promise<never>(() => {}) });
    fetcher.notify(never, announced(11));
    await clock.advance(6000);
    expect(fetcher.size.announced).toBe(0);
    fetcher.notify(peer("b"), announced(11));
    await clock.advance(1000);
    expect(inserts(told)).toEqual(["insert 11"]);
    expect(never.dropped).toEqual([]);
  });

  test("F22 a body that is not the header's: dropped, nothing imported", async () => {
    const full = base.blocks.find(
      ({ header, transactions }) => header.number > 10 && transactions.length > 0,
    );
    const number = full?.header.number ?? 0;
    const { clock, fetcher, told, peer } = setting(number - 1);
    const a = peer("a", { requestBodies: async () => [{ transactions: [], uncles: [] }] });
    fetcher.notify(a, announced(number));
    await clock.advance(1000);
    expect(a.code).toBe("FETCHER_INVALID_BLOCK");
    expect(told).toEqual([]);
  });

  test("a header that breaks a rule drops the peer, one of tomorrow does not; neither is sent on", async () => {
    const refuse = (error: GlimError) => () => {
      throw error;
    };
    const bad = setting(10, { verify: refuse(ConsensusError("UNKNOWN_ANCESTOR", { number: 11 })) });
    const a = bad.peer("a");
    bad.fetcher.enqueue(a, block(11));
    await bad.clock.advance(10);
    const early = setting(10, {
      verify: refuse(ConsensusError("FUTURE_BLOCK", { number: 11, time: 2, now: 1 })),
    });
    const b = early.peer("b");
    early.fetcher.enqueue(b, block(11));
    await early.clock.advance(10);
    expect([a.code, b.code]).toEqual(["FETCHER_INVALID_BLOCK", undefined]);
    expect([...bad.told, ...early.told]).toEqual([]);
  });

  test("ET-10 two peers announce two branches in turn: every block is imported once, nothing is left", async () => {
    const { clock, fetcher, told, peer } = setting(20);
    const [a, b] = [peer("a"), peer("b", {}, side)];
    for (let number = 21; number <= 60; number++) {
      fetcher.notify(a, announced(number));
      const other = side.blocks[number - 1]?.header;
      if (other !== undefined) fetcher.notify(b, [{ hash: other.hash, number }]);
      await clock.advance(700);
    }
    expect(inserts(told)).toHaveLength(80);
    expect(fetcher.size).toEqual({ announced: 0, queued: 0 });
    expect([a.dropped, b.dropped]).toEqual([[], []]);
  });

  test("stop during a fetch: nothing is left running", async () => {
    const { clock, fetcher, told, peer } = setting(10);
    fetcher.notify(peer("a", { delayMs: 1000 }), announced(11));
    await clock.advance(600);
    await fetcher.stop();
    await clock.advance(2000);
    expect(told).toEqual([]);
    expect(clock.activeTimers).toBe(0);
  });
});
