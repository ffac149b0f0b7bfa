// A full node of ours brings itself up to a real geth's head: 2,000 blocks with 20,000 transactions, executed or by fast
// sync, with a reorg in between; a node that is killed on the way goes on where it was.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlockChain } from "#core";
import { toHex } from "#util";
import { eventContract, filledAccount, type SealedChain, sealedChain, stateContract } from "../kit/chains.ts";
import { startFullNode } from "../kit/full-node.ts";
import { type Geth, requireGeth, startGeth } from "../kit/geth.ts";
import { stateEntries } from "../kit/state-entries.ts";
import { until } from "../kit/until.ts";

const options = { blocks: 2000, transactions: 10, accounts: 2000, forks: "istanbul" } as const;
/** geth needs to know of an announced chain for this long at most (ten-second rounds, a busy machine). */
const patience = 240_000;

let served: SealedChain;

beforeAll(async () => {
  served = await sealedChain(options);
});

const startServer = (version: "1.9.25" | "1.11.6"): Promise<Geth> =>
  startGeth({ version, role: "full", genesis: served.genesis, importFile: served.file });

/** Hashes, state roots and transaction counts of a sample of blocks, and of the head, are geth's. */
async function expectSame(chain: BlockChain, geth: Geth) {
  expect(chain.head.number).toBe(served.head);
  let transactions = 0;
  for (let number = 0; number <= served.head; number++) {
    const header = chain.headerByNumber(number);
    const body = header && chain.body(header);
    if (header === undefined || body === undefined) throw new Error(`no block #${number}`);
    expect(chain.receipts(header)).toHaveLength(body.transactions.length);
    transactions += body.transactions.length;
    if (number % 250 !== 0) continue;
    const theirs = await geth.rpc<{ hash: string; stateRoot: string; transactions: string[] }>(
      "eth_getBlockByNumber",
      [`0x${number.toString(16)}`, false],
    );
    expect(theirs).toMatchObject({ hash: toHex(header.hash), stateRoot: toHex(header.stateRoot) });
    expect(theirs.transactions).toEqual(body.transactions.map(({ hash }) => toHex(hash)));
  }
  expect(transactions).toBeGreaterThanOrEqual(20_000);
  // every node and code of the head's state is here
  stateEntries(chain, chain.head.stateRoot);
}

async function expectSameReads(
  ours: { request(call: { method: string; params: readonly unknown[] }): Promise<unknown> },
  geth: Geth,
) {
  const last = await geth.rpc<{ transactions: string[] }>("eth_getBlockByNumber", ["latest", false]);
  const reads: readonly (readonly [string, readonly unknown[]])[] = [
    ["eth_getBalance", [toHex(filledAccount(1999)), "latest"]],
    ["eth_getStorageAt", [toHex(stateContract), "0x7cf", "latest"]],
    ["eth_getCode", [toHex(eventContract), "latest"]],
    ["eth_getTransactionCount", [toHex(served.users[0]?.address ?? new Uint8Array(20)), "latest"]],
  ];
  for (const [method, params] of reads)
    expect(await ours.request({ method, params })).toEqual(await geth.rpc(method, params));
  const receipt = ["eth_getTransactionReceipt", [last.transactions[0]]] as const;
  const theirs = await geth.rpc<object>(...receipt);
  // ours has the fields of later geths too
  expect(await ours.request({ method: receipt[0], params: receipt[1] })).toMatchObject(theirs);
}

describe.each(["1.9.25", "1.11.6"] as const)("full sync from geth %s", (version) => {
  test("2,000 blocks with 20,000 transactions, after a branch of our own: every root is equal", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    await using geth = await startServer(version);
    // 500 blocks of the chain, then 40 of another: the way to geth's head is a reorg
    const forked = await sealedChain({ ...options, blocks: 500, branch: { from: 460, blocks: 60 } });
    const own = [...(await forked.blocks()).slice(0, 460), ...(await forked.branchBlocks())];
    await using node = await startFullNode({ spec: served.spec, blocks: own });
    expect(node.ethereum.chain.head.number).toBe(520);
    node.addPeer(geth.enode);
    await node.atBlock(served.head, patience);
    await expectSame(node.ethereum.chain, geth);
    await expectSameReads(node.rpc, geth);
    expect(node.ethereum.chain.isCanonical(own.at(-1)?.header ?? node.ethereum.chain.genesis)).toBe(false);
  });
});

// 1.11.6 speaks eth/66 to 68, of which only 66 has node data
describe.each(["1.9.25", "1.11.6"] as const)("fast sync from geth %s", (version) => {
  let folder = "";
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "glim-eth-sync-"))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("2,000 blocks: state by node data, the last 64 executed; stopped on the way it goes on where it was", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    await using geth = await startServer(version);
    const dataDir = join(folder, "node");
    const start = () => startFullNode({ spec: served.spec, syncMode: "fast", dataDir, peers: [geth.enode] });
    {
      await using first = await start();
      const { fast } = first.ethereum.chain;
      await until("some of the fast sync", () => fast.head.number > 100, patience);
    }
    await using node = await start();
    const { chain } = node.ethereum;
    expect(chain.head.number === 0 ? chain.fast.head.number : chain.head.number).toBeGreaterThan(100);
    await node.atBlock(served.head, patience);
    expect(chain.fast.pivot).toBe(served.head - 64);
    await expectSame(chain, geth);
    await expectSameReads(node.rpc, geth);
  });
});
