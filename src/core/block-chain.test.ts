// long: one chain, and all that may be inserted
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devEngine } from "#consensus";
import { Clique, extraSeal, sealHash } from "#consensus/clique";
import {
  type Block,
  type Header,
  type HeaderFields,
  makeHeader,
  senderOf,
  type Transaction,
} from "#core/types";
import { type Batch, type KeyValueStore, memoryStore, openLevelStore } from "#ethdb";
import { devForks, devGenesis } from "#params";
import { concatBytes, toHex } from "#util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventContract,
  fillCall,
  filledAccount,
  pingTopic,
  revertContract,
  type SealedWorld,
  sealedWorld,
  stateContract,
} from "../../test/kit/chains.ts";
import { BlockChain } from "./block-chain.ts";
import type { HeadEvent } from "./head-event.ts";
import { exportChain, importChain } from "./import.ts";

const london = { forks: "london" } as const;
const hashes = (headers: readonly Header[]) => headers.map((header) => toHex(header.hash));
const nothing = new Uint8Array(0);

async function grown(
  blocks: number,
  options: Parameters<typeof sealedWorld>[0] = london,
  db?: KeyValueStore,
) {
  const world = sealedWorld(options, db);
  const made: Block[] = [];
  while (made.length < blocks) made.push(await world.next());
  return { ...world, made };
}

/** Everything that must hold of a chain at rest, whatever happened before. */
function expectWhole(chain: BlockChain) {
  expect(chain.hasState(chain.head)).toBe(true);
  for (let number = 0; number <= chain.head.number; number++) {
    const header = chain.headerByNumber(number);
    const body = header === undefined ? undefined : chain.body(header);
    if (header === undefined || body === undefined) throw new Error(`no block #${number}`);
    expect(chain.hasState(header)).toBe(true);
    expect(chain.td(header.hash)).toBeGreaterThan(0n);
    expect(chain.receipts(header)).toHaveLength(body.transactions.length);
    body.transactions.forEach((tx, index) =>
      expect(chain.transaction(tx.hash)).toMatchObject({ header: { number }, index }),
    );
  }
  expect(chain.headerByNumber(chain.head.number + 1)).toBeUndefined();
}

