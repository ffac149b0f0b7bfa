import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Clique, keySigner } from "#consensus/clique";
import { BlockChain } from "#core";
import { encodeTransaction, signTransaction, type TransactionFields } from "#core/types";
import { addressOf, generateKey, parsePrivateKey, publicKeyOf } from "#crypto";
import { openLevelStore } from "#ethdb";
import { nodeHost } from "#host/node";
import { silentLogger } from "#log";
import { Node } from "#node";
import { DEV_KEY, devGenesis } from "#params";
import { toHex } from "#util";
import { sealedWorld } from "../../test/kit/chains.ts";
import { Ethereum, type EthereumOptions } from "./index.ts";

const root = await mkdtemp(join(tmpdir(), "glim eth "));
afterAll(() => rm(root, { recursive: true, force: true }));

const rich = generateKey();
const richAddress = addressOf(publicKeyOf(rich));
const genesis = devGenesis({ [toHex(richAddress)]: 10n ** 20n }, { period: 0 });

function nodeWith(options: Partial<EthereumOptions> = {}, dataDir = "") {
  const node = new Node({ name: "test", dataDir });
  const sealer = keySigner(parsePrivateKey(DEV_KEY));
  node.register((context) => new Ethereum(context, { genesis, sealer, ...options }));
  return node;
}

/** A transfer of one wei. */
function transfer(nonce: bigint): string {
  const fields: TransactionFields = {
    type: 2,
    chainId: 1337n,
    nonce,
    gas: 21_000n,
    maxFeePerGas: 2_000_000_000n,
    maxPriorityFeePerGas: 1n,
    to: new Uint8Array(20).fill(9),
    value: 1n,
    input: new Uint8Array(),
    accessList: [],
  };
  return toHex(encodeTransaction(signTransaction(fields, rich)));
}

/** Resolves with the next head. */
function nextHead(node: Node): Promise<number> {
  const { headEvents } = node.service(Ethereum);
  return new Promise((resolve) => {
    const subscription = headEvents.subscribe((event) => {
      subscription[Symbol.dispose]();
      resolve(event.header.number);
    });
  });
}

test("with period 0 a transaction makes its block, and the RPC tells of it", async () => {
  await using node = nodeWith();
  await node.start();
  const rpc = node.attach();
  const sealed = nextHead(node);
  const hash = await rpc.request({ method: "eth_sendRawTransaction", params: [transfer(0n)] });
  expect(await sealed).toBe(1);
  const receipt = await rpc.request<Record<string, unknown>>({
    method: "eth_getTransactionReceipt",
    params: [hash],
  });
  expect(receipt).toMatchObject({ blockNumber: "0x1", status: "0x1", transactionHash: hash });
  expect(
    await rpc.request({ method: "eth_getBalance", params: [toHex(new Uint8Array(20).fill(9)), "latest"] }),
  ).toBe("0x1");
  expect(
    await rpc.request({ method: "eth_getTransactionCount", params: [toHex(richAddress), "pending"] }),
  ).toBe("0x1");
  expect(await rpc.request({ method: "eth_coinbase" })).toBe("0x71562b71999873db5b286df957af199ec94617f7");
});

test("a refused transaction gives geth's text, and its reason is the pool's", async () => {
  await using node = nodeWith({ sealer: undefined });
  await node.start();
  const rpc = node.attach();
  await rpc.request({ method: "eth_sendRawTransaction", params: [transfer(0n)] });
  await expect(
    rpc.request({ method: "eth_sendRawTransaction", params: [transfer(0n)] }),
  ).rejects.toMatchObject({ code: -32000, message: "already known" });
});

test("a transaction that waits is pending, without a block", async () => {
  await using node = nodeWith({ sealer: undefined });
  await node.start();
  const rpc = node.attach();
  const hash = await rpc.request({ method: "eth_sendRawTransaction", params: [transfer(0n)] });
  expect(await rpc.request({ method: "eth_getTransactionByHash", params: [hash] })).toMatchObject({
    blockHash: null,
    blockNumber: null,
    transactionIndex: null,
  });
  expect(await rpc.request({ method: "eth_getTransactionReceipt", params: [hash] })).toBeNull();
});

test("the chain is found again after a restart, in the same process and in a new node", async () => {
  const dataDir = join(root, "kept");
  const node = nodeWith({}, dataDir);
  await node.start();
  const sealed = nextHead(node);
  await node.attach().request({ method: "eth_sendRawTransaction", params: [transfer(0n)] });
  await sealed;
  await node.restart();
  expect(await node.attach().request({ method: "eth_blockNumber" })).toBe("0x1");
  await node.stop();
  await using again = nodeWith({}, dataDir);
  await again.start();
  expect(await again.attach().request({ method: "eth_blockNumber" })).toBe("0x1");
});

test("a data directory of another genesis is refused, exit code 2", async () => {
  const dataDir = join(root, "other genesis");
  const node = nodeWith({}, dataDir);
  await node.start();
  await node.stop();
  const other = nodeWith({ genesis: devGenesis({}, { period: 0, chainId: 5 }) }, dataDir);
  await expect(other.start()).rejects.toMatchObject({ code: "CORE_GENESIS_MISMATCH", exitCode: 2 });
});

test("a genesis without clique is refused by name", async () => {
  const { clique: _clique, ...config } = genesis.config;
  const node = nodeWith({ genesis: { ...genesis, config } });
  await expect(node.start()).rejects.toMatchObject({ code: "ETH_NEEDS_CLIQUE" });
});

test("ST-06 a stop ends a start that executes blocks again; the next start goes on with it", async () => {
  const world = sealedWorld({ forks: "london", transactions: 1 });
  const { spec } = world;
  const dataDir = join(root, "recovering");
  const open = () => openLevelStore(join(dataDir, "test", "chaindata"), {});
  const chainIn = (db: Awaited<ReturnType<typeof open>>) => {
    const engine = new Clique(spec.config.clique ?? { period: 0, epoch: 0 }, db);
    return new BlockChain({ db, genesis: spec, engine, clock: nodeHost().clock, gcMode: "full" });
  };
  // what a crash leaves: blocks without the state of the last ones
  await mkdir(join(dataDir, "test"), { recursive: true });
  const db = await open();
  const blocks = [];
  while (blocks.length < 20) blocks.push(await world.next());
  await chainIn(db).insertBlocks(blocks);
  await db.close();
  let stopped: Promise<void> | undefined;
  const start = (onRecovery: (node: Node) => void) => {
    const logger = Object.create(silentLogger) as typeof silentLogger; // as: it is one, with another `info`
    Object.assign(logger, {
      info: (message: string) => {
        if (message.startsWith("executing blocks again")) onRecovery(node);
      },
    });
    const node: Node = new Node({ name: "test", dataDir, logger });
    node.register((context) => new Ethereum(context, { genesis: spec, gcMode: "full" }));
    return node;
  };
  const first = start((node) => {
    stopped = node.stop();
  });
  await expect(first.start()).rejects.toMatchObject({ code: "NODE_STOPPED_WHILE_STARTING" });
  await stopped;
  expect(first.isRunning).toBe(false);
  {
    await using again = await open();
    expect(chainIn(again).head.number).toBeLessThan(20); // nothing was lost, and not all was done
  }
  await using second = start(() => {});
  await second.start();
  expect(second.service(Ethereum).chain.head.number).toBe(20);
});
