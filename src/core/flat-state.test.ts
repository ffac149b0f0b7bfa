import { trieNodeStore, writeTrieNode } from "#core/rawdb";
import { applyDiff, stateReader } from "#core/state";
import type { Account, AccountDiff, StateReader } from "#core/vm";
import { type Batch, memoryStore } from "#ethdb";
import { emptyRoot } from "#trie";
import { equalBytes, toHex } from "#util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FlatState } from "./flat-state.ts";

const ADDRESSES = 8;
const SLOTS = 6;
const address = (n: number) => new Uint8Array(20).fill(n + 1);
const slot = (n: number) => new Uint8Array(32).fill(n + 1);
const codeHash = new Uint8Array(32).fill(0xc5);
const crash = Symbol("crash");

interface Row {
  readonly at: number;
  readonly kind: number;
  readonly balance: number;
  readonly slots: readonly (readonly [number, number])[];
}
type Act =
  | { readonly kind: "child"; readonly rows: readonly Row[] }
  | { readonly kind: "move"; readonly back: number }
  | { readonly kind: "persist" | "build" | "reopen"; readonly cut: number };

const row = fc.record({
  at: fc.nat(ADDRESSES - 1),
  kind: fc.nat(5),
  balance: fc.nat(3),
  slots: fc.array(fc.tuple(fc.nat(SLOTS - 1), fc.nat(2)), { maxLength: 5 }),
});
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("child" as const), rows: fc.array(row, { maxLength: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), back: fc.nat(12) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("persist" as const, "build" as const, "reopen" as const),
        cut: fc.nat(10),
      }),
    },
  ),
  { minLength: 5, maxLength: 40 },
);

/** A view over tries that are all on disk, whose writes may be cut off. */
class World {
  readonly db = memoryStore();
  readonly nodes = trieNodeStore(this.db);
  readonly codes = { get: () => undefined };
  readonly roots: Uint8Array[] = [emptyRoot];
  writesLeft = Number.POSITIVE_INFINITY;
  flat = this.open();

  open(): FlatState {
    const write = async (make: () => Batch) => {
      const batch = make();
      if (this.writesLeft-- <= 0) throw crash;
      batch.write();
    };
    const flat = new FlatState({ db: this.db, nodes: this.nodes, cacheEntries: 10, write, batchBytes: 150 });
    flat.open(this.root);
    return flat;
  }

  get root(): Uint8Array {
    return this.roots.at(-1) ?? emptyRoot;
  }

  reader(): StateReader {
    return this.flat.reader(this.root, stateReader(this.nodes, this.codes, this.root));
  }

  child(rows: readonly Row[]): void {
    const reader = this.reader();
    const diffs = [...new Map(rows.map((one) => [one.at, one])).values()].map(
      ({ at, kind, balance, slots }) => {
        const before = reader.account(address(at)) as Account | undefined; // tries answer at once
        const isGone = kind === 0;
        const diff: AccountDiff = {
          address: address(at),
          account: isGone ? undefined : { nonce: 1n, balance: BigInt(balance), codeHash },
          storageRoot: before?.storageRoot,
          storageCleared: kind <= 1,
          storage: isGone
            ? []
            : [...new Map(slots)].map(([key, value]) => [
                slot(key),
                value === 0 ? new Uint8Array(0) : Uint8Array.of(value),
              ]),
        };
        return diff;
      },
    );
    const parent = this.root;
    const update = applyDiff(this.nodes, parent, { accounts: diffs });
    for (const [hash, node] of update.nodes) writeTrieNode(this.db, hash, node);
    this.roots.push(update.root);
    this.flat.advance(parent, update);
  }

  move(back: number): void {
    this.roots.push(this.roots[Math.max(0, this.roots.length - 1 - back)] ?? emptyRoot);
    this.flat.moveTo(this.root);
  }

  /** @returns false if it was cut off: then the process begins anew */
  async attempt(work: () => Promise<void>, cut: number): Promise<void> {
    this.writesLeft = cut;
    try {
      await work();
    } catch (error) {
      if (error !== crash) throw error;
    }
    const isCut = this.writesLeft < 0;
    this.writesLeft = Number.POSITIVE_INFINITY;
    if (isCut) this.flat = this.open();
  }

  check(): void {
    const want = stateReader(this.nodes, this.codes, this.root);
    const nowhere: StateReader = {
      account: () => expect.unreachable("a trie is read"),
      storage: () => expect.unreachable("a trie is read"),
      code: () => new Uint8Array(0),
    };
    const have = this.flat.reader(this.root, nowhere);
    for (let n = 0; n < ADDRESSES; n++) {
      const account = want.account(address(n)) as Account | undefined; // tries answer at once
      expect(have.account(address(n))).toEqual(account);
      if (account === undefined || equalBytes(account.storageRoot, emptyRoot)) continue;
      for (let at = 0; at < SLOTS; at++)
        expect(have.storage(address(n), slot(at))).toEqual(want.storage(address(n), slot(at)));
    }
  }
}

test("what is read flat is what the tries say: through blocks, reorgs, writes, starts and crashes", async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (list) => {
      const world = new World();
      for (const act of list) {
        if (act.kind === "child") world.child(act.rows);
        else if (act.kind === "move") world.move(act.back);
        else if (act.kind === "persist") await world.attempt(() => world.flat.persist(), act.cut);
        else if (act.kind === "build") {
          await world.attempt(() => world.flat.build(world.root, undefined), act.cut);
        } else world.flat = world.open();
        world.check();
      }
    }),
    { seed: 0xf1a7, numRuns: 200 },
  );
});

test("a reader of another state, and one whose head moves on, read the tries", () => {
  const world = new World();
  world.child([{ at: 0, kind: 5, balance: 1, slots: [] }]);
  const first = world.root;
  const reader = world.flat.reader(first, stateReader(world.nodes, world.codes, first));
  expect(reader.account(address(0))).toMatchObject({ balance: 1n });
  world.child([{ at: 0, kind: 5, balance: 2, slots: [] }]);
  expect(reader.account(address(0))).toMatchObject({ balance: 1n });
  expect(world.reader().account(address(0))).toMatchObject({ balance: 2n });
  expect(toHex(world.flat.root ?? emptyRoot)).toBe(toHex(world.root));
});

test("a view that is too far away is given up, built while blocks come, and goes on", async () => {
  const world = new World();
  world.child([{ at: 0, kind: 5, balance: 1, slots: [[0, 1]] }]);
  await world.flat.persist();
  const other = new World();
  other.child([{ at: 1, kind: 5, balance: 1, slots: [] }]);
  // its trie is not here
  world.flat.moveTo(other.root);
  expect(world.flat.isLost).toBe(true);
  world.child([{ at: 2, kind: 5, balance: 3, slots: [[1, 2]] }]);
  const building = world.flat.build(world.root, undefined);
  world.child([{ at: 3, kind: 5, balance: 3, slots: [[1, 2]] }]);
  await building;
  world.flat.moveTo(world.root);
  world.check();
});
