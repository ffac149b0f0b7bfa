// long: one setting, and filters of every kind
import { afterEach, describe, expect, test } from "vitest";
import { simHost } from "#host/sim";
import type { Log } from "#core/types";
import { toHex } from "#util";
import { asker } from "../../test/kit/ask.ts";
import { ScriptedChain, scriptedTransaction } from "../../test/kit/scripted-chain.ts";
import { createEthApi, type EthApi } from "./eth-api.ts";
import type { EthApiLimits } from "./limits.ts";

const contract = new Uint8Array(20).fill(0xaa);
const other = new Uint8Array(20).fill(0xbb);
const topic = (n: number) => new Uint8Array(32).fill(n);
const log = (address = contract, ...topics: number[]): Log => ({
  address,
  topics: topics.map(topic),
  data: new Uint8Array([1]),
});
const blockWith = (...logs: Log[]) => ({ transactions: [{ logs }] });

let open: EthApi | undefined;
afterEach(() => open?.close());

function setUp(limits: Partial<EthApiLimits> = {}) {
  const chain = new ScriptedChain();
  const host = simHost(1);
  const eth = createEthApi(chain, { host, limits });
  open = eth;
  return { chain, host, eth, ask: asker(eth.apis, host) };
}
type Logs = { blockHash: string; logIndex: string; removed: boolean; address: string }[];

describe("getLogs", () => {
  test("finds by range, hash, address and topics, with places as geth counts them", async () => {
    const { chain, ask } = setUp();
    const [, , third] = chain.grow([
      blockWith(log()),
      {},
      { transactions: [{ logs: [log(other, 1), log()] }, { logs: [log(contract, 2)] }] },
    ]);
    const all = (await ask("eth_getLogs", { fromBlock: "0x0", toBlock: "latest" })) as Logs;
    expect(all).toHaveLength(4);
    expect(all.map((one) => one.logIndex)).toEqual(["0x0", "0x0", "0x1", "0x2"]);
    expect(await ask("eth_getLogs", { fromBlock: "earliest", address: toHex(contract) })).toHaveLength(3);
    const byTopic = (await ask("eth_getLogs", { fromBlock: "0x1", topics: [toHex(topic(2))] })) as Logs;
    expect(byTopic).toEqual([
      {
        address: toHex(contract),
        topics: [toHex(topic(2))],
        data: "0x01",
        blockNumber: "0x3",
        transactionHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
        transactionIndex: "0x1",
        blockHash: toHex(third?.hash ?? contract),
        blockTimestamp: "0x3eb",
        logIndex: "0x2",
        removed: false,
      },
    ]);
    expect(await ask("eth_getLogs", { blockHash: toHex(third?.hash ?? contract) })).toHaveLength(3);
    expect(await ask("eth_getLogs", {})).toHaveLength(3); // latest to latest
    expect(await ask("eth_getLogs", { fromBlock: "0x0", toBlock: "pending" })).toEqual(all); // Trap 24: no tail is lost
    expect(await ask("eth_getLogs", { fromBlock: "pending", toBlock: "latest" })).toHaveLength(3); // nor the chain walked
    await expect(ask("eth_getLogs", { blockHash: toHex(topic(9)) })).rejects.toThrow("unknown block");
  });

  test("receipts are read only where the bloom lets a match be", async () => {
    const { chain, ask } = setUp();
    chain.grow([blockWith(log(other)), blockWith(log()), {}, {}]);
    chain.receiptReads = 0;
    expect(await ask("eth_getLogs", { fromBlock: "0x0", address: toHex(contract) })).toHaveLength(1);
    expect(chain.receiptReads).toBe(1);
  });

  test("RP-13 ranges: backwards, into the future, too long; at the bound it works", async () => {
    const { chain, ask } = setUp({ logBlocks: 5 });
    chain.grow(Array.from({ length: 10 }, () => blockWith(log())));
    const invalid = (message: string) => ({ rpcCode: -32602, message });
    await expect(ask("eth_getLogs", { fromBlock: "0x5", toBlock: "0x4" })).rejects.toMatchObject(
      invalid("invalid block range params"),
    );
    await expect(ask("eth_getLogs", { fromBlock: "latest", toBlock: "0x4" })).rejects.toMatchObject(
      invalid("invalid block range params"),
    );
    const future = invalid("block range extends beyond current head block");
    await expect(ask("eth_getLogs", { fromBlock: "0x5", toBlock: "0xb" })).rejects.toMatchObject(future);
    await expect(ask("eth_getLogs", { fromBlock: "0x1", toBlock: "0x1fffffffffffff" })).rejects.toMatchObject(
      future,
    );
    await expect(ask("eth_getLogs", { fromBlock: "0x0", toBlock: "latest" })).rejects.toMatchObject(
      invalid("exceed maximum block range 5"),
    );
    await expect(ask("eth_getLogs", { fromBlock: "0x5", toBlock: "0xa" })).rejects.toMatchObject(
      invalid("exceed maximum block range 5"),
    );
    expect(await ask("eth_getLogs", { fromBlock: "0x6", toBlock: "0xa" })).toHaveLength(5);
    await expect(ask("eth_getLogs", { fromBlock: "safe" })).rejects.toThrow("safe header not found");
  });

  test("RP-13 more logs than one reply may hold is an error, not a part", async () => {
    const { chain, ask } = setUp({ logs: 3 });
    chain.grow([blockWith(log(), log()), blockWith(log())]);
    expect(await ask("eth_getLogs", { fromBlock: "0x0" })).toHaveLength(3);
    chain.grow([blockWith(log())]);
    await expect(ask("eth_getLogs", { fromBlock: "0x0" })).rejects.toMatchObject({ code: -32003 });
  });

  test("RP-13 a search that takes too long ends with -32002", async () => {
    const { chain, host, ask } = setUp({ logTimeoutMs: 10_000 });
    chain.grow([blockWith(log())]);
    chain.receipts = (_header: unknown, ctx?: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) =>
        ctx?.signal.addEventListener("abort", () => reject(ctx.signal.reason)),
      );
    const late = ask("eth_getLogs", { fromBlock: "0x0" });
    const outcome = expect(late).rejects.toMatchObject({
      rpcCode: -32002,
      message: "log query aborted (timeout = 10s)",
    });
    await host.clock.advance(10_000);
    await outcome;
    expect(host.clock.activeTimers).toBe(0);
  });

  test("a chain that changes under the search gives logs of one chain only", async () => {
    const { chain, ask } = setUp();
    chain.grow([blockWith(log()), blockWith(log())]);
    const read = chain.receipts.bind(chain);
    let isFirst = true;
    chain.receipts = async (header) => {
      if (isFirst) {
        isFirst = false;
        chain.grow([blockWith(log()), blockWith(log()), blockWith(log())], 1);
      }
      return read(header);
    };
    const found = (await ask("eth_getLogs", { fromBlock: "0x1" })) as Logs;
    expect(found).toHaveLength(4);
    for (const { blockHash } of found) {
      const header = await chain.headerByHash(Buffer.from(blockHash.slice(2), "hex"));
      expect(header !== undefined && chain.isCanonical(header)).toBe(true);
    }
  });

  test("what the backend cannot give is an error, never an empty list", async () => {
    const { chain, ask } = setUp();
    chain.grow([blockWith(log())]);
    chain.failure = new Error("no server answers");
    await expect(ask("eth_getLogs", { fromBlock: "0x0" })).rejects.toThrow("no server answers");
  });
});