describe("building and reading", () => {
  test("blocks with transfers, events, failures and a fill; every part is found again", async () => {
    const { chain, maker, seal, users } = sealedWorld(london);
    const txs = [
      maker.send(0, users[1]?.address, 21_000n, 5n, nothing),
      maker.send(
        1,
        eventContract,
        100_000n,
        0n,
        concatBytes(new Uint8Array(31), Uint8Array.of(7), new Uint8Array(32)),
      ),
      maker.send(2, revertContract, 60_000n, 0n, nothing),
      maker.send(3, stateContract, 700_000n, 0n, fillCall(0, 10)),
    ];
    const block = await seal(chain.head, txs);
    expect(chain.head.hash).toEqual(block.header.hash);
    const receipts = chain.receipts(block.header) ?? [];
    expect(receipts.map((receipt) => receipt.status)).toEqual([1, 1, 0, 1]);
    expect(receipts.map((receipt) => receipt.type)).toEqual([0, 1, 2, 0]);
    expect(receipts[1]?.logs[0]?.topics[0]).toEqual(pingTopic);
    expect(receipts[1]?.logs[0]?.topics[1]).toEqual(
      concatBytes(new Uint8Array(12), users[1]?.address ?? nothing),
    );
    const state = chain.state(chain.head);
    expect(await state.account(filledAccount(9))).toMatchObject({ balance: 1n });
    expect(await state.account(filledAccount(10))).toBeUndefined();
    expect(await state.storage(eventContract, new Uint8Array(32))).toEqual(Uint8Array.of(1));
    const found = chain.transaction(txs[2]?.hash ?? nothing);
    expect(found).toMatchObject({ index: 2, header: { number: 1 } });
    expect(found && senderOf(found.tx)).toEqual(users[2]?.address);
    expect(chain.transaction(new Uint8Array(32))).toBeUndefined();
    expectWhole(chain);
  });

  test("transactions that cannot be in the block are left out and named", async () => {
    const { chain, maker, signer, users } = sealedWorld(london);
    const good = maker.send(0, users[1]?.address, 21_000n, 5n, nothing);
    maker.send(2, users[1]?.address, 21_000n, 5n, nothing);
    const gap = maker.send(2, users[1]?.address, 21_000n, 5n, nothing);
    const poor = maker.send(3, users[1]?.address, 21_000n, 1n << 121n, nothing);
    const large = maker.send(4, users[1]?.address, 100_000_001n, 1n, nothing);
    const last = maker.send(5, users[1]?.address, 21_000n, 1n, nothing);
    const built = await chain.buildBlock(chain.head, [good, gap, poor, large, good, last], { signer });
    expect(built.block.transactions.map((tx) => toHex(tx.hash))).toEqual(
      [good, last].map((tx) => toHex(tx.hash)),
    );
    expect(built.skipped.map(({ tx }) => toHex(tx.hash))).toEqual(
      [gap, poor, large, good].map((tx) => toHex(tx.hash)),
    );
    for (const { error } of built.skipped) expect(error.code).toBe("VM_BAD_TRANSACTION");
    expect(chain.head.number).toBe(0);
    await chain.insertBlocks([built.block]);
    expectWhole(chain);
  });

  test("fees go to the sealer under clique", async () => {
    const { chain, signer } = await grown(1);
    const balance = async (header: Header) =>
      (await chain.state(header).account(signer.address))?.balance ?? 0n;
    expect(await balance(chain.head)).toBeGreaterThan(await balance(chain.genesis));
  });

  test("another chain executes the same blocks to the same head", async () => {
    const { chain } = await grown(12);
    const other = sealedWorld(london);
    const progress = await importChain(other.chain, exportChain(chain));
    expect(progress.imported).toBe(12);
    expect(other.chain.head).toEqual(chain.head);
    expectWhole(other.chain);
  });

  test("BLOCKHASH sees 256 blocks of the block's own chain", async () => {
    const { chain } = await grown(3);
    const { ancestorHashes } = await import("./process.ts");
    const look = ancestorHashes(chain.headers, chain.head);
    expect([0, 1, 2, 3].map(look)).toEqual([0, 1, 2, 3].map((number) => chain.headerByNumber(number)?.hash));
    expect(look(4)).toBeUndefined();
  });

  test("a chain of the dev engine, without seals", async () => {
    const db = memoryStore();
    const plain = devGenesis({}, { forks: devForks });
    const genesis = { ...plain, config: { ...plain.config, clique: undefined }, extraData: nothing };
    const clock = { unixSeconds: () => 50, now: () => 0, sleep: async () => {} };
    const chain = new BlockChain({ db, genesis, engine: devEngine, clock });
    for (let i = 0; i < 3; i++) await chain.produceBlock([], { coinbase: new Uint8Array(20).fill(3) });
    expect(chain.head).toMatchObject({ number: 3, time: 52, difficulty: 1n });
    expectWhole(chain);
  });
});

