// long: one node, and all that debug_ says of it
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { encodeBlock, encodeTransaction, makeHeader, signTransaction } from "#core/types";
import { addressOf, generateKey, keccak256, parsePrivateKey, publicKeyOf } from "#crypto";
import { Node } from "#node";
import { DEV_KEY, devGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { toHex } from "#util";
import { until } from "../../test/kit/until.ts";
import { Ethereum, type EthereumOptions } from "./index.ts";

const root = await mkdtemp(join(tmpdir(), "glim debug files "));
afterAll(() => rm(root, { recursive: true, force: true }));

const rich = generateKey();
const richAddress = addressOf(publicKeyOf(rich));
const genesis = devGenesis({ [toHex(richAddress)]: 10n ** 20n }, { period: 0 });
const signer = keySigner(parsePrivateKey(DEV_KEY));
const ask = (rpc: RpcClient, method: string, ...params: readonly unknown[]) =>
  rpc.request({ method, params });

const transfer = (nonce: bigint, to = new Uint8Array(20).fill(9)) =>
  signTransaction(
    {
      ...{ type: 0, chainId: 1337n, nonce, gas: 21_000n, gasPrice: 2_000_000_000n },
      ...{ to, value: 1n, input: new Uint8Array(0) },
    },
    rich,
  );

async function start(dataDir = "", options: Partial<EthereumOptions> = {}) {
  const http = { host: "127.0.0.1", port: 0, modules: ["debug"] };
  const node = new Node({ name: "test", dataDir, http, p2p: { maxPeers: 0, noDiscovery: true } });
  node.register((context) => new Ethereum(context, { genesis, ...options }));
  await node.start();
  const { chain } = node.service(Ethereum);
  for (let i = 0n; i < 3n; i++)
    await chain.produceBlock([transfer(i)], { signer, time: chain.head.time + 1 });
  return { node, chain, rpc: node.attach() };
}

describe("attack/RP-20 debug_ methods that touch files", () => {
  test("stay inside the data directory, and write over nothing", async () => {
    const dataDir = join(root, "data");
    const { node, chain, rpc } = await start(dataDir);
    await using _ = node;
    const hash = toHex(chain.head.hash);
    const block = chain.block(chain.head);
    if (block === undefined) throw new Error("no block");
    await writeFile(join(dataDir, "block.rlp"), encodeBlock(block));
    const expected = await ask(rpc, "debug_traceBlockByHash", hash, {});
    expect(await ask(rpc, "debug_traceBlockFromFile", "block.rlp", {})).toEqual(expected);
    expect(await ask(rpc, "debug_traceBlockFromFile", join(dataDir, "block.rlp"))).toEqual(expected);
    await mkdir(join(root, "outside"));
    await writeFile(join(root, "outside", "block.rlp"), encodeBlock(block));
    await symlink(join(root, "outside"), join(dataDir, "link"));
    for (const [file, code] of [
      ["../outside/block.rlp", -32602],
      ["link/block.rlp", -32602],
      ["/etc/passwd", -32602],
      ["nothing", -32000],
      [".", -32000],
    ] as const)
      await expect(ask(rpc, "debug_traceBlockFromFile", file)).rejects.toMatchObject({ code });
    for (const file of ["chain\0.rlp", "\0", "no\0folder/chain.rlp", "n".repeat(300)])
      for (const method of ["admin_exportChain", "admin_importChain", "debug_traceBlockFromFile"])
        await expect(ask(rpc, method, file)).rejects.toMatchObject({ code: -32602 });
    const names = (await ask(rpc, "debug_standardTraceBlockToFile", hash)) as string[];
    expect(names).toHaveLength(1);
    expect(names[0]?.startsWith(join(dataDir, "traces", `block_${hash.slice(0, 10)}-0-0x`))).toBe(true);
    const lines = (await readFile(names[0] ?? "", "utf8")).trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ output: "", gasUsed: "0x0" });
    const none = { txHash: `0x${"77".repeat(32)}` };
    await expect(ask(rpc, "debug_standardTraceBlockToFile", hash, none)).rejects.toMatchObject({
      message: `transaction ${none.txHash} not found in block`,
    });
    await rm(join(dataDir, "traces"), { recursive: true });
    await symlink(join(root, "outside"), join(dataDir, "traces"));
    await expect(ask(rpc, "debug_standardTraceBlockToFile", hash)).rejects.toMatchObject({ code: -32602 });
    await expect(ask(rpc, "debug_chaindbCompact")).resolves.toBeNull();
    expect(await ask(rpc, "debug_chaindbProperty")).toContain("Compactions");
  });

  test("are not there over HTTP", async () => {
    const { node, chain } = await start(join(root, "second"));
    await using _ = node;
    for (const [method, param] of [
      ["debug_traceBlockFromFile", "block.rlp"],
      ["debug_standardTraceBlockToFile", toHex(chain.head.hash)],
      ["debug_standardTraceBadBlockToFile", toHex(chain.head.hash)],
    ]) {
      const reply = await fetch(`http://${node.httpEndpoint}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [param] }),
      });
      expect(await reply.json()).toMatchObject({ error: { code: -32601 } });
    }
  });
});

test("a refused block is kept, told and traced", async () => {
  const { node, chain, rpc } = await start();
  await using _ = node;
  const good = await chain.buildBlock(chain.head, [transfer(3n)], { signer, time: chain.head.time + 1 });
  const { hash: __, ...fields } = good.block.header;
  const bad = { ...good.block, header: makeHeader({ ...fields, txRoot: new Uint8Array(32).fill(1) }) };
  await expect(chain.insertBlocks([bad])).rejects.toMatchObject({ blame: "peer" });
  const hash = toHex(bad.header.hash);
  expect(await ask(rpc, "debug_getBadBlocks")).toEqual([
    { hash, rlp: toHex(encodeBlock(bad)), block: expect.objectContaining({ hash, number: "0x4" }) },
  ]);
  expect(await ask(rpc, "debug_traceBadBlock", hash, { tracer: "callTracer" })).toMatchObject([
    { txHash: toHex(transfer(3n).hash), result: { type: "CALL" } },
  ]);
  expect(await ask(rpc, "debug_intermediateRoots", hash)).toHaveLength(1);
  await expect(ask(rpc, "debug_traceBadBlock", toHex(chain.head.hash))).rejects.toMatchObject({
    message: `bad block ${toHex(chain.head.hash)} not found`,
  });
});

test("names of the state are known where they are kept, and only there", async () => {
  const receiver = new Uint8Array(20).fill(9);
  {
    const { node, rpc } = await start("", { preimages: true });
    await using _ = node;
    expect(await ask(rpc, "debug_preimage", toHex(keccak256(receiver)))).toBe(toHex(receiver));
    expect(await ask(rpc, "debug_getModifiedAccountsByNumber", 2, 3)).toEqual(
      expect.arrayContaining([toHex(receiver), toHex(richAddress)]),
    );
    const dump = (await ask(rpc, "debug_dumpBlock", "0x3")) as { accounts: object; root: string };
    expect(Object.values(dump.accounts)).toContainEqual(
      expect.objectContaining({ address: toHex(receiver), balance: "3", nonce: 0 }),
    );
  }
  const { node, rpc } = await start();
  await using _ = node;
  await expect(ask(rpc, "debug_preimage", toHex(keccak256(receiver)))).rejects.toMatchObject({
    message: "unknown preimage",
  });
  expect(await ask(rpc, "debug_dumpBlock", "latest")).toMatchObject({ accounts: {} });
  const first = (await ask(rpc, "debug_accountRange", "latest", "0x", 1, true, true, true)) as {
    accounts: Record<string, object>;
    next: string;
  };
  expect(Object.keys(first.accounts)).toEqual([expect.stringMatching(/^pre\(0x[0-9a-f]{64}\)$/)]);
  const rest = (await ask(rpc, "debug_accountRange", "latest", first.next, 0, true, true, true)) as {
    accounts: object;
  };
  expect(Object.keys(rest.accounts).length).toBeGreaterThan(1);
  expect(Object.keys(rest.accounts)).not.toContain(Object.keys(first.accounts)[0]);
  expect(await ask(rpc, "debug_getAccessibleState", "0x1", "0x3")).toBe(1);
  await expect(ask(rpc, "debug_getModifiedAccountsByNumber", 3, 2)).rejects.toMatchObject({
    message: "start block height (3) must be less than end block height (2)",
  });
});

describe("debug_subscribe traceChain", () => {
  test("each block that has transactions, in order", async () => {
    const { node, rpc } = await start();
    await using _ = node;
    const items: unknown[] = [];
    const traces = await rpc.subscribe("debug", ["traceChain", "0x1", "0x3", { tracer: "callTracer" }]);
    for await (const item of traces) if (items.push(item) === 2) break;
    expect(items).toMatchObject([
      { block: "0x2", traces: [{ txHash: toHex(transfer(1n).hash), result: { type: "CALL" } }] },
      { block: "0x3", traces: [{ txHash: toHex(transfer(2n).hash) }] },
    ]);
  });

  test("attack/RP-20 an end that is not after the start is refused", async () => {
    const { node, rpc } = await start();
    await using _ = node;
    for (const [from, to] of [
      ["0x3", "0x1"],
      ["0x2", "0x2"],
    ])
      await expect(rpc.subscribe("debug", ["traceChain", from, to])).rejects.toMatchObject({ code: -32602 });
  });
});

test("attack/RP-12 JavaScript tracers: over IPC and in process; over HTTP only where the node's owner said so", async () => {
  const tracer = "{ step: function() {}, fault: function() {}, result: function() { return 'ran' } }";
  for (const jsTracers of [false, true]) {
    const { node, rpc } = await start("", { jsTracers });
    await using _ = node;
    const params = ["0x1", { tracer }];
    const ran = [{ txHash: toHex(transfer(0n).hash), result: "ran" }];
    expect(await rpc.request({ method: "debug_traceBlockByNumber", params })).toEqual(ran);
    const reply = await fetch(`http://${node.httpEndpoint}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "debug_traceBlockByNumber", params }),
    });
    expect(await reply.json()).toMatchObject(
      jsTracers
        ? { result: ran }
        : { error: { code: -32000, message: expect.stringContaining("--rpc.jstracers") } },
    );
  }
});

