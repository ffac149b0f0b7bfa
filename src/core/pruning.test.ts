// long: one chain of 300 blocks, which takes its time to make
import { type Block, type Header, makeHeader } from "#core/types";
import { Clique, extraSeal, sealHash } from "#consensus/clique";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { concatBytes, toHex } from "#util";
import { beforeAll, describe, expect, test } from "vitest";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { recordedStore } from "../../test/kit/recorded-store.ts";
import { stateEntries } from "../../test/kit/state-entries.ts";
import { BlockChain } from "./block-chain.ts";
import { verifyChain } from "./verify.ts";

const options = { forks: "london", transactions: 3 } as const;
const LENGTH = 300;
/** Begins 20 blocks after the genesis, and is longer. */
const BRANCH = { from: 20, length: 290 };
let source: SealedWorld;
const main: Block[] = [];
const branch: Block[] = [];

beforeAll(async () => {
  source = sealedWorld(options);
  for (let number = 1; number <= LENGTH; number++) main.push(await source.next());
  let parent = at(main, BRANCH.from).header;
  for (let i = 0; i < BRANCH.length; i++) {
    const block = await source.seal(parent, [], `branch ${i}`);
    branch.push(block);
    parent = block.header;
  }
});

function at(blocks: readonly Block[], number: number): Block {
  const block = blocks[number - 1];
  if (block === undefined) throw new RangeError(`no block ${number}`);
  return block;
}

const clock = {
  unixSeconds: () => source.spec.timestamp + 1_000_000_000,
  now: () => 0,
  sleep: async () => {},
};

function open(db: KeyValueStore, more: { cacheMb?: number; gcMode?: "full" | "archive" } = {}): BlockChain {
  const { clique } = source.spec.config;
  if (clique === undefined) throw new TypeError("no clique chain");
  return new BlockChain({
    db,
    genesis: source.spec,
    engine: new Clique(clique, db),
    clock,
    gcMode: "full",
    ...more,
  });
}

async function expectSound(db: KeyValueStore): Promise<void> {
  const { clique } = source.spec.config;
  if (clique === undefined) throw new TypeError("no clique chain");
  const engine = () => new Clique(clique, memoryStore());
  const report = await verifyChain({ db, engine, clock, statesEvery: 1 });
  expect(report.findings).toEqual([]);
}

const rows = async (db: KeyValueStore) => {
  let nodes = 0;
  for await (const [key] of db.iterate()) if (key.length === 32) nodes++;
  return nodes;
};

/** The empty block with other fields, sealed again. */
function forged({ header }: Block, changes: Partial<Header>): Block {
  const { hash: _, ...fields } = { ...header, ...changes };
  const draft = makeHeader(fields);
  const seal = source.signer.sign(sealHash(draft));
  return {
    header: makeHeader({ ...draft, extra: concatBytes(draft.extra.slice(0, -extraSeal), seal) }),
    transactions: [],
    uncles: [],
  };
}

/** The whole state is read, node by node. */
const expectState = (chain: BlockChain, header: Header) => void stateEntries(chain, header.stateRoot);

describe("a pruned chain", () => {
  test("has the states of 128 blocks; an older one is missing in geth's words; the disk has few nodes", async () => {
    const [db, archived] = [memoryStore(), memoryStore()];
    const chain = open(db);
    await chain.insertBlocks(main);
    expect(chain.head.hash).toEqual(at(main, LENGTH).header.hash);
    for (let number = LENGTH; number > LENGTH - 128; number--) expectState(chain, at(main, number).header);
    const old = at(main, LENGTH - 128).header;
    const root = toHex(old.stateRoot);
    expect(chain.hasState(old)).toBe(false);
    expect(() => chain.state(old)).toThrow(
      expect.objectContaining({
        code: "CORE_STATE_UNAVAILABLE",
        rpcCode: -32000,
        message: `missing trie node ${root.slice(2)} (path ) state ${root} is not available, not found`,
      }),
    );
    expectState(chain, chain.genesis);
    expect(chain.servedStates).toEqual({ since: 0, recent: 128 });
    await chain.persist({ isLast: true });
    const archive = open(archived, { gcMode: "archive" });
    await archive.insertBlocks(main);
    expect(archive.servedStates).toEqual({ since: 0, recent: 0 });
    expect(await rows(db)).toBeLessThan((await rows(archived)) / 4);
    const again = open(db);
    expect(again.head.number).toBe(LENGTH);
    expect(again.servedStates).toEqual({ since: 0, recent: 2 });
    const here = main.filter(({ header }) => again.hasState(header)).map(({ header }) => header.number);
    expect(here).toEqual([8, 24, 56, 120, LENGTH - 127, 248, LENGTH - 1, LENGTH]);
    for (const number of here) expectState(again, at(main, number).header);
    await expectSound(db);
  });

  test("memory that is short is made room in by writing; states stay whole", async () => {
    const db = memoryStore();
    const chain = open(db, { cacheMb: 0.5 });
    await chain.insertBlocks(main);
    expect(await rows(db)).toBeGreaterThan(1000);
    for (let number = LENGTH; number > LENGTH - 128; number--) expectState(chain, at(main, number).header);
    const again = open(db);
    expect(again.head.number).toBeGreaterThan(0);
    expectState(again, again.head);
    await expectSound(db);
  });

  test("ST-06 a head whose state was lost: back to one that has it, then forward again", async () => {
    const db = memoryStore();
    const chain = open(db);
    await chain.insertBlocks(main.slice(0, 150));
    await chain.persist();
    await chain.insertBlocks(main.slice(150));
    const again = open(db);
    // written every 128 blocks, more often at first
    expect(again.head.number).toBe(278);
    expect(again.headerByNumber(279)).toBeUndefined();
    expect(again.transaction(at(main, 280).transactions[0]?.hash ?? new Uint8Array(32))).toBeUndefined();
    await expectSound(db);
    // a second crash before anything came back
    const third = open(db);
    const heads: number[] = [];
    using _listening = third.headEvents.subscribe(({ header }) => heads.push(header.number));
    expect(await third.recover()).toBe(22);
    expect(heads).toEqual([LENGTH]);
    expect(third.head.hash).toEqual(at(main, LENGTH).header.hash);
    expectState(third, third.head);
    expect(await third.recover()).toBe(0);
    await third.persist();
    await expectSound(db);
  });

  test("ST-06 cut off after any write: whole, and recovered to the same head", {
    timeout: 120_000,
  }, async () => {
    const { store, log, cut } = recordedStore();
    const chain = open(store);
    for (let from = 0; from < 24; from += 8) {
      await chain.insertBlocks(main.slice(from, from + 8));
      await chain.persist();
    }
    await chain.insertBlocks(branch.slice(0, 8));
    for (let count = 0; count <= log.length; count++) {
      const db = cut(count);
      const again = open(db);
      expectState(again, again.head);
      await again.recover();
      expectState(again, again.head);
      await again.insertBlocks(main.slice(0, 24));
      await again.insertBlocks(branch.slice(0, 8));
      expect(toHex(again.head.hash)).toBe(toHex(chain.head.hash));
      await again.persist();
      await expectSound(db);
    }
  });
});

