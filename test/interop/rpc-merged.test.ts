// The chain of geth 1.17.5 after the merge in our full node, and today's questions to both: traces in their present form,
// simulated blocks, the configuration of forks. Nothing is translated here: answers are equal or not.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importChain } from "#core";
import { Ethereum } from "#eth";
import { Node } from "#node";
import { parseGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { toHex } from "#util";
import { assemble, deployCode, probeCall, probeCode } from "../kit/contract.ts";
import { makeMergedChain, mergedGenesis } from "../kit/engine.ts";
import { exportChain, type Geth, requireGeth, startGeth } from "../kit/geth.ts";

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

const genesis = mergedGenesis();
const count = 50;
let folder = "";
let why: string | undefined;
let geth: Geth | undefined;
let node: Node | undefined;
let client: RpcClient | undefined;
const hashes: string[] = [];

beforeAll(async () => {
  if ((await requireGeth("1.17.5", (reason) => (why = reason))) === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "glim-rpc-merged-"));
  const datadir = join(folder, "data");
  const start = () => startGeth({ version: "1.17.5", role: "full", genesis, datadir });
  {
    await using first = await start();
    await makeMergedChain(first, count);
  }
  const file = join(folder, "chain.rlp");
  await exportChain("1.17.5", datadir, file);
  geth = await start();
  node = new Node({ name: "merged", p2p: { maxPeers: 0, noDiscovery: true } });
  const prepare = async (chain: Ethereum["chain"]) =>
    void (await importChain(chain, [new Uint8Array(readFileSync(file))]));
  node.register((context) => new Ethereum(context, { genesis: parseGenesis(genesis), prepare }));
  await node.start();
  client = node.attach();
  const { chain } = node.service(Ethereum);
  for (let number = 1; number <= count; number++) {
    const header = chain.headerByNumber(number);
    for (const tx of (header && chain.body(header)?.transactions) ?? []) hashes.push(toHex(tx.hash));
  }
}, 300_000);
afterAll(async () => {
  await geth?.[Symbol.asyncDispose]();
  await node?.stop();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** First place where two answers differ. */
function difference(theirs: Json | undefined, ours: Json | undefined, path = ""): string | undefined {
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
      const found = difference(theirs[i], ours[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isObject(theirs) && isObject(ours)) {
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const found = difference(theirs[name], ours[name], `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const [a, b] = [JSON.stringify(theirs), JSON.stringify(ours)];
  return a === b ? undefined : `${path}: geth ${a?.slice(0, 300)} ours ${b?.slice(0, 300)}`;
}

async function compare(
  questions: readonly (readonly [method: string, ...params: unknown[]])[],
): Promise<void> {
  const lines: string[] = [];
  const said = (ask: Promise<unknown>) =>
    ask.then(
      (result) => result as Json,
      // as: both clients throw errors with the members of the reply
      (error: { code: number; message: string }): Json => ({
        code: error.code,
        message: error.message.replace(/^\w+_\w+: (.*) \(-?\d+\)$/s, "$1"),
      }),
    );
  for (const [method, ...params] of questions) {
    if (geth === undefined || client === undefined) throw new Error("not started");
    const [theirs, ours] = await Promise.all([
      said(geth.rpc(method, params)),
      said(client.request({ method, params })),
    ]);
    const found = difference(theirs, ours);
    if (found !== undefined) lines.push(`${method}(${JSON.stringify(params).slice(0, 150)})${found}`);
  }
  expect(lines).toEqual([]);
}

const [from, other] = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];
const contract = `0x${"c3".repeat(20)}`;
const rich = { [from]: { balance: "0x3635c9adc5dea00000" } };
const withCode = { ...rich, [contract]: { code: toHex(probeCode) } };

describe("the same as geth 1.17.5", () => {
  const each = (config: object) => hashes.map((hash) => ["debug_traceTransaction", hash, config] as const);

  test("every transaction of four forks under every tracer", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    expect(hashes.length).toBeGreaterThan(40);
    await compare(each({}));
    await compare(each({ enableMemory: true, enableReturnData: true }));
    await compare(each({ tracer: "callTracer", tracerConfig: { withLog: true } }));
    await compare(each({ tracer: "callTracer", tracerConfig: { onlyTopCall: true, withLog: true } }));
    await compare(each({ tracer: "prestateTracer" }));
    await compare(each({ tracer: "prestateTracer", tracerConfig: { diffMode: true } }));
    await compare(
      each({ tracer: "prestateTracer", tracerConfig: { includeEmpty: true, disableCode: true } }),
    );
    await compare(each({ tracer: "4byteTracer" }));
  });

  test("whole blocks", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const numbers = [1, 5, 13, 26, 38, 50].map((n) => `0x${n.toString(16)}`);
    await compare(numbers.map((n) => ["debug_traceBlockByNumber", n, { tracer: "callTracer" }] as const));
    await compare(
      numbers.flatMap((n) => [
        ["debug_getRawHeader", n] as const,
        ["debug_getRawBlock", n] as const,
        ["debug_getRawReceipts", n] as const,
      ]),
    );
  });

  test("what each block reads: headers, codes and trie nodes of debug_executionWitness", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const numbers = Array.from({ length: count + 2 }, (_, n) => `0x${n.toString(16)}`);
    await compare(numbers.slice(1, -1).map((n) => ["debug_executionWitness", n] as const));
    for (const n of ["0x0", `0x${(count + 1).toString(16)}`])
      await expect(client?.request({ method: "debug_executionWitness", params: [n] })).rejects.toMatchObject({
        code: -32000,
      });
  });

  test("calls under a tracer, faults among them", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const codes = {
      poor: assemble(`0 0 0 0 0xffffffffffffffffffff ${other} GAS CALL STOP`),
      recursive: assemble("0 0 0 0 0 ADDRESS GAS CALL STOP"),
      creating: assemble("0 0 0 CREATE POP 0 0 0xffffffffffffffffffff CREATE STOP"),
      static: assemble(`0 0 0 0 ${contract} GAS STATICCALL 1 0 SSTORE 0 0 LOG0`),
      dying: assemble(`${other} SELFDESTRUCT`),
    };
    for (const [name, code] of Object.entries(codes))
      for (const config of [
        {},
        { tracer: "callTracer", tracerConfig: { withLog: true } },
        { tracer: "prestateTracer" },
      ])
        await compare([
          [
            "debug_traceCall",
            {
              from,
              to: contract,
              gas: name === "recursive" ? "0x20000" : "0x50000",
              input: "0x",
              value: "0x5",
            },
            "latest",
            { ...config, stateOverrides: { ...rich, [contract]: { code: toHex(code), balance: "0x64" } } },
          ],
        ]);
  });

  test("a traced call before a transaction of a block (txIndex), and what is refused before it runs", async ({
    skip,
  }) => {
    if (geth === undefined) return skip(why);
    const { hash, transactions } = await geth.rpc<{ hash: string; transactions: { from: string }[] }>(
      "eth_getBlockByNumber",
      ["0x1", true],
    );
    const sender = transactions[0]?.from;
    const call = { from: sender, to: other, value: "0x1" };
    const traced = { tracer: "prestateTracer" };
    const unknown = `0x${"99".repeat(32)}`;
    await compare([
      ...["0x0", "0x1", "0x2", "0x3", "0x10"].flatMap((txIndex) =>
        ["0x1", hash].map((ref) => ["debug_traceCall", call, ref, { ...traced, txIndex }] as const),
      ),
      ["debug_traceCall", call, "0x7", { ...traced, txIndex: "0x0" }],
      ["debug_traceCall", call, "0x0", { ...traced, txIndex: "0x0" }],
      ["debug_traceCall", call, "0x1000", traced],
      ["debug_traceCall", call, unknown, traced],
      ["debug_traceCall", { ...call, from: other }, "latest", traced],
      ["debug_traceCall", { ...call, gas: "0x5207" }, "latest", traced],
      ["debug_traceCall", { ...call, maxFeePerGas: "0x1" }, "latest", traced],
      ["debug_traceCall", { ...call, authorizationList: [] }, "latest", traced],
      ["debug_traceTransaction", `0x${"98".repeat(32)}`, { tracer: "muxTracer" }],
      ["debug_traceBlockByNumber", "0X2", { tracer: "muxTracer" }],
    ]);
  });

  test("calls with odd members: both names of the data, a difficulty after the merge, opcodes that are none", async ({
    skip,
  }) => {
    if (geth === undefined) return skip(why);
    const codes = ["0x4460005260206000f3", "0x4a60005260206000f3", "0xfe", "0xef", "0x0c"];
    const block = { difficulty: "0x5", prevRandao: `0x${"99".repeat(32)}`, blobBaseFee: "0x9" };
    const hashes = [`0x01${"00".repeat(31)}`, `0x02${"00".repeat(31)}`];
    await compare([
      ...codes.flatMap((code) => [
        ["eth_call", { to: contract }, "latest", { [contract]: { code } }] as const,
        ["eth_call", { to: contract }, "0X1d", { [contract]: { code } }, block] as const,
      ]),
      ["eth_call", { to: contract, input: "0x6d4ce63c", data: "0xa9cc4718" }, "latest", withCode],
      ["eth_call", { from, to: other, blobVersionedHashes: hashes }, "latest", rich],
      ["eth_call", { from, to: other, authorizationList: [] }, "latest", rich],
      ["eth_call", { from, authorizationList: [] }, "latest", rich],
    ]);
  });

  test("eth_simulateV1", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const set = { from, to: contract, input: toHex(probeCall("set", new Uint8Array(32).fill(1))) };
    const get = { from, to: contract, input: toHex(probeCall("get")) };
    const simulate = (options: object, ref = "latest") => ["eth_simulateV1", options, ref] as const;
    await compare([
      simulate({ blockStateCalls: [{ stateOverrides: rich, calls: [{ from, to: other, value: "0x7" }] }] }),
      simulate({
        blockStateCalls: [{ stateOverrides: withCode, calls: [set, get] }, { calls: [get, set] }],
        traceTransfers: true,
        returnFullTransactions: true,
      }),
      simulate({
        blockStateCalls: [
          { stateOverrides: withCode, calls: [{ ...get, input: toHex(probeCall("fail")) }] },
          {
            blockOverrides: { number: "0x40", time: "0x7fffffff" },
            calls: [{ ...get, input: toHex(probeCall("environment")) }],
          },
        ],
      }),
      simulate(
        {
          blockStateCalls: [{ stateOverrides: rich, calls: [{ from, input: toHex(deployCode(probeCode)) }] }],
        },
        "0x5",
      ),
      simulate({
        blockStateCalls: [{ stateOverrides: rich, calls: [{ from, to: other, value: "0x7" }] }],
        validation: true,
      }),
      simulate({
        blockStateCalls: [
          {
            stateOverrides: rich,
            calls: [
              {
                from,
                to: other,
                value: "0x7",
                maxFeePerGas: "0x77359400",
                maxPriorityFeePerGas: "0x1",
                gas: "0x5208",
              },
            ],
          },
        ],
        validation: true,
        traceTransfers: true,
      }),
      simulate({ blockStateCalls: [{ calls: [{ from: contract, to: other, value: "0x7" }] }] }),
      simulate({
        blockStateCalls: [{ stateOverrides: rich, calls: [{ from, to: other, nonce: "0x9" }] }],
        validation: true,
      }),
      simulate({ blockStateCalls: [{ calls: [{ from, to: other, gas: "0xffffffffff" }] }] }),
      simulate({ blockStateCalls: [] }),
      simulate({ blockStateCalls: [{ blockOverrides: { number: "0x2" } }] }),
      simulate({ blockStateCalls: [{ blockOverrides: { time: "0x2" } }] }),
      simulate({ blockStateCalls: [{ blockOverrides: { number: "0xfffff" } }] }),
    ]);
  });

  test("RP-17 eth_simulateV1: 257 blocks, 5,001 calls, 10,001 in all", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const calls = (n: number) => ({ calls: Array.from({ length: n }, () => ({})) });
    for (const blockStateCalls of [
      Array.from({ length: 257 }, () => ({})),
      [calls(5_001)],
      [calls(5_000), calls(5_000), calls(1)],
    ])
      await compare([["eth_simulateV1", { blockStateCalls }, "latest"]]);
  });

  test("what else is new: eth_config, eth_getStorageValues", async ({ skip }) => {
    if (geth === undefined) return skip(why);
    const slot = `0x${"00".repeat(32)}`;
    await compare([
      ["eth_config"],
      [
        "eth_getStorageValues",
        { [contract]: [slot], "0x000f3df6d732807ef1319fb7b8bb8522d0beac02": [slot, slot] },
        "latest",
      ],
      ["eth_getStorageValues", {}, "latest"],
      ["eth_getStorageValues", { [contract]: Array.from({ length: 1_025 }, () => slot) }, "latest"],
    ]);
  });
});
