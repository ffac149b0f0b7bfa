// long: one chain of headers, and all that may be inserted
import { Clique } from "#consensus/clique";
import { readCanonicalHash, writeHeadHeaderHash } from "#core/rawdb";
import type { Header } from "#core/types";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { compareBytes, toHex } from "#util";
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { childHeader, cliqueConfig, cliqueGenesisHeader, SignerPool } from "../../test/kit/clique.ts";
import type { HeadEvent } from "./head-event.ts";
import { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";

const config = cliqueConfig();
const clock = { unixSeconds: () => 1_000_000 };

function open(pool: SignerPool, db: KeyValueStore = memoryStore(), salt = 0) {
  const genesis = cliqueGenesisHeader(pool.sorted(["A", "B"]), { time: salt });
  const engine = new Clique({ period: 1, epoch: 30_000 }, db);
  const chain = new HeaderChain({ db, config, engine, genesis, clock });
  const events: HeadEvent[] = [];
  chain.headEvents.subscribe((event) => void events.push(event));
  return { chain, events, genesis, db };
}

/**
 * `count` headers on `parent` by the two signers alternately: each in its turn (difficulty 2), or each out of it
 * (difficulty 1). `salt` makes otherwise equal branches differ.
 */
function branch(pool: SignerPool, parent: Header, count: number, inTurn = true, salt = 0): Header[] {
  const names = ["A", "B"].sort((a, b) => compareBytes(pool.address(a), pool.address(b)));
  const headers: Header[] = [];
  for (let at = parent; headers.length < count; headers.push(at)) {
    const turn = (at.number + (inTurn ? 1 : 2)) % 2;
    const fields = { time: at.time + 1 + (headers.length === 0 ? salt : 0) };
    at = childHeader(at, pool.signer(names[turn] ?? ""), { inTurn, fields });
  }
  return headers;
}

const numbers = (headers: readonly Header[]) => headers.map((header) => header.number);
const hashes = (headers: readonly Header[]) => headers.map((header) => toHex(header.hash));

/** The canonical chain is one unbroken line from genesis to head, and nothing is canonical above it. */
function expectWhole(chain: HeaderChain) {
  for (let at = chain.head; at.number > 0; ) {
    expect(chain.isCanonical(at)).toBe(true);
    expect(chain.headerByNumber(at.number)?.hash).toEqual(at.hash);
    const parent = chain.headerByHash(at.parentHash);
    if (parent === undefined) throw new Error(`no parent of #${at.number}`);
    at = parent;
  }
  for (let above = 1; above < 40; above++)
    expect(chain.headerByNumber(chain.head.number + above)).toBeUndefined();
}

describe("fork choice", () => {
  test("extends the head; one event a segment, added ascending", () => {
    const pool = new SignerPool();
    const { chain, events, genesis } = open(pool);
    const headers = branch(pool, genesis, 5);
    const result = chain.insert(headers);
    expect(hashes(result.added)).toEqual(hashes(headers));
    expect(result).toMatchObject({ removed: [], imported: 5 });
    expect(events).toHaveLength(1);
    expect(hashes(events[0]?.added ?? [])).toEqual(hashes(headers));
    expect(chain.td(chain.head.hash)).toBe(11n);
    expectWhole(chain);
  });

  test("total difficulty decides, not length; at equal difficulty the first stays", () => {
    const pool = new SignerPool();
    const { chain, events, genesis } = open(pool);
    const heavy = branch(pool, genesis, 3);
    const long = branch(pool, genesis, 7, false);
    chain.insert(heavy);
    expect(chain.insert(long.slice(0, 5))).toMatchObject({ added: [], removed: [], imported: 5 });
    expect(chain.insert(long.slice(5, 6))).toMatchObject({ added: [], removed: [], imported: 1 });
    expect(chain.head.hash).toEqual(heavy[2]?.hash);
    expect(chain.td(long[5]?.hash ?? genesis.hash)).toBe(chain.td(chain.head.hash));
    const result = chain.insert(long.slice(6));
    expect(hashes(result.added)).toEqual(hashes(long));
    expect(hashes(result.removed)).toEqual(hashes(heavy));
    expect(numbers(result.removed)).toEqual([1, 2, 3]);
    expect(events.map((event) => [event.added.length, event.removed.length])).toEqual([
      [3, 0],
      [7, 3],
    ]);
    expectWhole(chain);
  });

  test("a shorter chain with more difficulty clears the numbers above it", () => {
    const pool = new SignerPool();
    const { chain, genesis } = open(pool);
    const long = branch(pool, genesis, 7, false);
    const heavy = branch(pool, genesis, 4);
    chain.insert(long);
    const result = chain.insert(heavy);
    expect(numbers(result.removed)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(chain.head.number).toBe(4);
    expect(chain.headerByNumber(5)).toBeUndefined();
    expect(chain.headerByHash(long[6]?.hash ?? genesis.hash)).toBeDefined();
    expectWhole(chain);
  });

  test("a reorg of 1,000 headers, there and back", () => {
    const pool = new SignerPool();
    const { chain, genesis } = open(pool);
    const one = branch(pool, genesis, 1000);
    const two = branch(pool, genesis, 1001, true, 1);
    const three = branch(pool, one.at(-1) ?? genesis, 2);
    chain.insert(one);
    expect(chain.insert(two).removed).toHaveLength(1000);
    const back = chain.insert(three);
    expect(back.removed).toHaveLength(1001);
    expect(hashes(back.added)).toEqual(hashes([...one, ...three]));
    expectWhole(chain);
  });

  test("random branches: the head always has the most difficulty, the first of equals", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ on: fc.nat(), count: fc.integer({ min: 1, max: 4 }), inTurn: fc.boolean() }), {
          maxLength: 12,
        }),
        (steps) => {
          const pool = new SignerPool();
          const { chain, events, genesis } = open(pool);
          const all: Header[] = [genesis];
          let best = { hash: genesis.hash, td: 1n };
          steps.forEach(({ on, count, inTurn }, salt) => {
            const parent = all[on % all.length] ?? genesis;
            // sealing on may be too soon for one of the two signers: such a branch is refused whole
            const headers = branch(pool, parent, count, inTurn, salt);
            const before = chain.head;
            try {
              chain.insert(headers);
            } catch (error) {
              expect(error).toMatchObject({ code: "CLIQUE_RECENTLY_SIGNED" });
              expect(chain.head).toBe(before);
              return;
            }
            all.push(...headers);
            const last = headers.at(-1) ?? genesis;
            const td = chain.td(last.hash) ?? 0n;
            if (td > best.td) best = { hash: last.hash, td };
            expect(toHex(chain.head.hash)).toBe(toHex(best.hash));
          });
          expectWhole(chain);
          // whoever replays the events has the same chain
          const replay: Header[] = [];
          for (const event of events) {
            expect(hashes(event.removed)).toEqual(
              hashes(replay.splice(replay.length - event.removed.length)),
            );
            replay.push(...event.added);
          }
          expect(hashes(replay)).toEqual(hashes(replay.map((h) => chain.headerByNumber(h.number) ?? h)));
          expect(replay.at(-1)?.hash ?? genesis.hash).toEqual(chain.head.hash);
        },
      ),
      { seed: 1906, numRuns: 60 },
    );
  });
});

