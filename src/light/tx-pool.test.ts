import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Transaction } from "#core/types";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { findTransaction } from "./find-transaction.ts";
import { LightTxPool, txPoolLimits } from "./tx-pool.ts";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { type LightWorld, lightWorld } from "../../test/kit/light-world.ts";
import type { ScriptedServer } from "../../test/kit/scripted-server.ts";

let world: SealedWorld;
let light: LightWorld;
let pool: LightTxPool;
let store: KeyValueStore;
let servers: ScriptedServer[];

async function openPool(): Promise<LightTxPool> {
  const { headers, odr, client, clock } = light;
  const opened = new LightTxPool({ chain: headers, odr, source: client, store, clock });
  await opened.start();
  return opened;
}

async function begin(count: number): Promise<void> {
  light = await lightWorld(world);
  servers = Array.from({ length: count }, () => light.serve());
  await light.settle();
  pool = await openPool();
}

beforeEach(async () => {
  world = sealedWorld({ transactions: 0 });
  await world.next();
  store = memoryStore();
});
afterEach(async () => {
  const stopped = pool.stop();
  await light[Symbol.asyncDispose]();
  await stopped;
  expect(light.clock.activeTimers).toBe(0);
});

const transfer = (user = 0): Transaction =>
  world.maker.send(user, new Uint8Array(20).fill(1), 30_000n, 5n, new Uint8Array(0));
/** Everybody hears of the head. */
async function announceHead(): Promise<void> {
  for (const server of servers) server.announce(world.chain.head);
  await light.settle();
}
async function seal(txs: readonly Transaction[]): Promise<void> {
  await world.seal(world.chain.head, txs);
  await announceHead();
}
const sent = () => servers.map((server) => server.sentTxs.length);

describe("T21 own transactions", () => {
  test("go to three servers at once, to one more at each head, never twice to the same", async () => {
    await begin(5);
    await pool.add(transfer());
    await light.settle();
    expect(sent().reduce((a, b) => a + b)).toBe(3);
    await seal([]);
    expect(sent().reduce((a, b) => a + b)).toBe(4);
    await seal([]);
    await seal([]);
    expect(sent()).toEqual([1, 1, 1, 1, 1]);
  });

  test("are pending until they stand in the body of a canonical block", async () => {
    await begin(1);
    const tx = transfer();
    await pool.add(tx);
    expect(pool.pending()).toEqual([tx]);
    expect(pool.get(tx.hash)).toEqual({ tx });
    await seal([]);
    expect(pool.pending()).toEqual([tx]);
    await seal([tx]);
    expect(pool.pending()).toEqual([]);
    expect(pool.get(tx.hash)).toMatchObject({ index: 0, header: { number: 3 } });
  });

  test("a reorg takes one out of its block: pending again, sent to everybody anew", async () => {
    await begin(2);
    const tx = transfer();
    await pool.add(tx);
    const parent = world.chain.head;
    await seal([tx]);
    expect(pool.pending()).toEqual([]);
    const before = sent();
    let head = parent;
    for (let i = 0; i < 2; i++) head = (await world.seal(head, [], "other")).header;
    await announceHead();
    expect(light.headers.isCanonical(head)).toBe(true);
    expect(pool.pending()).toEqual([tx]);
    expect(sent().reduce((a, b) => a + b)).toBeGreaterThan(before.reduce((a, b) => a + b));
    await seal([tx]);
    expect(pool.pending()).toEqual([]);
  });

  test("500 blocks after it was mined one is forgotten", async () => {
    await begin(1);
    const tx = transfer();
    await pool.add(tx);
    await seal([tx]);
    const mined = world.chain.head.number;
    while (world.chain.head.number < mined + txPoolLimits.confirmations - 1)
      await world.seal(world.chain.head, []);
    await announceHead();
    expect(pool.size).toBe(1);
    await seal([]);
    await light.settle();
    expect(pool.size).toBe(0);
    expect(store.get(tx.hash)).toBeUndefined();
  });

  test("Trap 27: survive a restart, mined meanwhile or not", async () => {
    await begin(1);
    const [mined, waiting] = [transfer(0), transfer(1)];
    await pool.add(mined);
    await pool.add(waiting);
    await pool.stop();
    await world.seal(world.chain.head, [mined]);
    pool = await openPool();
    expect(pool.pending()).toHaveLength(2);
    await announceHead();
    await light.settle();
    expect(pool.pending()).toEqual([waiting]);
    expect(pool.get(mined.hash)).toMatchObject({ index: 0 });
    expect(servers[0]?.sentTxs.filter((tx) => tx.nonce === waiting.nonce).length).toBeGreaterThan(1);
  });

  test("a block whose body cannot be had is searched at the next head", async () => {
    await begin(1);
    const tx = transfer();
    await pool.add(tx);
    const [server] = servers;
    if (server === undefined) throw new Error("one server");
    server.scripts.getBlockBodies = () => [];
    await seal([tx]);
    expect(pool.pending()).toEqual([tx]);
    server.scripts = {};
    await seal([]);
    expect(pool.pending()).toEqual([]);
  });

  test("one whose nonce another has used is dropped", async () => {
    await begin(1);
    const tx = transfer();
    const other = sealedWorld({ transactions: 0 }).maker.send(
      0,
      new Uint8Array(20).fill(2),
      30_000n,
      9n,
      new Uint8Array(0),
    );
    await pool.add(tx);
    await seal([other]);
    while (world.chain.head.number % txPoolLimits.nonceCheckBlocks !== 0) await seal([]);
    await light.settle();
    expect(pool.size).toBe(0);
  });
});

