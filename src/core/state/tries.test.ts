// The tries of large blocks beside the main loop: the same update as in place, whatever becomes of the thread.
import { emptyCodeHash, emptyTxRoot } from "#core/types";
import type { AccountDiff, StateDiff } from "#core/vm";
import type { Thread, ThreadOptions, Threads } from "#host";
import { SimulatedClock } from "#host/sim";
import { orderedRoot } from "#trie";
import { ByteMap } from "#util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { packList, PackedList } from "./packed-list.ts";
import { applyDiff, stateReader, type StateUpdate } from "./state.ts";
import { packUpdate, type TriesAnswer, type TriesQuestion, unpackDiff, unpackUpdate } from "./tries-job.ts";
import { TriesThread } from "./tries-pool.ts";
import { applyElsewhere } from "./tries-work.ts";

const pace = () => undefined;
const bytesOf = (n: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
};

type Rows = readonly {
  readonly at: number;
  readonly balance: number | undefined;
  readonly isCleared: boolean;
  readonly slots: readonly (readonly [number, number])[];
}[];
const blocks = fc.array(
  fc.array(
    fc.record({
      at: fc.nat(40),
      balance: fc.option(fc.nat(3), { nil: undefined }),
      isCleared: fc.boolean(),
      slots: fc.array(fc.tuple(fc.nat(30), fc.nat(2)), { maxLength: 30 }),
    }),
    { maxLength: 30 },
  ),
  { minLength: 1, maxLength: 8 },
);

class World {
  readonly nodes = new ByteMap<Uint8Array>();
  root: Uint8Array = emptyTxRoot;

  diff(rows: Rows): StateDiff {
    const reader = stateReader(this.nodes, { get: () => undefined }, this.root);
    const byAddress = new Map(rows.map((row) => [row.at, row]));
    const accounts = [...byAddress.values()].map(({ at, balance, isCleared, slots }): AccountDiff => {
      const before = reader.account(bytesOf(at, 20));
      if (before instanceof Promise) throw new TypeError("not sync");
      const isGone = balance === undefined;
      return {
        address: bytesOf(at, 20),
        account: isGone ? undefined : { nonce: 1n, balance: BigInt(balance) ** 70n, codeHash: emptyCodeHash },
        storageRoot: before?.storageRoot,
        storageCleared: isGone || isCleared,
        storage: [...new Map(slots)].map(([slot, value]) => [
          bytesOf(slot, 32),
          value === 0 ? new Uint8Array(0) : new Uint8Array(value * 16).fill(7),
        ]),
        code: at % 7 === 0 ? Uint8Array.of(at) : undefined,
      };
    });
    return { accounts };
  }

  take(update: StateUpdate): void {
    for (const [hash, node] of update.nodes) this.nodes.set(hash, node);
    this.root = update.root;
  }
}

/** Runs steps to their end. */
function all<T>(steps: Generator<void, T, undefined>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

test("puts, deletions and branches that collapse: what is asked for beforehand is all that is needed, the update is that of the present path", async () => {
  await fc.assert(
    fc.asyncProperty(blocks, async (list) => {
      const world = new World();
      for (const rows of list) {
        const diff = world.diff(rows);
        const expected = applyDiff(world.nodes, world.root, diff);
        const asked = new Set<string>();
        const made = await applyElsewhere(world.root, diff, async (hashes) => {
          for (const hash of hashes) asked.add(String(hash));
          return hashes.map((hash) => world.nodes.get(hash));
        });
        expect(made).toEqual(expected);
        for (const key of asked) expect(key).not.toBe(String(emptyTxRoot));
        world.take(expected);
      }
    }),
    { seed: 0x7a1e, numRuns: 150 },
  );
});

/** Threads that do their work in the same one, over what the real module calls; each message is copied as between threads. */
class Near implements Threads {
  started = 0;
  ended = 0;
  busy: boolean[] = [];
  readonly said: string[] = [];
  options: ThreadOptions | undefined;
  /** Answers; default: as the thread would. */
  answer: ((question: TriesQuestion) => TriesAnswer | undefined) | undefined;
  #nodes: ((nodes: Uint8Array) => void) | undefined;

  start(_module: URL, options: ThreadOptions): Thread {
    this.started++;
    this.options = options;
    return {
      post: (message) => void this.#take(structuredClone(message) as TriesQuestion),
      setBusy: (isBusy) => void this.busy.push(isBusy),
      end: async () => void this.ended++,
    };
  }

  #say(answer: TriesAnswer): void {
    this.options?.onMessage(structuredClone(answer));
  }

  async #take(question: TriesQuestion): Promise<void> {
    this.said.push(question.kind);
    if (this.answer !== undefined) {
      const answer = this.answer(question);
      if (answer !== undefined) this.#say(answer);
    } else if (question.kind === "nodes") this.#nodes?.(question.nodes);
    else if (question.kind === "list")
      this.#say({ kind: "root", root: orderedRoot(new PackedList(question.items).rest()) });
    else {
      const done = applyElsewhere(question.root, unpackDiff(question.rows), async (hashes) => {
        const nodes = await new Promise<Uint8Array>((resolve) => {
          this.#nodes = resolve;
          this.#say({ kind: "need", hashes: Uint8Array.from(hashes.flatMap((hash) => [...hash])) });
        });
        return new PackedList(nodes).rest().map((node) => (node.length === 0 ? undefined : node));
      });
      await done.then(
        (update) => this.#say({ kind: "updated", update: packUpdate(update) }),
        () => this.#say({ kind: "fault" }),
      );
    }
  }
}