describe("segments", () => {
  test("a bad header in the middle: nothing of the segment stays, the error names it", () => {
    const pool = new SignerPool();
    const { chain, events, genesis } = open(pool);
    const headers = branch(pool, genesis, 10);
    const broken = headers.map((header, i) => (i === 6 ? { ...header, gasUsed: 1n << 60n } : header));
    expect(() => chain.insert(broken)).toThrow(
      expect.objectContaining({
        code: "CONSENSUS_INVALID_GAS_USED",
        blame: "peer",
        data: expect.objectContaining({ number: 7 }),
      }),
    );
    expect(chain.head.number).toBe(0);
    expect(chain.has(headers[0]?.hash ?? genesis.hash)).toBe(false);
    expect(events).toEqual([]);
  });

  test("ET-04 headers that do not link", () => {
    const pool = new SignerPool();
    const { chain, genesis } = open(pool);
    const headers = branch(pool, genesis, 4);
    const gap = headers.filter((_, i) => i !== 2);
    expect(() => chain.insert(gap)).toThrow(
      expect.objectContaining({ code: "CONSENSUS_INVALID_NUMBER", data: { number: 4, parent: 2 } }),
    );
    const orphan = branch(pool, headers[3] ?? genesis, 1);
    expect(() => chain.insert(orphan)).toThrow(
      expect.objectContaining({ code: "CONSENSUS_UNKNOWN_ANCESTOR", data: { number: 5 } }),
    );
    expect(() => chain.insert([{ ...genesis, hash: new Uint8Array(32) }])).toThrow(
      expect.objectContaining({ code: "CONSENSUS_UNKNOWN_ANCESTOR" }),
    );
    expect(chain.has(headers[0]?.hash ?? genesis.hash)).toBe(false);
  });

  test("ET-04 a header from the future is refused without blame, and taken when its time has come", () => {
    const pool = new SignerPool();
    let seconds = 100;
    const genesis = cliqueGenesisHeader(pool.sorted(["A", "B"]));
    const db = memoryStore();
    const engine = new Clique({ period: 1, epoch: 30_000 }, db);
    const chain = new HeaderChain({ db, config, engine, genesis, clock: { unixSeconds: () => seconds } });
    const [header] = branch(pool, genesis, 1, true, 119);
    if (header === undefined) throw new Error("no header");
    expect(() => chain.insert([header])).toThrow(
      expect.objectContaining({ code: "CONSENSUS_FUTURE_BLOCK", blame: "network", disconnect: undefined }),
    );
    seconds = 105;
    expect(chain.insert([header]).head.number).toBe(1);
  });

  test("known headers are skipped, an overlapping segment goes on", () => {
    const pool = new SignerPool();
    const { chain, events, genesis } = open(pool);
    const headers = branch(pool, genesis, 8);
    chain.insert(headers.slice(0, 5));
    expect(chain.insert(headers.slice(0, 5))).toMatchObject({ added: [], imported: 0 });
    expect(chain.insert([genesis])).toMatchObject({ added: [], imported: 0 });
    expect(chain.insert([])).toMatchObject({ added: [], imported: 0 });
    expect(numbers(chain.insert(headers.slice(2)).added)).toEqual([6, 7, 8]);
    expect(events).toHaveLength(2);
  });

  test("is bounded", () => {
    const pool = new SignerPool();
    const { chain, genesis } = open(pool);
    const many = new Array<Header>(limits.headersPerInsert + 1).fill(genesis);
    expect(() => chain.insert(many)).toThrow(expect.objectContaining({ code: "CORE_SEGMENT_TOO_LONG" }));
  });
});