describe("filters", () => {
  test("block, transaction and log filters tell what happened since the last poll", async () => {
    const { chain, ask } = setUp();
    const blocks = await ask("eth_newBlockFilter");
    const logs = await ask("eth_newFilter", { address: toHex(contract) });
    const hashes = await ask("eth_newPendingTransactionFilter");
    const whole = await ask("eth_newPendingTransactionFilter", true);
    const added = chain.grow([blockWith(log()), blockWith(log(other))]);
    const tx = scriptedTransaction();
    chain.wait(tx);
    expect(await ask("eth_getFilterChanges", blocks)).toEqual(added.map((header) => toHex(header.hash)));
    expect(await ask("eth_getFilterChanges", blocks)).toEqual([]);
    expect(await ask("eth_getFilterChanges", logs)).toMatchObject([{ blockNumber: "0x1", removed: false }]);
    expect(await ask("eth_getFilterChanges", logs)).toEqual([]);
    expect(await ask("eth_getFilterChanges", hashes)).toEqual([toHex(tx.hash)]);
    expect(await ask("eth_getFilterChanges", whole)).toMatchObject([
      { hash: toHex(tx.hash), blockHash: null },
    ]);
    expect(await ask("eth_getFilterLogs", logs)).toEqual([]); // its range is the newest block, which has none of contract
    await expect(ask("eth_getFilterLogs", blocks)).rejects.toThrow("filter not found");
    expect(await ask("eth_uninstallFilter", blocks)).toBe(true);
    expect(await ask("eth_uninstallFilter", blocks)).toBe(false);
    await expect(ask("eth_getFilterChanges", blocks)).rejects.toMatchObject({
      rpcCode: -32000,
      message: "filter not found",
    });
  });

  test("after a reorg told logs come again with removed, untold ones never show", async () => {
    const { chain, ask } = setUp();
    const id = await ask("eth_newFilter", {});
    const [told] = chain.grow([blockWith(log())]);
    expect(await ask("eth_getFilterChanges", id)).toHaveLength(1);
    chain.grow([blockWith(log())]); // block 2, nobody polls
    const [replacement] = chain.grow([blockWith(log())], 0); // 1 and 2 are gone
    const changes = (await ask("eth_getFilterChanges", id)) as Logs;
    expect(changes.map(({ blockHash, removed }) => [blockHash, removed])).toEqual([
      [toHex(told?.hash ?? contract), true],
      [toHex(replacement?.hash ?? contract), false],
    ]);
  });

  test("a poll that fails loses nothing", async () => {
    const { chain, ask } = setUp();
    const id = await ask("eth_newFilter", {});
    chain.grow([blockWith(log())]);
    chain.failure = new Error("no server answers");
    await expect(ask("eth_getFilterChanges", id)).rejects.toThrow("no server answers");
    chain.failure = undefined;
    expect(await ask("eth_getFilterChanges", id)).toHaveLength(1);
  });

  test("two polls at once share the changes, they do not double them", async () => {
    const { chain, ask } = setUp();
    const id = await ask("eth_newFilter", {});
    chain.grow([blockWith(log()), blockWith(log())]);
    const both = await Promise.all([ask("eth_getFilterChanges", id), ask("eth_getFilterChanges", id)]);
    expect(both.map((one) => (one as Logs).length)).toEqual([2, 0]);
  });

  test("live ranges: numbers bound them, backwards or open names are refused", async () => {
    const { chain, ask } = setUp();
    const bounded = await ask("eth_newFilter", { fromBlock: "0x2", toBlock: "0x2" });
    chain.grow([blockWith(log()), blockWith(log()), blockWith(log())]);
    expect(await ask("eth_getFilterChanges", bounded)).toMatchObject([{ blockNumber: "0x2" }]);
    expect(await ask("eth_getFilterLogs", bounded)).toMatchObject([{ blockNumber: "0x2" }]);
    await expect(ask("eth_newFilter", { fromBlock: "latest", toBlock: "0x1" })).rejects.toThrow(
      "invalid block range params",
    );
    await expect(ask("eth_newFilter", { fromBlock: "finalized" })).rejects.toThrow(
      "invalid block range params",
    );
  });

  test("RP-14 a filter nobody polls goes after five idle minutes; polling and getFilterLogs keep it (Trap 24)", async () => {
    const { host, eth, ask } = setUp();
    const polled = await ask("eth_newFilter", {});
    const read = await ask("eth_newFilter", {});
    const idle = await ask("eth_newBlockFilter");
    await host.clock.advance(200_000);
    await ask("eth_getFilterChanges", polled);
    await ask("eth_getFilterLogs", read);
    await host.clock.advance(200_000);
    expect(eth.filterCount).toBe(2);
    await expect(ask("eth_getFilterChanges", idle)).rejects.toThrow("filter not found");
    await host.clock.advance(300_000);
    expect(eth.filterCount).toBe(0);
    expect(host.clock.activeTimers).toBe(0);
  });

  test("RP-14 past the bound the filter longest not polled goes, whoever polls stays", async () => {
    const { chain, eth, ask } = setUp({ filters: 100 });
    const mine = await ask("eth_newBlockFilter");
    const idle = await ask("eth_newBlockFilter");
    for (let i = 0; i < 1_000; i++) {
      await ask("eth_newFilter", {});
      await ask("eth_getFilterChanges", mine);
    }
    expect(eth.filterCount).toBe(100);
    expect(chain.headEvents.listenerCount).toBe(1);
    await expect(ask("eth_getFilterChanges", idle)).rejects.toThrow("filter not found");
    await eth.close();
    expect(eth.filterCount).toBe(0);
    expect(chain.headEvents.listenerCount).toBe(0);
  });

  test("RP-14 more changes than a filter keeps is told, then the filter is gone", async () => {
    const { chain, ask } = setUp({ filterBacklog: 5 });
    const id = await ask("eth_newBlockFilter");
    chain.grow([{}, {}, {}, {}, {}]);
    expect(await ask("eth_getFilterChanges", id)).toHaveLength(5);
    chain.grow([{}, {}, {}, {}, {}, {}]);
    await expect(ask("eth_getFilterChanges", id)).rejects.toThrow("more than 5 changes since the last poll");
    await expect(ask("eth_getFilterChanges", id)).rejects.toThrow("filter not found");
  });

  test("a reply that is full leaves the rest for the next poll", async () => {
    const { chain, ask } = setUp({ logs: 2 });
    const id = await ask("eth_newFilter", {});
    chain.grow([blockWith(log()), blockWith(log()), blockWith(log())]);
    expect(await ask("eth_getFilterChanges", id)).toHaveLength(2);
    expect(await ask("eth_getFilterChanges", id)).toHaveLength(1);
  });
});

test("RP-14 F48 by default a node keeps 10,000 filters, the next pushes the oldest out", async () => {
  const { eth, ask } = setUp();
  const first = await ask("eth_newBlockFilter");
  for (let i = 1; i < 10_000; i++) await ask("eth_newBlockFilter");
  await ask("eth_newPendingTransactionFilter");
  expect(eth.filterCount).toBe(10_000);
  await expect(ask("eth_getFilterChanges", first)).rejects.toThrow("filter not found");
});
