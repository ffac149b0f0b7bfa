import { emptyTxRoot } from "#core/types";
import type { AccountDiff } from "#core/vm";
import { trieDifference, Trie } from "#trie";
import { ByteMap, toHex } from "#util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DirtyTries, type StateReference } from "./dirty-tries.ts";
import { HashTable } from "./hash-table.ts";
import { applyDiff, stateReader } from "./state.ts";

const address = (n: number) => new Uint8Array(20).fill(n);
const slot = (n: number) => new Uint8Array(32).fill(n);
const emptyCode = applyDiff({ get: () => undefined }, emptyTxRoot, { accounts: [] });
const codeHash = new Uint8Array(32).fill(0xc5);

interface Step {
  readonly parent: number;
  readonly rows: readonly {
    readonly at: number;
    readonly balance: number | undefined;
    readonly slots: readonly (readonly [number, number])[];
  }[];
}

const steps = fc.array(
  fc.record({
    parent: fc.nat(5),
    rows: fc.array(
      fc.record({
        at: fc.integer({ min: 1, max: 12 }),
        balance: fc.option(fc.nat(3), { nil: undefined }),
        slots: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(2)), { maxLength: 4 }),
      }),
      { maxLength: 5 },
    ),
  }),
  { minLength: 1, maxLength: 30 },
);

/** Two stores: one with every node ever made, the other as a pruned chain keeps them. */
class World {
  readonly all = new ByteMap<Uint8Array>();
  readonly disk = new ByteMap<Uint8Array>();
  readonly dirty = new DirtyTries();
  readonly nodes = { get: (hash: Uint8Array) => this.dirty.get(hash) ?? this.disk.get(hash) };
  readonly held: { root: Uint8Array; reference: StateReference }[] = [];
  readonly sink = (hash: Uint8Array, node: Uint8Array) => void this.disk.set(hash, node);

  constructor() {
    this.held.push({ root: emptyCode.root, reference: this.dirty.hold(emptyCode.root) });
  }

  add({ parent, rows }: Step): void {
    const root = this.held[Math.max(0, this.held.length - 1 - parent)]?.root ?? emptyTxRoot;
    const reader = stateReader(this.nodes, { get: () => undefined }, root);
    const byAddress = new Map(rows.map((row) => [row.at, row]));
    const accounts = [...byAddress.values()].map(({ at, balance, slots }): AccountDiff => {
      const before = reader.account(address(at));
      if (before instanceof Promise) throw new TypeError("not sync");
      return {
        address: address(at),
        account: balance === undefined ? undefined : { nonce: 1n, balance: BigInt(balance), codeHash },
        storageRoot: before?.storageRoot,
        storageCleared: balance === undefined,
        storage: [...new Map(slots)].map(([key, value]) => [
          slot(key),
          value === 0 ? new Uint8Array(0) : Uint8Array.of(value),
        ]),
      };
    });
    const update = applyDiff(this.nodes, root, { accounts });
    for (const [hash, node] of update.nodes) this.all.set(hash, node);
    this.held.push({ root: update.root, reference: this.dirty.insert(update.root, update.nodes) });
  }

  release(index: number): void {
    const [gone] = this.held.splice(index, 1);
    if (gone !== undefined) this.dirty.release(gone.reference);
  }

  /** Every held state reads the same from both stores, storage included. */
  check(nodes: { get(hash: Uint8Array): Uint8Array | undefined } = this.nodes, roots = this.held): void {
    for (const { root } of roots) {
      const read = (store: typeof nodes) =>
        [...new Trie(store, root).leaves()].map(({ key, value }) => {
          const account = stateReader(store, { get: () => undefined }, root);
          void account;
          const storageRoot = value.slice(-65, -33);
          const slots = [...new Trie(store, storageRoot).leaves()];
          return [key, value, slots].map((part) =>
            part instanceof Uint8Array
              ? toHex(part)
              : part.map((leaf) => toHex(leaf.key) + toHex(leaf.value)),
          );
        });
      expect(read(nodes)).toEqual(read(this.all));
    }
  }
}

