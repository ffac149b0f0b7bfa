// A light node's RPC beside the full node it reads from: the same answers, and errors where there is no answer.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeTransaction, signTransaction, type Transaction } from "#core/types";
import { fromHex, numberToBytes, toHex } from "#util";
import { changedTopic, probeCall } from "../kit/contract.ts";
import { probeAddress, users } from "../kit/full-backend.ts";
import { makeProbeChain } from "../kit/probe-chain.ts";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

const [alice, bob] = users;
const unknown = `0x${"99".repeat(32)}`;
const nobody = `0x${"77".repeat(20)}` as const;

describe("beside the full node", () => {
  let node: RpcNode;
  let transactions: readonly Transaction[];
  beforeAll(async () => {
    node = await rpcNode("light");
    transactions = await makeProbeChain(node.full);
    await node.follow();
  });
  afterAll(() => node[Symbol.asyncDispose]());
  const light = (method: string, ...params: unknown[]) => node.client.request({ method, params });
  const full = (method: string, ...params: unknown[]) => node.full.client.request({ method, params });

  test("every read gives what the full node's own RPC gives", async () => {
    const numbers = Array.from({ length: 14 }, (_, i) => `0x${i.toString(16)}`);
    const hashes = numbers.map((_, i) =>
      toHex(node.full.ethereum.chain.headerByNumber(i)?.hash ?? new Uint8Array(0)),
    );
    const call = (name: Parameters<typeof probeCall>[0]) => ({
      from: alice?.address,
      to: probeAddress,
      input: toHex(probeCall(name)),
    });
    const questions: readonly (readonly [string, ...unknown[]])[] = [
      ...["eth_blockNumber", "eth_chainId", "eth_accounts", "eth_blobBaseFee", "eth_syncing"].map(
        (name) => [name] as const,
      ),
      ...[...numbers, "latest", "earliest", "0x99"].flatMap((n) => [
        ["eth_getBlockByNumber", n, true] as const,
        ["eth_getHeaderByNumber", n] as const,
        ["eth_getBlockTransactionCountByNumber", n] as const,
        ["eth_getUncleCountByBlockNumber", n] as const,
        ["eth_getUncleByBlockNumberAndIndex", n, "0x0"] as const,
        ["eth_getTransactionByBlockNumberAndIndex", n, "0x1"] as const,
        ["eth_getRawTransactionByBlockNumberAndIndex", n, "0x0"] as const,
        ["eth_getBlockReceipts", n] as const,
      ]),
      ...hashes.flatMap((h) => [
        ["eth_getBlockByHash", h, false] as const,
        ["eth_getBlockTransactionCountByHash", h] as const,
        ["eth_getUncleCountByBlockHash", h] as const,
        ["eth_getUncleByBlockHashAndIndex", h, "0x0"] as const,
        ["eth_getTransactionByBlockHashAndIndex", h, "0x0"] as const,
        ["eth_getRawTransactionByBlockHashAndIndex", h, "0x0"] as const,
        ["eth_getLogs", { blockHash: h }] as const,
      ]),
      ...transactions.flatMap(({ hash }) => [
        ["eth_getTransactionByHash", toHex(hash)] as const,
        ["eth_getTransactionReceipt", toHex(hash)] as const,
        ["eth_getRawTransactionByHash", toHex(hash)] as const,
      ]),
      ...[probeAddress, nobody, ...users.map((user) => user.address)].flatMap((a) =>
        [...numbers, "latest", "pending", { blockHash: hashes[4] }].flatMap((n) => [
          ["eth_getBalance", a, n] as const,
          ["eth_getTransactionCount", a, n] as const,
          ["eth_getCode", a, n] as const,
          ["eth_getStorageAt", a, "0x0", n] as const,
        ]),
      ),
      ...[probeAddress, nobody].flatMap((a) =>
        ["0x3", "latest"].map((n) => ["eth_getProof", a, ["0x0", "0x1", unknown], n] as const),
      ),
      ...(["get", "environment", "precompiles"] as const)
        .slice(0, 2)
        .flatMap((name) => ["0x2", "0x5", "latest"].map((n) => ["eth_call", call(name), n] as const)),
      [
        "eth_estimateGas",
        { from: alice?.address, to: probeAddress, input: toHex(probeCall("set", numberToBytes(9, 32))) },
      ],
      ["eth_estimateGas", { from: alice?.address, to: bob?.address, value: "0x1" }],
      ["eth_createAccessList", call("get"), "latest"],
      ["eth_getLogs", { fromBlock: "0x0", toBlock: "latest" }],
      ["eth_getLogs", { fromBlock: "0x0", address: probeAddress, topics: [changedTopic] }],
      ["eth_getLogs", { fromBlock: "0x0", address: nobody }],
      ["eth_feeHistory", "0x5", "latest", [10, 50, 90]],
      ["eth_feeHistory", "0x400", "latest", []],
      ...[...numbers, hashes[3]].flatMap((ref) => [
        ["debug_getRawHeader", ref] as const,
        ["debug_getRawBlock", ref] as const,
        ["debug_getRawReceipts", ref] as const,
      ]),
      ...transactions.flatMap(({ hash }) => [
        ["debug_getRawTransaction", toHex(hash)] as const,
        ["debug_traceTransaction", toHex(hash), { tracer: "callTracer" }] as const,
        ["debug_traceTransaction", toHex(hash), { tracer: "prestateTracer" }] as const,
      ]),
      ["debug_traceTransaction", toHex(transactions[2]?.hash ?? new Uint8Array(0))],
      ["debug_traceBlockByNumber", "0x4", { tracer: "callTracer" }],
      ["debug_traceBlockByNumber", "0x4", { tracer: "flatCallTracer" }],
      [
        "debug_traceBlockByNumber",
        "0x4",
        {
          tracer:
            "{ n: [], step: function(log, db) { this.n.push(db.getBalance(log.contract.getAddress())) }, fault: function() {}, result: function() { return this.n } }",
        },
      ],
      ["debug_printBlock", 4],
      ["debug_seedHash", 4],
      ["eth_baseFee"],
      ...["0x0", "0x5", "latest"].flatMap((ref) => [
        ["clique_getSnapshot", ref] as const,
        ["clique_getSigners", ref] as const,
      ]),
      ["clique_getSigner", "0x5"],
      ["clique_getSigner", "latest"],
      ["clique_status"],
      ["debug_traceCall", call("get"), "latest", { tracer: "callTracer" }],
      ["eth_getStorageValues", { [probeAddress]: [`0x${"00".repeat(32)}`] }, "latest"],
      ["eth_config"],
    ];
    const differing: string[] = [];
    for (const [method, ...params] of questions) {
      const [ours, theirs] = await Promise.all([light(method, ...params), full(method, ...params)]);
      if (JSON.stringify(ours) !== JSON.stringify(theirs))
        differing.push(`${method}(${JSON.stringify(params)})`);
    }
    expect(differing).toEqual([]);
    expect(questions.length).toBeGreaterThan(500);
  });

  test("reverts and refusals are the same errors", async () => {
    const ask = async (client: typeof light, ...question: Parameters<typeof light>) => {
      const { code, message, data } = (await client(...question).catch((error: unknown) => error)) as {
        code: number;
        message: string;
        data: unknown;
      };
      return { code, message, data };
    };
    for (const name of ["fail", "failCustom", "panic", "bad"] as const) {
      const question = ["eth_call", { to: probeAddress, input: toHex(probeCall(name)) }, "latest"] as const;
      expect(await ask(light, ...question)).toEqual(await ask(full, ...question));
    }
    for (const question of [
      ["eth_getBalance", nobody, "0x99"],
      ["eth_getBalance", nobody, "safe"],
      ["eth_getLogs", { fromBlock: "0x5", toBlock: "0x99" }],
      ["eth_getBlockByNumber", "finalized", false],
    ] as const) {
      const [method, ...params] = question;
      expect(await ask(light, method, ...params)).toEqual(await ask(full, method, ...params));
    }
  });

  test("a hash nobody knows is null, and such answers are counted: nothing proves them", async () => {
    const count = async () =>
      ((await light("light_status")) as { unprovenAbsences: number }).unprovenAbsences;
    const before = await count();
    expect(await light("eth_getTransactionByHash", unknown)).toBeNull();
    expect(await light("eth_getTransactionReceipt", unknown)).toBeNull();
    expect(await count()).toBe(before + 2);
  });

  test("a refused transaction carries the server's own reason", async () => {
    const fields = {
      type: 0,
      chainId: 1337n,
      nonce: 0n,
      gasPrice: 3_000_000_000n,
      gas: 21_000n,
      value: 77n,
      input: new Uint8Array(0),
    } as const;
    if (alice === undefined) throw new Error("no user");
    const used = signTransaction({ ...fields, to: fromHex(nobody) }, alice.key);
    await expect(light("eth_sendRawTransaction", toHex(encodeTransaction(used)))).rejects.toMatchObject({
      code: -32000,
      message: expect.stringMatching(/nonce too low/),
    });
    expect(await light("eth_getTransactionByHash", toHex(used.hash))).toBeNull();
  });

  test("after a reorg subscribers are told which logs are gone, and reads follow the new chain", async () => {
    const subscription = await node.client.subscribe("eth", ["logs", { address: probeAddress }]);
    const heard: { removed: boolean; blockNumber: string }[] = [];
    void (async () => {
      for await (const item of subscription) heard.push(item as (typeof heard)[number]);
    })();
    const filter = await light("eth_newFilter", { address: probeAddress });
    const gone = (await full("eth_getLogs", {
      fromBlock: "0x8",
      toBlock: "latest",
      address: probeAddress,
    })) as unknown[];
    expect(gone.length).toBeGreaterThan(5);
    await node.full.reorg(7);
    await node.follow();
    expect(await light("eth_getLogs", { fromBlock: "0x8", toBlock: "latest" })).toEqual([]);
    const changes = (await light("eth_getFilterChanges", filter)) as { removed: boolean }[];
    expect(changes.every((log) => log.removed)).toBe(true);
    expect(changes).toHaveLength(gone.length);
    while (heard.length < gone.length) await light("eth_blockNumber");
    expect(heard.every((log) => log.removed)).toBe(true);
    expect(heard.map((log) => log.blockNumber)).toEqual((gone as typeof heard).map((log) => log.blockNumber));
    await subscription.close();
  });
});