describe("lookups", () => {
  test("ancestors on the canonical chain and on a side chain", () => {
    const pool = new SignerPool();
    const { chain, genesis } = open(pool);
    const main = branch(pool, genesis, 20);
    const side = branch(pool, main[9] ?? genesis, 6, true, 5);
    chain.insert(main);
    chain.insert(side);
    const tip = side.at(-1) ?? genesis;
    expect(chain.isCanonical(tip)).toBe(false);
    expect(chain.ancestor(tip, 0)).toBe(tip);
    expect(chain.ancestor(tip, 5)?.hash).toEqual(side[0]?.hash);
    expect(chain.ancestor(tip, 6)?.hash).toEqual(main[9]?.hash);
    expect(chain.ancestor(tip, 16)?.number).toBe(0);
    expect(chain.ancestor(tip, 17)).toBeUndefined();
    expect(chain.commonAncestor(tip, chain.head)?.number).toBe(10);
    expect(chain.headerByNumber(-1)).toBeUndefined();
    expect(chain.headerByNumber(21)).toBeUndefined();
    expect(chain.td(new Uint8Array(32))).toBeUndefined();
  });
});

describe("restart", () => {
  test("finds head, difficulty and side chains again", () => {
    const pool = new SignerPool();
    const db = memoryStore();
    const { chain, genesis } = open(pool, db);
    const main = branch(pool, genesis, 10);
    const side = branch(pool, main[4] ?? genesis, 4, true, 2);
    chain.insert(main);
    chain.insert(side);
    const again = open(pool, db).chain;
    expect(again.head.hash).toEqual(chain.head.hash);
    expect(again.td(again.head.hash)).toBe(21n);
    const further = branch(pool, side.at(-1) ?? genesis, 2);
    expect(again.insert(further)).toMatchObject({ removed: expect.objectContaining({ length: 5 }) });
    expectWhole(again);
  });

  test("ST-02 a head record that points nowhere: the highest unbroken header becomes the head", () => {
    const pool = new SignerPool();
    const db = memoryStore();
    const { chain, genesis } = open(pool, db);
    chain.insert(branch(pool, genesis, 10));
    writeHeadHeaderHash(db, new Uint8Array(32).fill(3));
    expect(open(pool, db).chain.head.number).toBe(10);
    expect(open(pool, db).chain.head.hash).toEqual(readCanonicalHash(db, 10));
  });

  test("ET-04 another genesis is refused", () => {
    const pool = new SignerPool();
    const db = memoryStore();
    open(pool, db);
    expect(() => open(pool, db, 1)).toThrow(
      expect.objectContaining({ code: "CORE_GENESIS_MISMATCH", blame: "environment", exitCode: 2 }),
    );
  });

  test("setHead goes back; the same headers come again, or others", () => {
    const pool = new SignerPool();
    const { chain, events, genesis } = open(pool);
    const main = branch(pool, genesis, 10);
    chain.insert(main);
    chain.setHead(4);
    expect(chain.head.number).toBe(4);
    expect(events.at(-1)).toMatchObject({ added: [], removed: expect.objectContaining({ length: 6 }) });
    expectWhole(chain);
    const other = branch(pool, main[3] ?? genesis, 1, true, 9);
    expect(chain.insert(other).added).toHaveLength(1);
    const back = chain.insert(main.slice(4));
    expect(numbers(back.added)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(numbers(back.removed)).toEqual([5]);
    expect(() => chain.setHead(11)).toThrow(expect.objectContaining({ code: "CORE_UNKNOWN_BLOCK" }));
  });
});