describe("ET-04 blocks that are wrong are refused and leave nothing", () => {
  let world: SealedWorld;
  let good: Block;
  beforeAll(async () => {
    world = sealedWorld(london);
    await world.next();
    const txs = world.maker.traffic(2, 5);
    good = (await world.chain.buildBlock(world.chain.head, txs, { signer: world.signer })).block;
  });

  /** The same block with another header, sealed again as its signer would. */
  const resealed = (fields: Partial<HeaderFields>): Block => {
    const changed = { ...good.header, ...fields };
    const bare = changed.extra.slice(0, -extraSeal);
    return {
      ...good,
      header: makeHeader({ ...changed, extra: concatBytes(bare, world.signer.sign(sealHash(changed))) }),
    };
  };
  const refused = async (block: Block, code: string, field?: string) => {
    const { chain } = world;
    const { head } = chain;
    await expect(chain.insertBlocks([block])).rejects.toMatchObject({
      code,
      blame: "peer",
      data: field === undefined ? { number: 2 } : { number: 2, field },
    });
    expect(chain.head).toBe(head);
    expect(chain.headerByHash(block.header.hash)).toBeUndefined();
    expect(chain.body(block.header)).toBeUndefined();
  };

  test.each([
    ["stateRoot", { stateRoot: new Uint8Array(32).fill(1) }],
    ["receiptRoot", { receiptRoot: new Uint8Array(32).fill(1) }],
    ["bloom", { bloom: new Uint8Array(256).fill(1) }],
    ["gasUsed", { gasUsed: 1n }],
  ])("ET-04 header with a wrong %s", async (field, fields) => {
    await refused(resealed(fields), "CORE_EXECUTION_MISMATCH", field);
  });

  test("ET-04 body of other transactions, with an uncle, with withdrawals", async () => {
    await refused({ ...good, transactions: good.transactions.slice(1) }, "CORE_BODY_MISMATCH", "txRoot");
    await refused(
      { ...good, transactions: [...good.transactions].reverse() },
      "CORE_BODY_MISMATCH",
      "txRoot",
    );
    await refused({ ...good, uncles: [world.chain.genesis] }, "CORE_BODY_MISMATCH", "unclesHash");
    await refused({ ...good, withdrawals: [] }, "CORE_BODY_MISMATCH", "withdrawalsRoot");
  });

  test("ET-04 a transaction that cannot be executed", async () => {
    const { chain, maker, seal } = sealedWorld(london);
    const block = await seal(chain.head, maker.traffic(1, 2));
    const other = sealedWorld({ ...london, seed: 1 });
    await other.seal(other.chain.head, other.maker.traffic(1, 1));
    // the same nonces once more, on top
    const { txRoot } = await import("#core/types");
    const draft = await other.chain.buildBlock(other.chain.head, [], { signer: other.signer });
    const changed = { ...draft.block.header, txRoot: txRoot(block.transactions) };
    const header = makeHeader({
      ...changed,
      extra: concatBytes(changed.extra.slice(0, -extraSeal), other.signer.sign(sealHash(changed))),
    });
    await expect(other.chain.insertBlocks([{ ...block, header }])).rejects.toMatchObject({
      code: "CORE_EXECUTION_FAILED",
      blame: "peer",
      data: { number: 2 },
    });
    expect(other.chain.head.number).toBe(1);
  });

  test("ET-04 a block whose parent is not known", async () => {
    const { made } = await grown(3, { ...london, seed: 2 });
    const fresh = sealedWorld({ ...london, seed: 2 });
    await expect(fresh.chain.insertBlocks(made.slice(1))).rejects.toMatchObject({
      code: "CONSENSUS_UNKNOWN_ANCESTOR",
      data: { number: 2 },
    });
    expect((await fresh.chain.insertBlocks(made)).imported).toBe(3);
  });

  test("blocks before the bad one stay", async () => {
    const { made } = await grown(4, { ...london, seed: 3 });
    const fresh = sealedWorld({ ...london, seed: 3 });
    const [, , third] = made;
    if (third === undefined) throw new Error("no block");
    const bad = made.map((block) => (block === third ? { ...block, transactions: [] } : block));
    await expect(fresh.chain.insertBlocks(bad)).rejects.toMatchObject({
      code: "CORE_BODY_MISMATCH",
      data: { number: 3 },
    });
    expect(fresh.chain.head.number).toBe(2);
    expectWhole(fresh.chain);
  });

  test("the good one is taken after all that", async () => {
    expect((await world.chain.insertBlocks([good])).added).toHaveLength(1);
    expectWhole(world.chain);
  });
});

