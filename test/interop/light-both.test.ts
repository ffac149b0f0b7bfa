// The volume test: one light node beside geth 1.9.25 (les/3) and 1.11.6 (les/4) at once. A thousand accounts, a
// thousand slots, two hundred calls, every block and every receipt are what the full node's own RPC says; then one
// server is killed in mid-read and the other takes over without a failed read.
import { LightEthereum } from "#les";
import { Node } from "#node";
import { parseGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { keccak256 } from "#crypto";
import { numberToBytes, toHex } from "#util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logContract, minedChain, minedState, revertContract } from "../kit/geth-mined.ts";
import { requireGeth, type ServedChain, twoServers, type TwoServers } from "../kit/geth.ts";
import { stateContract } from "../kit/shared-data.ts";
import { until } from "../kit/until.ts";

const seed = 20_261_124;

/** Numbers below `bound` in an order that `seed` decides (printed with a failure by its test's name). */
function* numbers(bound: number, start = seed): Generator<number> {
  for (let state = start >>> 0; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield Math.floor((state / 2 ** 32) * bound);
  }
}

function take<T>(count: number, of: Generator<T>): T[] {
  return Array.from({ length: count }, () => of.next().value as T);
}

const slotOf = (i: number): string => toHex(numberToBytes(i, 32));
const accountOf = (i: number): string => toHex(keccak256(numberToBytes(i, 32)).subarray(12));

/** Runs the jobs, `width` at a time: what a caller with many open reads does. */
async function eachOf<T>(items: readonly T[], width: number, job: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) await job(item);
    }),
  );
}

describe(`a light node beside two servers, seed ${seed}`, () => {
  let missing: string | undefined;
  let chain: ServedChain;
  let servers: TwoServers;
  let node: Node;
  let light: RpcClient;
  const ask = (method: string, params: unknown[]): Promise<unknown> => light.request({ method, params });
  const full = (method: string, params: unknown[]): Promise<unknown> => servers.new.rpc(method, params);
  const same = async (method: string, params: unknown[]): Promise<void> => {
    const [ours, theirs] = await Promise.all([ask(method, params), full(method, params)]);
    expect(ours, `${method} ${JSON.stringify(params)}`).toEqual(theirs);
  };

  beforeAll(async () => {
    for (const version of ["1.9.25", "1.11.6"] as const)
      await requireGeth(version, (why) => {
        missing = why;
      });
    if (missing !== undefined) return;
    chain = await minedChain();
    servers = await twoServers(chain);
    node = new Node({
      name: "light-both",
      p2p: { listenAddr: "127.0.0.1:0", staticNodes: [servers.old.enode, servers.new.enode] },
    });
    node.register((context) => new LightEthereum(context, { genesis: parseGenesis(chain.genesis) }));
    await node.start();
    light = node.attach();
    await until("both servers", async () => ((await ask("admin_peers", [])) as unknown[]).length === 2);
    await until("the head", async () => Number(await ask("eth_blockNumber", [])) === chain.head);
  });

  afterAll(async () => {
    await node?.stop();
    await servers?.[Symbol.asyncDispose]();
  });

  const withGeth = (name: string, run: () => Promise<void>): void =>
    test(name, async ({ skip }) => {
      if (missing !== undefined) return skip(missing);
      await run();
    });

  withGeth("1,000 random accounts, one in eight of them absent", async () => {
    const accounts = take(1_000, numbers(minedState + minedState / 7)).map(accountOf);
    await eachOf(accounts, 16, (account) => same("eth_getBalance", [account, "latest"]));
  });

  withGeth("1,000 random slots, one in eight of them absent", async () => {
    const slots = take(1_000, numbers(minedState + minedState / 7, seed + 1)).map(slotOf);
    await eachOf(slots, 16, (slot) => same("eth_getStorageAt", [stateContract, slot, "latest"]));
  });

  withGeth("nonce, code, and what is absent", async () => {
    for (const contract of [stateContract, logContract, revertContract, accountOf(1), accountOf(10 ** 9)]) {
      await same("eth_getCode", [contract, "latest"]);
      await same("eth_getTransactionCount", [contract, "latest"]);
    }
    expect(await ask("eth_getBalance", [accountOf(10 ** 9), "latest"])).toBe("0x0");
  });

  withGeth("200 calls", async () => {
    const calls = take(200, numbers(minedState + 1_000, seed + 2)).map((i) => ({
      to: stateContract,
      data: slotOf(i),
    }));
    await eachOf(calls, 16, (call) => same("eth_call", [call, "latest"]));
  });

  withGeth("every block with its transactions, by number and by hash", async () => {
    const all = Array.from({ length: chain.head + 1 }, (_, n) => `0x${n.toString(16)}`);
    await eachOf(all, 16, async (number) => {
      const [ours, theirs] = await Promise.all([
        ask("eth_getBlockByNumber", [number, true]),
        full("eth_getBlockByNumber", [number, true]),
      ]);
      expect(shared(ours, theirs), `block ${number}`).toEqual(theirs);
    });
  });

  withGeth("every receipt", async () => {
    const all = Array.from({ length: chain.head }, (_, n) => `0x${(n + 1).toString(16)}`);
    await eachOf(all, 8, async (number) => {
      const block = (await full("eth_getBlockByNumber", [number, false])) as { transactions: string[] };
      for (const hash of block.transactions) {
        const [ours, theirs] = await Promise.all([
          ask("eth_getTransactionReceipt", [hash]),
          full("eth_getTransactionReceipt", [hash]),
        ]);
        expect(shared(ours, theirs), `receipt of ${hash}`).toEqual(theirs);
      }
    });
  });

  withGeth("logs over the whole chain", async () => {
    const filter = { fromBlock: "0x1", toBlock: `0x${chain.head.toString(16)}`, address: logContract };
    const [ours, theirs] = await Promise.all([ask("eth_getLogs", [filter]), full("eth_getLogs", [filter])]);
    expect((theirs as unknown[]).length).toBeGreaterThan(100);
    expect((ours as object[]).map((log, i) => shared(log, (theirs as object[])[i]))).toEqual(theirs);
  });

  withGeth("a server killed in mid-read: the other takes over without a failed read", async () => {
    const unread = take(600, numbers(minedState, seed + 3)).map(slotOf);
    const gone = servers.new;
    let read = 0;
    await eachOf(unread, 16, async (slot) => {
      if (++read === 200) void gone.kill9();
      const value = await ask("eth_getStorageAt", [stateContract, slot, "latest"]);
      expect(BigInt(value as string)).toBe(BigInt(slot) + 1n);
    });
    await until(
      "the dead server to be gone",
      async () => ((await ask("admin_peers", [])) as unknown[]).length === 1,
    );
    expect(BigInt((await ask("eth_getBalance", [accountOf(29_999), "latest"])) as string)).toBe(1n);
  });
});

/** Our answer without the fields that this geth did not know yet: newer geths add some (`type`, `blobGasUsed`). */
function shared(ours: unknown, theirs: unknown): unknown {
  if (Array.isArray(ours) && Array.isArray(theirs)) return ours.map((item, i) => shared(item, theirs[i]));
  if (!isRecord(ours) || !isRecord(theirs)) return ours;
  const names = Object.keys(ours).filter((name) => name in theirs);
  return Object.fromEntries(names.map((name) => [name, shared(ours[name], theirs[name])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
