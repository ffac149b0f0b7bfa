import { devEngine, nextBaseFee } from "#consensus";
import { bloomContains, bloomOf, type Header, makeHeader } from "#core/types";
import { genesisBlock } from "#core/state";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { devGenesis } from "#params";
import { seededRand } from "#host/sim";
import { toHex } from "#util";
import { expect, test } from "vitest";
import { BloomIndex } from "./bloom-index.ts";
import { HeaderChain } from "./header-chain.ts";

const spec = devGenesis({});
const { clique: _, ...config } = spec.config;
const { header: genesis } = genesisBlock({ ...spec, config });
const clock = { unixSeconds: () => 2_000_000_000 };
const address = (n: number) => new Uint8Array(20).fill(n);

function open(db: KeyValueStore = memoryStore()) {
  const headers = new HeaderChain({ db, config, engine: devEngine, genesis, clock });
  const index = new BloomIndex({ db, headers, write: (make) => Promise.resolve(make().write()) });
  return { db, headers, index };
}

/** Headers whose blooms have logs of up to 2 of 50 addresses. */
function branch(parent: Header, count: number, seed: number): Header[] {
  const rand = seededRand(seed);
  const made: Header[] = [];
  for (let at = parent; made.length < count; made.push(at)) {
    const logs = Array.from({ length: rand.int(3) }, () => ({
      address: address(1 + rand.int(50)),
      topics: [],
      data: new Uint8Array(0),
    }));
    const { hash: _hash, ...fields } = at;
    at = makeHeader({
      ...fields,
      parentHash: at.hash,
      number: at.number + 1,
      time: at.time + 1,
      extra: new Uint8Array(0),
      bloom: bloomOf(logs),
      baseFee: nextBaseFee(config, at),
    });
  }
  return made;
}

function insert(headers: HeaderChain, list: readonly Header[]): void {
  for (let i = 0; i < list.length; i += 1024) headers.insert(list.slice(i, i + 1024));
}

/** The index and a look at every header agree over every range that is tried. @returns how many were found */
function expectEqual({ headers, index }: ReturnType<typeof open>, seed: number): number {
  const rand = seededRand(seed);
  let total = 0;
  for (let round = 0; round < 40; round++) {
    const first = rand.int(headers.head.number + 1);
    const last = first + rand.int(headers.head.number + 1 - first);
    const clauses = [[address(1 + rand.int(50)), address(1 + rand.int(50))]];
    const found: number[] = [];
    let next = first;
    for (let before = -1; next !== before && next <= last; ) {
      before = next;
      const part = index.match(clauses, next, last);
      found.push(...part.numbers);
      next = part.next;
    }
    expect(next).toBe(first >= index.blocks ? first : Math.min(last + 1, index.blocks));
    const want: number[] = [];
    for (let number = first; number < next; number++) {
      const bloom = headers.headerByNumber(number)?.bloom;
      if (bloom !== undefined && clauses[0]?.some((one) => bloomContains(bloom, one))) want.push(number);
    }
    expect(found).toEqual(want);
    total += found.length;
  }
  return total;
}

test("sections are made when 256 blocks stand on them, stay after a restart, and follow reorgs", async () => {
  const world = open();
  const main = branch(genesis, 4096 * 2 + 255, 1);
  insert(world.headers, main.slice(0, 4095 + 255));
  expect([world.index.isDue, await world.index.makeNext(), world.index.blocks]).toEqual([false, false, 0]);
  insert(world.headers, main.slice(4095 + 255, 4095 + 256));
  expect([world.index.isDue, await world.index.makeNext(), world.index.blocks]).toEqual([true, true, 4096]);
  insert(world.headers, main);
  expect(await world.index.makeNext()).toBe(true);
  expect(await world.index.makeNext()).toBe(false);
  expect(world.index.blocks).toBe(8192);
  expect(expectEqual(world, 2)).toBeGreaterThan(1000);

  const again = open(world.db);
  expect(again.index.blocks).toBe(8192);
  expect(expectEqual(again, 3)).toBeGreaterThan(1000);

  // a reorg within the second section: it counts as not made, the first stays
  const side = branch(main[4999] ?? genesis, 4096 * 2 + 300 - 5000, 9);
  insert(again.headers, side);
  expect(toHex(again.headers.head.hash)).toBe(toHex(side.at(-1)?.hash ?? genesis.hash));
  expect([again.index.isDue, again.index.blocks]).toEqual([true, 4096]);
  expectEqual(again, 4);
  expect(await again.index.makeNext()).toBe(true);
  expect(again.index.blocks).toBe(8192);
  expect(expectEqual(again, 5)).toBeGreaterThan(1000);

  // back to the first section's middle: nothing is indexed
  again.headers.setHead(3000);
  expect(again.index.blocks).toBe(0);
  expectEqual(again, 6);
  // vectors of the branch that was replaced are gone: one set a section
  let vectors = 0;
  for await (const [key] of world.db.iterate()) if (key.length === 43 && key[0] === 0x42) vectors++;
  expect(vectors).toBeLessThanOrEqual(2 * 2048);
});