describe("side chains", () => {
  test("a reorg moves lookups, events tell it, states of both chains stay", async () => {
    const world = sealedWorld(london);
    const { chain, maker, seal, users } = world;
    const base = await seal(chain.head, maker.traffic(1, 3));
    const side = maker.fork();
    const events: HeadEvent[] = [];
    chain.headEvents.subscribe((event) => void events.push(event));
    const shared = maker.send(0, users[2]?.address, 30_000n, 9n, nothing);
    const only = maker.send(1, users[2]?.address, 30_000n, 8n, nothing);
    const main = [await seal(base.header, [shared, only]), await seal(chain.head, [])];
    expect(chain.transaction(only.hash)).toMatchObject({ header: { number: 2 }, index: 1 });

    const other = side.send(3, users[2]?.address, 30_000n, 7n, nothing);
    const branch: Block[] = [];
    let parent = base.header;
    for (const txs of [[other], [shared], []] as const) {
      const block = await seal(parent, txs, "side");
      branch.push(block);
      parent = block.header;
    }
    expect(hashes([chain.head])).toEqual(hashes([parent]));
    expect(events.at(-1)).toMatchObject({ added: { length: 3 }, removed: { length: 2 } });
    expect(hashes(events.at(-1)?.added ?? [])).toEqual(hashes(branch.map((block) => block.header)));
    expect(hashes(events.at(-1)?.removed ?? [])).toEqual(hashes(main.map((block) => block.header)));
    expect(chain.transaction(shared.hash)).toMatchObject({ header: { number: 3 }, index: 0 });
    expect(chain.transaction(only.hash)).toBeUndefined();
    expect(chain.transaction(other.hash)).toMatchObject({ header: { number: 2 } });
    const [first] = main;
    if (first === undefined) throw new Error("no block");
    expect((await chain.state(first.header).account(users[2]?.address ?? nothing))?.balance).not.toBe(
      (await chain.state(chain.head).account(users[2]?.address ?? nothing))?.balance,
    );
    expectWhole(chain);
  });

  test("a segment with a detour inside reports its net effect", async () => {
    const world = sealedWorld(london);
    const { chain, maker, seal } = world;
    const one = await seal(chain.genesis, maker.traffic(1, 1));
    const fork = maker.fork();
    const two = await seal(one.header, maker.traffic(2, 1));
    const sideTwo = await seal(one.header, fork.traffic(7, 1), "side");
    const sideThree = await seal(sideTwo.header, fork.traffic(8, 1), "side");
    const fresh = sealedWorld(london);
    const result = await fresh.chain.insertBlocks([one, two, sideTwo, sideThree]);
    expect(hashes(result.added)).toEqual(hashes([one.header, sideTwo.header, sideThree.header]));
    expect(result).toMatchObject({ removed: [], imported: 4 });
    expectWhole(fresh.chain);
  });

  test("setHead goes back and the same blocks come again without being executed", async () => {
    const { chain, made } = await grown(6);
    await chain.setHead(2);
    expect(chain.head.number).toBe(2);
    expect(chain.transaction(made[4]?.transactions[0]?.hash ?? nothing)).toBeUndefined();
    expectWhole(chain);
    await chain.insertBlocks(made);
    expect(chain.head.number).toBe(6);
    expectWhole(chain);
    await expect(chain.setHead(7)).rejects.toMatchObject({ code: "CORE_UNKNOWN_BLOCK" });
  });

  test("inserts of two callers do not mix", async () => {
    const { made } = await grown(6);
    const fresh = sealedWorld(london);
    const results = await Promise.all([
      fresh.chain.insertBlocks(made.slice(0, 4)),
      fresh.chain.insertBlocks(made),
      fresh.chain.insertBlocks(made.slice(0, 1)),
    ]);
    expect(results.map((result) => result.imported)).toEqual([4, 2, 0]);
    const stop = new AbortController();
    stop.abort();
    await expect(fresh.chain.insertBlocks(made, { signal: stop.signal })).rejects.toThrow("abort");
    expect((await fresh.chain.insertBlocks(made)).imported).toBe(0);
  });
});