/** A state of 400 accounts, and a diff of them all; every third goes. */
function large(): { world: World; diff: StateDiff } {
  const world = new World();
  const rows = Array.from({ length: 400 }, (_, at) => ({
    at,
    balance: 1,
    isCleared: false,
    slots: [[at, 1]] as const,
  }));
  world.take(applyDiff(world.nodes, world.root, world.diff(rows)));
  const diff = world.diff(
    rows.map((row) => ({
      ...row,
      balance: row.at % 3 === 0 ? undefined : 2,
      slots: [
        [row.at, 0],
        [1, 2],
      ] as const,
    })),
  );
  return { world, diff };
}

function pool(threads: Threads): { thread: TriesThread; clock: SimulatedClock } {
  const clock = new SimulatedClock();
  return { thread: new TriesThread({ threads, clock }), clock };
}

test("a large block goes through messages and comes back the same, codes too; a small one is left to the caller", async () => {
  const { world, diff } = large();
  const threads = new Near();
  const { thread } = pool(threads);
  const update = await thread.update(world.nodes, world.root, diff, { pace });
  expect(update).toEqual(applyDiff(world.nodes, world.root, diff));
  expect(threads.said[0]).toBe("update");
  const small = { accounts: diff.accounts.slice(0, 50) };
  expect(await thread.update(world.nodes, world.root, small, { pace })).toBeUndefined();
  expect(await thread.update(world.nodes, world.root, { accounts: [] }, { pace })).toBeUndefined();
  expect(threads.started).toBe(1);
  await thread[Symbol.asyncDispose]();
});

test("F11 where no thread can be made, and where a node is missing, the caller does it himself and is told by that", async () => {
  const { world, diff } = large();
  const none = pool({ start: () => undefined }).thread;
  expect(await none.update(world.nodes, world.root, diff, { pace })).toBeUndefined();
  expect(
    await none.listRoot(
      Array.from({ length: 600 }, () => Uint8Array.of(1, 2)),
      {},
    ),
  ).toBeUndefined();
  const { thread } = pool(new Near());
  const missing = { get: () => undefined };
  expect(await thread.update(missing, world.root, diff, { pace })).toBeUndefined();
  expect(await thread.update(world.nodes, world.root, diff, { pace })).toBeDefined();
  await thread[Symbol.asyncDispose]();
});

test("F33 a thread that falls leaves its block to the caller; after three in a row none is tried; a second caller does not wait", async () => {
  const { world, diff } = large();
  const threads = new Near();
  threads.answer = () => {
    threads.options?.onEnd(new Error("fell"));
    return undefined;
  };
  const { thread } = pool(threads);
  for (let i = 0; i < 5; i++)
    expect(await thread.update(world.nodes, world.root, diff, { pace })).toBeUndefined();
  expect(threads.started).toBe(3);
  const silent = new Near();
  silent.answer = () => undefined;
  const other = pool(silent).thread;
  const first = other.update(world.nodes, world.root, diff, { pace });
  expect(await other.update(world.nodes, world.root, diff, { pace })).toBeUndefined();
  await other[Symbol.asyncDispose]();
  expect(await first).toBeUndefined();
  expect([silent.started, silent.ended]).toEqual([1, 1]);
  expect(await other.update(world.nodes, world.root, diff, { pace })).toBeUndefined();
  expect(silent.started).toBe(1);
});

test("an abort ends the thread in the middle and its reason is thrown; an idle thread ends and the next block starts another", async () => {
  const { world, diff } = large();
  const threads = new Near();
  threads.answer = () => undefined;
  const { thread, clock } = pool(threads);
  const stopping = new AbortController();
  const waiting = thread.update(world.nodes, world.root, diff, { pace, signal: stopping.signal });
  await new Promise(setImmediate); // lets the question go out
  stopping.abort(new Error("the node stops"));
  await expect(waiting).rejects.toThrow("the node stops");
  expect(threads.ended).toBe(1);
  threads.answer = undefined;
  expect(await thread.update(world.nodes, world.root, diff, { pace })).toBeDefined();
  expect(threads.busy.at(-1)).toBe(false);
  await clock.advance(60_000);
  expect([threads.started, threads.ended, clock.activeTimers]).toEqual([2, 2, 0]);
});

test("a long list's root is that of the present path", async () => {
  const { thread } = pool(new Near());
  for (const length of [512, 700]) {
    const items = Array.from({ length }, (_, i) => bytesOf(i, 40 + (i % 90)));
    expect(await thread.listRoot(items, {})).toEqual(orderedRoot(items));
  }
  await thread[Symbol.asyncDispose]();
});

test("what is unpacked is a copy: nothing holds the message it came in", () => {
  const { world, diff } = large();
  const update = applyDiff(world.nodes, world.root, diff);
  const packed = packUpdate(update);
  const again = all(unpackUpdate(diff, packed));
  for (const [hash, node] of again.nodes)
    expect([hash.buffer, node.buffer].map((buffer) => buffer.byteLength)).toEqual([hash.length, node.length]);
  expect(new PackedList(packList([])).isOver).toBe(true);
});
