import type { Block } from "#core/types";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { beforeAll, describe, expect, test } from "vitest";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { recordedStore } from "../../test/kit/recorded-store.ts";
import { stateEntries } from "../../test/kit/state-entries.ts";
import type { BlockChain } from "./block-chain.ts";
import type { BlockWithReceipts } from "./fast-chain.ts";

const options = { forks: "london" } as const;
let source: SealedWorld;
const main: BlockWithReceipts[] = [];
const side: BlockWithReceipts[] = [];

const withReceipts = (block: Block): BlockWithReceipts => ({
  block,
  receipts: source.chain.receipts(block.header) ?? [],
});

beforeAll(async () => {
  source = sealedWorld(options);
  for (let number = 1; number <= 12; number++) main.push(withReceipts(await source.next(4)));
  let parent = main[5]?.block.header ?? source.chain.genesis;
  for (let i = 0; i < 3; i++) {
    const block = await source.seal(parent, [], `side ${i}`);
    side.push(withReceipts(block));
    parent = block.header;
  }
});

const fresh = (db: KeyValueStore = memoryStore()): BlockChain => sealedWorld(options, db).chain;
const at = (list: readonly BlockWithReceipts[], index: number): BlockWithReceipts => {
  const found = list[index];
  if (found === undefined) throw new RangeError(`no block ${index}`);
  return found;
};
const pivotOf = (index: number) => at(main, index).block.header;

async function withPivot(db: KeyValueStore, pivot = 7): Promise<BlockChain> {
  const chain = fresh(db);
  await chain.fast.insert(main.slice(0, pivot + 1));
  await chain.fast.writeState(stateEntries(source.chain, pivotOf(pivot).stateRoot));
  await chain.fast.commitPivot(pivotOf(pivot));
  return chain;
}

describe("fast chain", () => {
  test("blocks with receipts are stored and not seen before the pivot is committed", async () => {
    const chain = fresh();
    await chain.fast.insert(main.slice(0, 8));
    expect(chain.head.number).toBe(0);
    expect(chain.headerByNumber(1)).toBeUndefined();
    expect(chain.isCanonical(pivotOf(3))).toBe(false);
    expect(chain.fast.head.number).toBe(8);
    expect(chain.fast.has(pivotOf(7))).toBe(true);
    const tx = at(main, 2).block.transactions[0];
    expect(tx && chain.transaction(tx.hash)).toBeUndefined();
  });

  test("a committed pivot is the head; the rest is executed; everything before is found", async () => {
    const chain = fresh();
    const events: number[] = [];
    using _listening = chain.headEvents.subscribe((event) => events.push(event.added.length));
    await chain.fast.insert(main.slice(0, 8));
    const pivot = pivotOf(7);
    await expect(chain.fast.commitPivot(pivot)).rejects.toMatchObject({ code: "CORE_STATE_UNAVAILABLE" });
    await chain.fast.writeState(stateEntries(source.chain, pivot.stateRoot));
    await chain.fast.commitPivot(pivot);
    expect(events).toEqual([1]);
    expect(chain.head).toEqual(pivot);
    await chain.insertBlocks(main.slice(8).map(({ block }) => block));
    expect(chain.head.hash).toEqual(source.chain.headerByNumber(12)?.hash);
    for (const { block, receipts } of main) {
      expect(chain.isCanonical(block.header)).toBe(true);
      expect(chain.receipts(block.header)).toEqual(receipts);
      block.transactions.forEach((tx, index) =>
        expect(chain.transaction(tx.hash)).toMatchObject({ header: { number: block.header.number }, index }),
      );
    }
    stateEntries(chain, chain.head.stateRoot);
    expect(chain.fast.pivot).toBe(8);
    expect(chain.fast.head).toEqual(chain.head);
    await expect(chain.fast.insert(main.slice(0, 1))).rejects.toMatchObject({ code: "CORE_PIVOT_PASSED" });
  });

  test("another branch: its rows replace those of the first", async () => {
    const chain = fresh();
    await chain.fast.insert(main);
    await chain.fast.insert(side);
    expect(chain.fast.head.number).toBe(9);
    const old = pivotOf(8);
    await chain.fast.writeState(stateEntries(source.chain, old.stateRoot));
    await expect(chain.fast.commitPivot(old)).rejects.toMatchObject({ code: "CORE_UNKNOWN_BLOCK" });
    const pivot = at(side, 1).block.header;
    await chain.fast.writeState(stateEntries(source.chain, pivot.stateRoot));
    await chain.fast.commitPivot(pivot);
    expect(chain.headerByNumber(7)?.hash).toEqual(at(side, 0).block.header.hash);
    expect(chain.headerByNumber(9)).toBeUndefined();
    const gone = at(main, 6).block.transactions[0];
    expect(gone && chain.transaction(gone.hash)).toBeUndefined();
    await chain.insertBlocks([at(side, 2).block]);
    expect(chain.head.number).toBe(9);
    // a state of before the pivot is not here
    const early = at(main, 1).block;
    await expect(chain.insertBlocks([early])).rejects.toMatchObject({ code: "CORE_STATE_UNAVAILABLE" });
  });

  test("F22 a body, receipts or bloom that are not the header's are refused, those before stay", async () => {
    const chain = fresh();
    const third = at(main, 2);
    const wrong: readonly [string, BlockWithReceipts][] = [
      ["txRoot", { ...third, block: { ...third.block, transactions: third.block.transactions.slice(1) } }],
      ["receiptRoot", { ...third, receipts: third.receipts.slice(1) }],
    ];
    await chain.fast.insert(main.slice(0, 2));
    for (const [field, block] of wrong)
      await expect(chain.fast.insert([block])).rejects.toMatchObject({
        code: "CORE_BODY_MISMATCH",
        data: { number: 3, field },
      });
    await expect(chain.fast.insert([at(main, 4)])).rejects.toMatchObject({
      code: "CONSENSUS_UNKNOWN_ANCESTOR",
    });
    expect(chain.fast.head.number).toBe(2);
  });

  test("F01 cut off after any write: opens at the genesis or the pivot, with a complete state, and ends the same", async () => {
    const { store, log, cut } = recordedStore();
    const chain = await withPivot(store);
    await chain.insertBlocks(main.slice(8).map(({ block }) => block));
    const heads = new Set<number>();
    for (let count = 0; count <= log.length; count++) {
      const again = fresh(cut(count));
      heads.add(again.head.number);
      if (again.head.number > 0) stateEntries(again, again.head.stateRoot);
      else {
        const { head } = again.fast;
        expect(head.number === 0 || again.fast.has(head)).toBe(true);
        await again.fast.insert(main.slice(head.number, 8));
        await again.fast.writeState(stateEntries(source.chain, pivotOf(7).stateRoot));
        await again.fast.commitPivot(pivotOf(7));
      }
      await again.insertBlocks(main.slice(8).map(({ block }) => block));
      expect(again.head.hash).toEqual(source.chain.headerByNumber(12)?.hash);
    }
    expect([...heads]).toEqual([0, 8, 9, 10, 11, 12]);
  });

  test("set-head before the pivot goes to the genesis, and a fast sync can begin again", async () => {
    const chain = await withPivot(memoryStore());
    await chain.setHead(5);
    expect(chain.head.number).toBe(0);
    await chain.fast.insert(main.slice(0, 10));
    await chain.fast.writeState(stateEntries(source.chain, pivotOf(9).stateRoot));
    await chain.fast.commitPivot(pivotOf(9));
    expect(chain.head.number).toBe(10);
  });
});