describe("opening", () => {
  test("another genesis is refused", () => {
    const db = memoryStore();
    sealedWorld(london, db);
    expect(() => sealedWorld({ ...london, genesisTime: 1 }, db)).toThrow(
      expect.objectContaining({ code: "CORE_GENESIS_MISMATCH", blame: "environment", exitCode: 2 }),
    );
  });

  test("forks may be set ahead of the head, not behind it", async () => {
    const db = memoryStore();
    const { spec } = await grown(5, {}, db);
    const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };
    const reopen = (berlinBlock: number) => {
      const config = { ...spec.config, istanbulBlock: 6, berlinBlock };
      const engine = new Clique({ period: 1, epoch: 30_000 }, db);
      return new BlockChain({ db, genesis: { ...spec, config }, engine, clock });
    };
    expect(reopen(10).head.number).toBe(5);
    const config = { ...spec.config, istanbulBlock: 5 };
    const engine = new Clique({ period: 1, epoch: 30_000 }, db);
    expect(() => new BlockChain({ db, genesis: { ...spec, config }, engine, clock })).toThrow(
      expect.objectContaining({
        code: "CORE_CONFIG_MISMATCH",
        data: { fork: "istanbulBlock", have: "6", want: "5", head: 5 },
      }),
    );
  });

  test("an unreached state is an error that says so", async () => {
    const { chain } = await grown(1);
    const lost = { ...chain.head, stateRoot: new Uint8Array(32).fill(9) };
    expect(() => chain.state(lost)).toThrow(
      expect.objectContaining({ code: "CORE_STATE_UNAVAILABLE", rpcCode: -32000 }),
    );
  });
});

/** A store that remembers every write in order, each batch as one. */
function recorded(): { store: KeyValueStore; log: ((target: KeyValueStore) => void)[] } {
  const inner = memoryStore();
  const log: ((target: KeyValueStore) => void)[] = [];
  const record = (write: (target: KeyValueStore) => void) => {
    log.push(write);
    write(inner);
  };
  const batch = (): Batch => {
    const writes: ((target: Batch) => void)[] = [];
    const own: Batch = {
      sizeBytes: 0,
      put: (key, value) => (writes.push((target) => target.put(key.slice(), value.slice())), own),
      delete: (key) => (writes.push((target) => target.delete(key.slice())), own),
      write: () =>
        record((target) => {
          const real = target.batch();
          for (const write of writes) write(real);
          real.write();
        }),
    };
    return own;
  };
  const store: KeyValueStore = {
    ...inner,
    get: (key) => inner.get(key),
    has: (key) => inner.has(key),
    put: (key, value) => record((target) => target.put(key, value)),
    delete: (key) => record((target) => target.delete(key)),
    batch,
    iterate: (range) => inner.iterate(range),
    [Symbol.asyncDispose]: () => inner.close(),
  };
  return { store, log };
}