describe("a refused transaction", () => {
  test("carries the server's own reason and is not kept", async () => {
    await begin(1);
    const [server] = servers;
    if (server === undefined) throw new Error("one server");
    server.scripts.sendTxV2 = () => [{ status: 0, error: "intrinsic gas too low" }];
    await expect(pool.add(transfer())).rejects.toMatchObject({
      code: "LIGHT_TX_REFUSED",
      message: "intrinsic gas too low",
      rpcCode: -32000,
    });
    expect(pool.size).toBe(0);
  });

  test("one server that takes it is enough", async () => {
    await begin(2);
    const [first] = servers;
    if (first === undefined) throw new Error("two servers");
    first.scripts.sendTxV2 = () => [{ status: 0, error: "txpool is full" }];
    await pool.add(transfer());
    expect(pool.size).toBe(1);
  });

  test("no server: says so; twice the same: already known; another chain's: invalid", async () => {
    await begin(0);
    const tx = transfer();
    await expect(pool.add(tx)).rejects.toMatchObject({ code: "LIGHT_NO_SERVER" });
    servers.push(light.serve());
    await light.settle();
    await pool.add(tx);
    await expect(pool.add(tx)).rejects.toMatchObject({ code: "LIGHT_TX_KNOWN" });
    await expect(pool.add({ ...transfer(1), chainId: 1n })).rejects.toThrow(/invalid chain id/);
  });
});

describe("finding a transaction", () => {
  const find = (hash: Uint8Array) => {
    const { headers, odr, client } = light;
    return findTransaction(hash, { chain: headers, odr, source: client });
  };
  const nowhere = new Uint8Array(32).fill(9);

  test("by a place that its block proves", async () => {
    await begin(1);
    const [a, b] = [transfer(0), transfer(1)];
    await seal([a, b]);
    expect(await find(b.hash)).toMatchObject({ index: 1, header: { number: 2 }, tx: { hash: b.hash } });
  });

  test("LE-08 a server that names a wrong place is dropped and the next one asked", async () => {
    await begin(2);
    const tx = transfer();
    await seal([tx, transfer(1)]);
    const { head } = world.chain;
    for (const lookup of [
      { blockHash: head.hash, blockNumber: head.number, index: 1 },
      { blockHash: head.hash, blockNumber: head.number, index: 7 },
    ]) {
      const liar = servers[0];
      if (liar === undefined) throw new Error("a server");
      liar.scripts.getTxStatus = () => [{ status: 3, lookup, error: "" }];
      servers.push(light.serve({ name: servers.length.toString(16) }));
      await light.settle();
      expect(await find(tx.hash)).toMatchObject({ index: 0 });
      if (liar.disconnected === undefined) continue; // the honest one was asked first
      servers.shift();
    }
  });

  test("absent when two servers do not know it, or the only one", async () => {
    await begin(1);
    expect(await find(nowhere)).toBeUndefined();
    servers.push(light.serve(), light.serve());
    await light.settle();
    expect(await find(nowhere)).toBeUndefined();
    expect(servers.map((server) => server.count("getTxStatus")).reduce((a, b) => a + b)).toBe(3);
  });

  test("not absent when a server limits its index, none answers, or none is there", async () => {
    await begin(0);
    await expect(find(nowhere)).rejects.toMatchObject({ code: "LIGHT_NO_SERVER" });
    servers.push(light.serve({ status: { recentTxLookup: 2 } }));
    await light.settle();
    await expect(find(nowhere)).rejects.toMatchObject({ code: "LIGHT_TX_UNCONFIRMED" });
  });

  test("a server that lies about every transaction: no answer, never null", async () => {
    await begin(1);
    await seal([transfer()]);
    const { head } = world.chain;
    const [server] = servers;
    if (server === undefined) throw new Error("one server");
    server.scripts.getTxStatus = () => [
      { status: 3, lookup: { blockHash: head.hash, blockNumber: head.number, index: 0 }, error: "" },
    ];
    await expect(find(nowhere)).rejects.toMatchObject({ code: "LIGHT_NO_VERIFIED_ANSWER" });
    expect(server.disconnected).toBe("subprotocol");
  });
});
