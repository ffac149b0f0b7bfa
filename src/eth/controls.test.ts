import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { exportChain } from "#core";
import { encodeTransaction, signTransaction } from "#core/types";
import { addressOf, generateKey, parsePrivateKey, publicKeyOf } from "#crypto";
import { Node } from "#node";
import { DEV_KEY, devGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { concatBytes, toHex, utf8Encode } from "#util";
import { Ethereum, type EthereumOptions } from "./index.ts";

const root = await mkdtemp(join(tmpdir(), "glim controls "));
afterAll(() => rm(root, { recursive: true, force: true }));

const rich = generateKey();
const genesis = devGenesis({ [toHex(addressOf(publicKeyOf(rich)))]: 10n ** 20n }, { period: 0 });
const signer = keySigner(parsePrivateKey(DEV_KEY));

function nodeWith(dataDir = "", options: Partial<EthereumOptions> = {}): Node {
  const http = {
    host: "127.0.0.1",
    port: 0,
    modules: ["eth", "admin", "debug", "miner", "clique", "txpool"],
  };
  const node = new Node({ name: "test", dataDir, http, p2p: { maxPeers: 0, noDiscovery: true } });
  node.register((context) => new Ethereum(context, { genesis, ...options }));
  return node;
}

const ask = (rpc: RpcClient, method: string, ...params: readonly unknown[]) =>
  rpc.request({ method, params });

async function grow(node: Node, blocks: number): Promise<void> {
  const { chain } = node.service(Ethereum);
  for (let i = 0; i < blocks; i++) await chain.produceBlock([], { signer, time: chain.head.time + 1 });
}

test("RP-20 admin_exportChain and importChain stay inside the data directory, over no existing file", async () => {
  const dataDir = join(root, "data");
  await using node = nodeWith(dataDir);
  await node.start();
  await grow(node, 5);
  const rpc = node.attach();
  expect(await ask(rpc, "admin_exportChain", "chain.rlp")).toBe(true);
  expect(await ask(rpc, "admin_exportChain", join(dataDir, "part.rlp.gz"), 2, "0x3")).toBe(true);
  const blocks = [...exportChain(node.service(Ethereum).chain)];
  expect(new Uint8Array(await readFile(join(dataDir, "chain.rlp")))).toEqual(concatBytes(...blocks));
  expect(new Uint8Array(gunzipSync(await readFile(join(dataDir, "part.rlp.gz"))))).toEqual(
    concatBytes(...blocks.slice(2, 4)),
  );
  expect(await ask(rpc, "admin_importChain", "chain.rlp")).toBe(true);

  await mkdir(join(root, "outside"));
  await writeFile(join(root, "outside", "victim"), "precious");
  await symlink(join(root, "outside"), join(dataDir, "link"));
  await symlink(join(root, "outside", "victim"), join(dataDir, "victim"));
  const existing = { code: -32000, message: "location would overwrite an existing file" };
  const outside = { code: -32602, message: "the file must be inside the data directory" };
  const missing = { code: -32000, message: "there is no such file or folder" };
  for (const [file, why] of [
    ["chain.rlp", existing],
    ["victim", existing],
    ["../outside/new", outside],
    ["../../etc/x", { code: expect.any(Number) }],
    ["link/new", outside],
    [join(root, "outside", "new"), outside],
    ["nowhere/new", missing],
  ] as const)
    await expect(ask(rpc, "admin_exportChain", file)).rejects.toMatchObject(why);
  for (const [file, why] of [
    ["../outside/victim", outside],
    ["victim", outside],
    ["link/victim", outside],
    ["/etc/passwd", outside],
    ["nothing", missing],
    [".", missing],
  ] as const)
    await expect(ask(rpc, "admin_importChain", file)).rejects.toMatchObject(why);
  expect(await readFile(join(root, "outside", "victim"), "utf8")).toBe("precious");
});

test("RP-20 methods that touch files are not there over HTTP, and nowhere without a data directory", async () => {
  await using node = nodeWith();
  await node.start();
  for (const method of ["admin_exportChain", "admin_importChain"]) {
    const reply = await fetch(`http://${node.httpEndpoint}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: ["x"] }),
    });
    expect(await reply.json()).toMatchObject({ error: { code: -32601 } });
    await expect(ask(node.attach(), method, "x")).rejects.toMatchObject({ code: -32000 });
  }
});

test("miner_: sealing stops and starts again; vanity and gas limit are those of the blocks after", async () => {
  await using node = nodeWith("", { sealer: signer });
  await node.start();
  const rpc = node.attach();
  const { chain, txPool } = node.service(Ethereum);
  const nextHead = () =>
    new Promise<number>((resolve) => {
      const subscription = chain.headEvents.subscribe(({ header }) => {
        subscription[Symbol.dispose]();
        resolve(header.number);
      });
    });
  const send = (nonce: bigint) =>
    ask(
      rpc,
      "eth_sendRawTransaction",
      toHex(
        encodeTransaction(
          signTransaction(
            {
              ...{ type: 0, chainId: 1337n, nonce, gas: 21_000n, gasPrice: 2_000_000_000n },
              ...{ to: new Uint8Array(20).fill(9), value: 1n, input: new Uint8Array(0) },
            },
            rich,
          ),
        ),
      ),
    );
  expect(await ask(rpc, "miner_stop")).toBeNull();
  await send(0n);
  expect(await ask(rpc, "txpool_status")).toEqual({ pending: "0x1", queued: "0x0" });
  expect(chain.head.number).toBe(0);
  expect(await ask(rpc, "miner_setExtra", "hello")).toBe(true);
  expect(await ask(rpc, "miner_setGasLimit", "0x1000000")).toBe(true);
  const sealed = nextHead();
  expect(await ask(rpc, "miner_start", 1)).toBeNull();
  expect(await sealed).toBe(1);
  expect(chain.head.extra.subarray(0, 5)).toEqual(utf8Encode("hello"));
  expect(chain.head.gasLimit).not.toBe(chain.genesis.gasLimit);
  expect(await ask(rpc, "miner_setGasPrice", "0x77359400")).toBe(true);
  expect(txPool.priceLimit).toBe(2_000_000_000n);
  expect(await ask(rpc, "miner_setEtherbase", toHex(signer.address))).toBe(true);
  await expect(ask(rpc, "miner_setEtherbase", `0x${"11".repeat(20)}`)).rejects.toMatchObject({
    code: -32000,
  });
  await expect(ask(rpc, "miner_setRecommitInterval", 1000)).rejects.toMatchObject({ code: -32000 });
  await expect(ask(rpc, "miner_setExtra", "x".repeat(33))).rejects.toMatchObject({ code: -32000 });
  expect(await ask(rpc, "miner_getHashrate")).toBe(0);
});

test("debug_setHead goes back, without a signer nothing is sealed, and what is not kept says so", async () => {
  await using node = nodeWith();
  await node.start();
  await grow(node, 4);
  const rpc = node.attach();
  expect(await ask(rpc, "debug_setHead", "0x2")).toBeNull();
  expect(await ask(rpc, "eth_blockNumber")).toBe("0x2");
  await expect(ask(rpc, "miner_start")).rejects.toMatchObject({ code: -32000 });
  expect(await ask(rpc, "debug_getBadBlocks")).toEqual([]);
  await expect(ask(rpc, "debug_preimage", `0x${"11".repeat(32)}`)).rejects.toMatchObject({
    message: "unknown preimage",
  });
  const raw = await ask(rpc, "debug_getRawBlock", "0x1");
  expect(`0x${String(await ask(rpc, "debug_getBlockRlp", 1))}`).toBe(raw);
  expect(Object.keys((await ask(rpc, "rpc_modules")) as object)).toEqual(
    expect.arrayContaining(["admin", "clique", "debug", "eth", "miner", "txpool"]),
  );
});