test("eth_sendRawTransactionSync waits for the block; transactionReceipts tells of it", async () => {
  const { node, chain, rpc } = await start();
  await using _ = node;
  const receipts = await rpc.subscribe("eth", [
    "transactionReceipts",
    { transactionHashes: [toHex(transfer(3n).hash)] },
  ]);
  const raw = toHex(encodeTransaction(transfer(3n)));
  const sent = ask(rpc, "eth_sendRawTransactionSync", raw, 20_000);
  await until("the transaction in the pool", () => node.service(Ethereum).pendingTransactions().length === 1);
  await chain.produceBlock([transfer(3n)], { signer, time: chain.head.time + 1 });
  const expected = { transactionHash: toHex(transfer(3n).hash), blockNumber: "0x4", status: "0x1" };
  expect(await sent).toMatchObject(expected);
  for await (const item of receipts) {
    expect(item).toMatchObject([expected]);
    break;
  }
  await expect(
    ask(rpc, "eth_sendRawTransactionSync", toHex(encodeTransaction(transfer(4n))), 1),
  ).rejects.toMatchObject({
    code: 4,
    data: toHex(transfer(4n).hash),
  });
});

test("what is not here says so", async () => {
  const { node, rpc } = await start();
  await using _ = node;
  expect(await ask(rpc, "debug_seedHash", 3)).toBe(`0x${"00".repeat(32)}`);
  await expect(ask(rpc, "debug_seedHash", 9)).rejects.toMatchObject({ message: "block #9 not found" });
  expect(JSON.parse(String(await ask(rpc, "debug_printBlock", 1)))).toMatchObject({ number: "0x1" });
  expect(await ask(rpc, "debug_dbAncients")).toBe(0);
  for (const [method, ...params] of [
    ["debug_chaindbProperty"],
    ["debug_dbGet", "0x1234"],
    ["debug_dbAncient", "headers", 1],
    ["debug_setTrieFlushInterval", "1h"],
    ["debug_getTrieFlushInterval"],
    ["debug_stateSize", null],
  ] as const)
    await expect(ask(rpc, method, ...params)).rejects.toMatchObject({ code: -32000 });
});