describe("a branch that begins below the recent states", () => {
  test("is put aside until it is better, then executed; the reorg is as an archive's", async () => {
    const db = memoryStore();
    const chain = open(db);
    await chain.insertBlocks(main);
    await chain.insertBlocks(branch.slice(0, LENGTH - BRANCH.from - 1));
    expect(chain.head.hash).toEqual(at(main, LENGTH).header.hash);
    const aside = at(branch, 5).header;
    expect(chain.bodyRlp(aside)).toBeDefined();
    expect(chain.receiptsRlp(aside)).toBeUndefined();
    await chain.insertBlocks(branch);
    expect(chain.head.hash).toEqual(at(branch, BRANCH.length).header.hash);
    expect(chain.receiptsRlp(aside)).toBeDefined();
    expectState(chain, chain.head);
    await chain.persist({ isLast: true });
    await expectSound(db);
    // and back, by blocks that were executed once and whose states are gone
    const more = sealedWorld(options);
    await more.chain.insertBlocks(main);
    const longer: Block[] = [];
    while (longer.length < 40) longer.push(await more.seal(more.chain.head, [], "longer"));
    await chain.insertBlocks(longer);
    expect(chain.head.hash).toEqual(at(longer, 40).header.hash);
    expectState(chain, chain.head);
    await chain.persist();
    await expectSound(db);
  });

  test("EX a block that names a state of another block is executed all the same", async () => {
    const chain = open(memoryStore());
    await chain.insertBlocks(main);
    // its state root is the head's: whoever looks for the state alone would believe it
    const parent = at(branch, 1).header;
    const ghost = forged(at(branch, 2), { parentHash: parent.hash, stateRoot: chain.head.stateRoot });
    const fakes: Block[] = [ghost];
    for (let i = 2; i < BRANCH.length; i++)
      fakes.push(forged(at(branch, i + 1), { parentHash: fakes.at(-1)?.header.hash ?? parent.hash }));
    await chain.insertBlocks([at(branch, 1)]);
    await expect(chain.insertBlocks(fakes)).rejects.toMatchObject({
      code: "CORE_EXECUTION_MISMATCH",
      data: { number: ghost.header.number, field: "stateRoot" },
    });
    expect(chain.head.hash).toEqual(at(main, LENGTH).header.hash);
    // the bad block is forgotten, with what was put aside on top of it
    expect(chain.headerByHash(ghost.header.hash)).toBeUndefined();
    expect(chain.bodyRlp(ghost.header)).toBeUndefined();
    await chain.insertBlocks(branch);
    expect(chain.head.hash).toEqual(at(branch, BRANCH.length).header.hash);
  });
});

test("set-head to a block whose state was pruned makes it again; so does building on it", async () => {
  const db = memoryStore();
  const chain = open(db);
  await chain.insertBlocks(main);
  const old = at(main, 60).header;
  expect(chain.hasState(old)).toBe(false);
  const built = await chain.buildBlock(old, [], { signer: source.signer, time: old.time + 1 });
  expect(built.block.header.number).toBe(61);
  await chain.regenerate(at(main, 61).header);
  expectState(chain, at(main, 61).header);
  await chain.setHead(40);
  expect(chain.head.hash).toEqual(at(main, 40).header.hash);
  expectState(chain, chain.head);
  await chain.persist();
  await expectSound(db);
  expect((await chain.insertBlocks(main)).head.number).toBe(LENGTH);
  expectState(chain, chain.head);
});
