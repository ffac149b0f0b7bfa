// long: one chain, and what a crash or a stranger makes of it
import type { Block } from "#core/types";
import { Clique } from "#consensus/clique";
import { DbError, type KeyValueStore, memoryStore } from "#ethdb";
import type { Logger } from "#log";
import { concatBytes, numberToBytes, utf8Encode } from "#util";
import { beforeAll, describe, expect, test } from "vitest";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { BlockChain, type BlockChainOptions } from "./block-chain.ts";

/** States of a pruned chain are written with blocks 8 and 24. */
const LENGTH = 40;
/** The last one whose state is there after a crash. */
const WRITTEN = 24;
let source: SealedWorld;
const main: Block[] = [];

beforeAll(async () => {
  source = sealedWorld({ forks: "london", transactions: 3 });
  for (let number = 1; number <= LENGTH; number++) main.push(await source.next());
});

function block(number: number): Block {
  const found = main[number - 1];
  if (found === undefined) throw new RangeError(`no block ${number}`);
  return found;
}

const clock = {
  unixSeconds: () => source.spec.timestamp + 1_000_000_000,
  now: () => (time += 5),
  sleep: async () => {},
};
let time = 0;

function open(db: KeyValueStore, more: Partial<BlockChainOptions> = {}): BlockChain {
  const { clique } = source.spec.config;
  if (clique === undefined) throw new TypeError("no clique chain");
  const engine = new Clique(clique, db);
  return new BlockChain({ db, genesis: source.spec, engine, clock, gcMode: "full", ...more });
}

/** What a crash leaves after `LENGTH` blocks. */
async function crashed(): Promise<KeyValueStore> {
  const db = memoryStore();
  await open(db).insertBlocks(main);
  return db;
}

describe("ST-06 recovery", () => {
  test("is stopped between two blocks; the next one goes on", async () => {
    const db = await crashed();
    const chain = open(db);
    expect(chain.head.number).toBe(WRITTEN);
    const stop = new AbortController();
    const recovered = chain.recover({ signal: stop.signal });
    // by this clock every block takes a turn of the event loop at least
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await expect(recovered).rejects.toMatchObject({ name: "AbortError" });
    expect(chain.head.number).toBe(WRITTEN);
    const again = open(db);
    expect(await again.recover()).toBe(LENGTH - WRITTEN);
    expect(again.head.hash).toEqual(block(LENGTH).header.hash);
  });

  test.each([
    ["body", "b"],
    ["header", "h"],
  ])(
    "a damaged %s on the way: back to the last good block, said as an error, and a peer's copy heals it",
    async (_, prefix) => {
      const db = await crashed();
      open(db); // goes back; what comes after is found by the recovery alone
      const { header } = block(30);
      // as in core/rawdb/keys.ts
      const key = concatBytes(utf8Encode(prefix), numberToBytes(30, 8), header.hash);
      db.put(key, utf8Encode("not RLP"));
      const said: unknown[] = [];
      const log = { info() {}, warn() {}, debug() {}, error: (...line: unknown[]) => said.push(line) };
      const chain = open(db, { log: log as unknown as Logger }); // as: only these are called
      const before = prefix === "b" ? 29 : WRITTEN;
      expect(await chain.recover()).toBe(before - WRITTEN);
      expect(chain.head.number).toBe(before);
      expect(said).toEqual([
        [
          expect.stringContaining("peers or an import bring them back"),
          expect.objectContaining({
            from: WRITTEN,
            to: before,
            error: expect.objectContaining({ code: "RAWDB_CORRUPT" }),
          }),
        ],
      ]);
      // the next start does not fail: what came back is executed as far as it went
      expect(await open(db).recover()).toBe(before - WRITTEN);
      await chain.insertBlocks(main);
      expect(chain.head.hash).toEqual(block(LENGTH).header.hash);
      expect(db.get(key)?.length).toBeGreaterThan(20);
    },
  );

  test("a disk that cannot be read is an error of the start; nothing is forgotten", async () => {
    const db = await crashed();
    let fails = false;
    const failing: KeyValueStore = {
      ...bound(db),
      get: (key) => {
        if (fails) throw DbError("READ_FAILED", { why: "EIO" });
        return db.get(key);
      },
    };
    const chain = open(failing);
    fails = true;
    await expect(chain.recover()).rejects.toMatchObject({ code: "DB_READ_FAILED", exitCode: 4 });
    fails = false;
    expect(await open(db).recover()).toBe(LENGTH - WRITTEN);
  });
});