test("when no server is left, what would have to be asked is an error, never null and never empty", async () => {
  await using node = await rpcNode("light");
  const ask = (method: string, ...params: unknown[]) =>
    node.client.request({ method, params }, { timeoutMs: 30_000 });
  await node.mine();
  await node.full.node.stop();
  expect(await ask("eth_blockNumber")).toBe("0x2"); // headers are here
  expect(await ask("eth_getHeaderByNumber", "0x1")).toMatchObject({ number: "0x1" });
  for (const question of [
    ["eth_getTransactionByHash", unknown],
    ["eth_getTransactionReceipt", unknown],
    ["eth_getBalance", alice?.address, "latest"],
    ["eth_getCode", probeAddress, "latest"],
    ["eth_call", { to: probeAddress, input: toHex(probeCall("get")) }, "latest"],
  ] as const) {
    const [method, ...params] = question;
    await expect(ask(method, ...params), method).rejects.toMatchObject({
      code: expect.any(Number),
      message: expect.stringMatching(/server/),
    });
  }
});

test("Trap 25: state older than the servers keep is an error that says what they keep", async () => {
  await using node = await rpcNode("light", { recentState: 4 });
  await makeProbeChain(node.full);
  await node.follow();
  const balance = (block: string) =>
    node.client.request({ method: "eth_getBalance", params: [alice?.address, block] });
  expect(await balance("latest")).toMatch(/^0x/);
  expect(await balance("0xa")).toMatch(/^0x/);
  await expect(balance("0x1")).rejects.toMatchObject({
    code: -32000,
    message: expect.stringMatching(/state.*\d+.*\d+/i),
  });
  // blocks, receipts and logs of that age are still had
  expect(await node.client.request({ method: "eth_getBlockByNumber", params: ["0x1", true] })).toMatchObject({
    number: "0x1",
  });
});