describe("crashes", () => {
  test("ST-06 a chain cut off after any write opens at a whole block and goes on", async () => {
    const { store, log } = recorded();
    const world = sealedWorld(london, store);
    const { chain, seal } = world;
    const blocks: Block[] = [];
    for (let number = 1; number <= 4; number++) blocks.push(await world.next(2));
    // a reorg in the log too
    let parent = chain.headerByNumber(2) ?? chain.genesis;
    for (let i = 0; i < 3; i++) {
      const block = await seal(parent, [], `side ${i}`);
      blocks.push(block);
      parent = block.header;
    }
    await chain.setHead(3);
    const heads = new Set<number>();
    for (let cut = 0; cut <= log.length; cut++) {
      const db = memoryStore();
      for (const write of log.slice(0, cut)) write(db);
      const again = sealedWorld(london, db);
      expectWhole(again.chain);
      heads.add(again.chain.head.number);
      await again.chain.insertBlocks(blocks);
      expect(again.chain.head.hash).toEqual(parent.hash);
      expectWhole(again.chain);
    }
    expect([...heads].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  let folder = "";
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "glim-core-"))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a Level store that was closed has the same chain", async () => {
    const first = await openLevelStore(join(folder, "chain"));
    const { chain } = await grown(8, london, first);
    const { head } = chain;
    await chain.flush();
    await first.close();
    const second = await openLevelStore(join(folder, "chain"));
    const again = sealedWorld(london, second);
    expect(again.chain.head).toEqual(head);
    expectWhole(again.chain);
    await second.close();
  });

  test("ST-02 a head without its state: the chain goes back to one that has it", async () => {
    const db = memoryStore();
    const { chain, made } = await grown(5, london, db);
    for (const number of [4, 5]) db.delete(chain.headerByNumber(number)?.stateRoot ?? nothing);
    const again = sealedWorld(london, db);
    expect(again.chain.head.number).toBe(3);
    await again.chain.insertBlocks(made);
    expect(again.chain.head.number).toBe(5);
    expectWhole(again.chain);
  });
});

describe("chain files", () => {
  const clean = () => sealedWorld(london).chain;

  test("in chunks of any size", async () => {
    const { chain } = await grown(4);
    const bytes = concatBytes(...exportChain(chain));
    for (const size of [1, 7, 1000, bytes.length]) {
      const target = clean();
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await importChain(target, chunks)).toMatchObject({ read: 5, imported: 4, bytes: bytes.length });
    }
  });

  test("broken files name the byte", async () => {
    const { chain } = await grown(2);
    const [zero = nothing, one = nothing] = [...exportChain(chain)];
    const cut = [zero, one.subarray(0, one.length - 1)];
    await expect(importChain(clean(), cut)).rejects.toMatchObject({
      code: "CORE_IMPORT_TRUNCATED",
      data: { offset: zero.length },
    });
    await expect(importChain(clean(), [zero, Uint8Array.of(0x80)])).rejects.toMatchObject({
      code: "CORE_IMPORT_MALFORMED",
      data: { offset: zero.length },
    });
    const huge = Uint8Array.of(0xfb, 0x7f, 0xff, 0xff, 0xff);
    await expect(importChain(clean(), [huge])).rejects.toMatchObject({
      code: "CORE_IMPORT_TOO_LARGE",
      data: { offset: 0 },
    });
    await expect(importChain(clean(), [Uint8Array.of(0xc1, 0xc0)])).rejects.toMatchObject({ blame: "peer" });
  });

  test("a file of another chain", async () => {
    const { chain } = await grown(1, { ...london, genesisTime: 77 });
    await expect(importChain(clean(), exportChain(chain))).rejects.toMatchObject({
      code: "CORE_GENESIS_MISMATCH",
    });
    await expect(importChain(clean(), exportChain(chain, { from: 1 }))).rejects.toMatchObject({
      code: "CONSENSUS_UNKNOWN_ANCESTOR",
    });
    expect(() => [...exportChain(chain, { to: 5 })]).toThrow(
      expect.objectContaining({ code: "CORE_UNKNOWN_BLOCK" }),
    );
  });
});

test("balances add up: nothing is made or lost but what the base fee burns", async () => {
  const { chain, spec } = await grown(5, { forks: "petersburg" });
  const touched = new Map<string, Uint8Array>();
  const note = (address: Uint8Array | undefined) => void (address && touched.set(toHex(address), address));
  for (const { address } of spec.alloc) note(address);
  for (let number = 1; number <= 5; number++) {
    const header = chain.headerByNumber(number);
    for (const tx of (header && chain.body(header)?.transactions) ?? ([] as Transaction[])) note(tx.to);
  }
  const sum = async (header: Header) => {
    let total = 0n;
    for (const address of touched.values())
      total += (await chain.state(header).account(address))?.balance ?? 0n;
    return total;
  };
  expect(await sum(chain.head)).toBe(await sum(chain.genesis));
});