describe("EX blocks of side branches that nobody executed", () => {
  const aside = { blocks: 12, bytes: 100_000 };

  /** A pruned chain whose head is far, so that the genesis' children are kept and not executed. */
  async function far(): Promise<{ db: KeyValueStore; chain: BlockChain }> {
    const db = memoryStore();
    const chain = open(db, { aside });
    await chain.insertBlocks(long);
    expect(chain.hasState(block(2).header)).toBe(false);
    return { db, chain };
  }

  async function branch(name: string, length: number): Promise<Block[]> {
    const blocks: Block[] = [];
    let parent = block(2).header;
    while (blocks.length < length) {
      const next = await source.seal(parent, [], `${name} ${blocks.length}`);
      blocks.push(next);
      parent = next.header;
    }
    return blocks;
  }

  const kept = (chain: BlockChain, blocks: readonly Block[]) =>
    blocks.filter(({ header }) => chain.headerByHash(header.hash) !== undefined && chain.bodyRlp(header))
      .length;

  const long: Block[] = [];
  beforeAll(async () => {
    long.push(...main);
    while (long.length < 180) {
      long.push(await source.seal(at(long).header, [], `long ${long.length}`));
    }
  });

  test("are bounded: the branch that was added to longest ago goes, whole; others and the chain stay", async () => {
    const { db, chain } = await far();
    const [a, b, c] = [await branch("a", 5), await branch("b", 5), await branch("c", 5)];
    await chain.insertBlocks(a.slice(0, 4));
    await chain.insertBlocks(b);
    await chain.insertBlocks(a.slice(4)); // newer than b now
    await chain.insertBlocks(c.slice(0, 2));
    expect([a, b, c].map((blocks) => kept(chain, blocks))).toEqual([5, 5, 2]);
    await chain.insertBlocks(c.slice(2, 3)); // the thirteenth
    expect([a, b, c].map((blocks) => kept(chain, blocks))).toEqual([5, 0, 3]);
    // a new run knows what the last one kept: of equal age, the lower goes first
    const again = open(db, { aside });
    await again.insertBlocks(b);
    expect([a, b, c].map((blocks) => kept(again, blocks))).toEqual([5, 5, 0]);
    expect(again.head.hash).toEqual(at(long).header.hash);
  });

  test("one branch that fills all takes no more: CORE_ASIDE_FULL blames the peer, what was kept stays", async () => {
    const { chain } = await far();
    const blocks = await branch("only", 13);
    await expect(chain.insertBlocks(blocks)).rejects.toMatchObject({
      code: "CORE_ASIDE_FULL",
      blame: "peer",
      data: { number: 15, ...aside },
    });
    expect(kept(chain, blocks)).toBe(12);
    expect(chain.badBlocks).toEqual([]);
  });

  test("bytes count too", async () => {
    const chain = open(memoryStore(), { aside: { blocks: 100, bytes: 2000 } });
    await chain.insertBlocks(long);
    const [a, b] = [await branch("a", 2), await branch("b", 2)];
    await chain.insertBlocks(a);
    await chain.insertBlocks(b);
    expect([a, b].map((some) => kept(chain, some))).toEqual([0, 2]);
  });

  test("a branch that is executed after all counts no longer", async () => {
    const { chain } = await far();
    const [a, b, c] = [await branch("a", 6), await branch("b", 6), await branch("c", 6)];
    await chain.insertBlocks([...a]);
    await chain.insertBlocks([...b]);
    await chain.regenerate(at(a).header);
    await chain.insertBlocks([...c]);
    expect([a, b, c].map((blocks) => kept(chain, blocks))).toEqual([6, 6, 6]);
  });
});

function at(blocks: readonly Block[]): Block {
  const last = blocks.at(-1);
  if (last === undefined) throw new RangeError("no blocks");
  return last;
}

/** A store's methods, so that some can be put over. */
function bound(db: KeyValueStore): KeyValueStore {
  return {
    get: (key) => db.get(key),
    has: (key) => db.has(key),
    put: (key, value) => db.put(key, value),
    delete: (key) => db.delete(key),
    batch: () => db.batch(),
    iterate: (range) => db.iterate(range),
    flush: () => db.flush(),
    close: () => db.close(),
    [Symbol.asyncDispose]: () => db.close(),
  };
}
