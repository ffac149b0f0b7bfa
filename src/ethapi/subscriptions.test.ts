import { afterEach, describe, expect, test } from "vitest";
import type { Log } from "#core/types";
import { simHost } from "#host/sim";
import { inProcess, type RpcClient, RpcServer } from "#rpc";
import { toHex } from "#util";
import { ScriptedChain, scriptedTransaction } from "../../test/kit/scripted-chain.ts";
import { createEthApi } from "./eth-api.ts";

const log = (n: number): Log => ({
  address: new Uint8Array(20).fill(n),
  topics: [],
  data: new Uint8Array(0),
});
const blockWith = (...logs: Log[]) => ({ transactions: [{ logs }] });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function setUp() {
  const chain = new ScriptedChain();
  const host = simHost(1);
  const eth = createEthApi(chain, { host });
  const server = new RpcServer({ apis: eth.apis, host });
  const client = inProcess(server);
  cleanups.push(
    () => eth.close(),
    () => client.close(),
    () => server.close(),
  );
  return { chain, host, client };
}

/** The next items of a subscription. */
async function reader(client: RpcClient, ...params: unknown[]) {
  const subscription = await client.subscribe("eth", params);
  const iterator = subscription[Symbol.asyncIterator]();
  return {
    next: async () => (await iterator.next()).value,
    take: async (count: number) => {
      const items: unknown[] = [];
      while (items.length < count) items.push((await iterator.next()).value);
      return items;
    },
    close: async () => void (await iterator.return?.()),
  };
}

describe("newHeads", () => {
  test("each header once, after a reorg the whole new branch; absent fork members are null as geth's", async () => {
    const { chain, client } = setUp();
    const heads = await reader(client, "newHeads");
    const [one, two] = chain.grow([{}, {}]);
    const branch = chain.grow([{}, {}, {}], 0);
    const seen = (await heads.take(5)) as {
      hash: string;
      withdrawalsRoot: unknown;
      baseFeePerGas: unknown;
      size?: unknown;
    }[];
    expect(seen.map((head) => head.hash)).toEqual(
      [one, two, ...branch].map((header) => header && toHex(header.hash)),
    );
    expect(seen[0]).toMatchObject({ withdrawalsRoot: null, baseFeePerGas: "0x3b9aca00", number: "0x1" });
    expect(seen[0]).not.toHaveProperty("transactions");
    await heads.close();
    await heads.close();
    expect(chain.headEvents.listenerCount).toBe(0);
  });
});

describe("logs", () => {
  test("Trap 24: the argument may be left out; with it only matching logs come", async () => {
    const { chain, client } = setUp();
    const all = await reader(client, "logs");
    const some = await reader(client, "logs", { address: `0x${"02".repeat(20)}` });
    chain.grow([blockWith(log(1), log(2))]);
    expect(await all.take(2)).toMatchObject([{ logIndex: "0x0" }, { logIndex: "0x1" }]);
    expect(await some.take(1)).toMatchObject([{ logIndex: "0x1", address: `0x${"02".repeat(20)}` }]);
  });

  test("a reorg takes logs back with removed: true, in the order of the chain as geth does, before the new ones", async () => {
    const { chain, client } = setUp();
    const logs = await reader(client, "logs");
    chain.grow([blockWith(log(1)), blockWith(log(2))]);
    expect(await logs.take(2)).toMatchObject([{ removed: false }, { removed: false }]);
    chain.grow([blockWith(log(3)), {}, {}], 0);
    expect(await logs.take(3)).toMatchObject([
      { address: `0x${"01".repeat(20)}`, blockNumber: "0x1", removed: true },
      { address: `0x${"02".repeat(20)}`, blockNumber: "0x2", removed: true },
      { address: `0x${"03".repeat(20)}`, blockNumber: "0x1", removed: false },
    ]);
  });

  test("logs that cannot be read just now come late, in order, never not at all", async () => {
    const { chain, host, client } = setUp();
    const logs = await reader(client, "logs");
    chain.failure = new Error("no server answers");
    chain.grow([blockWith(log(1))]);
    chain.grow([blockWith(log(2))]);
    const two = logs.take(2);
    await host.clock.advance(600);
    chain.failure = undefined;
    await host.clock.advance(10_000);
    expect(await two).toMatchObject([{ blockNumber: "0x1" }, { blockNumber: "0x2" }]);
    await logs.close();
    expect(host.clock.activeTimers).toBe(0);
  });

  test("a block that left the chain before its logs could be read is never told", async () => {
    const { chain, host, client } = setUp();
    const logs = await reader(client, "logs");
    chain.failure = new Error("no server answers");
    chain.grow([blockWith(log(1))]);
    const next = logs.next();
    await host.clock.advance(100);
    chain.grow([blockWith(log(2)), {}], 0);
    await host.clock.advance(60_000);
    chain.failure = undefined;
    await host.clock.advance(60_000);
    expect(await next).toMatchObject({ address: `0x${"02".repeat(20)}`, removed: false });
  });

  test("a bad range is refused when subscribing", async () => {
    const { client } = setUp();
    await expect(
      client.subscribe("eth", ["logs", { fromBlock: "0x2", toBlock: "0x1" }]),
    ).rejects.toMatchObject({ code: -32602 });
    await expect(client.subscribe("eth", ["logs", { fromBlock: "safe" }])).rejects.toMatchObject({
      code: -32602,
    });
  });
});

test("newPendingTransactions: hashes, or whole transactions (Trap 23: without a place)", async () => {
  const { chain, client } = setUp();
  const hashes = await reader(client, "newPendingTransactions");
  const whole = await reader(client, "newPendingTransactions", true);
  const tx = scriptedTransaction();
  chain.wait(tx);
  expect(await hashes.next()).toBe(toHex(tx.hash));
  expect(await whole.next()).toMatchObject({
    hash: toHex(tx.hash),
    blockHash: null,
    blockNumber: null,
    transactionIndex: null,
  });
});

test("Trap 22: syncing, an object in geth's capitals while the first sync runs, false once when it has ended", async () => {
  const { chain, host, client } = setUp();
  chain.progress = { startingBlock: 0, currentBlock: 5, highestBlock: 100 };
  const states = await reader(client, "syncing");
  expect(await states.next()).toEqual({
    syncing: true,
    status: { StartingBlock: 0, CurrentBlock: 5, HighestBlock: 100 },
  });
  const next = states.next();
  chain.progress = undefined;
  await host.clock.advance(2_000);
  expect(await next).toBe(false);
  await states.close();
});