test("held states are whole whatever is released, and nothing is left when none is held", () => {
  fc.assert(
    fc.property(steps, fc.array(fc.nat(20), { maxLength: 40 }), (list, releases) => {
      const world = new World();
      list.forEach((step, i) => {
        world.add(step);
        const index = releases[i];
        if (index !== undefined && world.held.length > 1 && index < world.held.length - 1)
          world.release(index);
      });
      world.check();
      while (world.held.length > 0) world.release(0);
      expect([world.dirty.size, world.dirty.sizeBytes]).toEqual([0, 0]);
    }),
    { seed: 0xd117, numRuns: 200 },
  );
});

test("what is written is whole on disk, after commits and shrinking in between, in any prefix", () => {
  fc.assert(
    fc.property(steps, fc.array(fc.nat(2), { maxLength: 30 }), fc.nat(400), (list, acts, cut) => {
      const world = new World();
      let writes = 0;
      const cutDisk = new ByteMap<Uint8Array>();
      const sink = (hash: Uint8Array, node: Uint8Array) => {
        world.sink(hash, node);
        if (writes++ < cut) cutDisk.set(hash, node);
      };
      list.forEach((step, i) => {
        world.add(step);
        const root = world.held.at(-1)?.root ?? emptyTxRoot;
        if (acts[i] === 0) for (const _ of world.dirty.commit(root, sink));
        if (acts[i] === 0) world.check(world.disk, [{ root, reference: { node: undefined } }]);
        if (acts[i] === 1) for (const _ of world.dirty.shrink(world.dirty.sizeBytes / 2, sink));
        if (world.held.length > 4) world.release(0);
      });
      world.check();
      // a node on disk is there with all below it, wherever the writes were cut off
      for (const { root } of world.held)
        if (cutDisk.has(root)) world.check(cutDisk, [{ root, reference: { node: undefined } }]);
    }),
    { seed: 0xd118, numRuns: 200 },
  );
});

test("the difference of two states is what changed", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const world = new World();
      for (const step of list) world.add(step);
      const leaves = (root: Uint8Array) =>
        new Map([...new Trie(world.all, root).leaves()].map(({ key, value }) => [toHex(key), toHex(value)]));
      for (const { root: before } of world.held.slice(-4))
        for (const { root: after } of world.held.slice(-4)) {
          const [old, next] = [leaves(before), leaves(after)];
          const want = [...new Set([...old.keys(), ...next.keys()])]
            .filter((key) => old.get(key) !== next.get(key))
            .sort()
            .map((key) => [key, old.get(key), next.get(key)]);
          const have = [...trieDifference(world.all, before, after)].map((change) => [
            toHex(change.key),
            change.before && toHex(change.before),
            change.after && toHex(change.after),
          ]);
          expect(have).toEqual(want);
        }
    }),
    { seed: 0xd119, numRuns: 100 },
  );
});

test("a table of hashes finds what is in it, and only that, after any deletions", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(60), fc.boolean()), { maxLength: 300 }), (acts) => {
      const table = new HashTable<{ hash: Uint8Array }>();
      const model = new Map<number, { hash: Uint8Array }>();
      // few first bytes, all at the end of the table: they collide and wrap around
      const hashOf = (n: number) =>
        new Uint8Array(32).fill(n).map((byte, i) => (i === 0 ? 0xff - (n % 3) : i < 4 ? 0xff : byte));
      for (const [n, isAdded] of acts) {
        const known = model.get(n);
        if (isAdded && known === undefined) {
          const entry = { hash: hashOf(n) };
          model.set(n, entry);
          table.add(entry);
        } else if (!isAdded) {
          table.delete({ hash: hashOf(n) });
          model.delete(n);
        }
      }
      for (let n = 0; n <= 60; n++) expect(table.get(hashOf(n))).toBe(model.get(n));
      expect(table.size).toBe(model.size);
    }),
    { seed: 0xd11a },
  );
});
