// Both geths bring themselves up to a chain that only a node of ours has: 2,000 blocks with 20,000 transactions, with a reorg on the way,
// and another node of ours, which only the geths feed, goes over to the better chain while they do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Block } from "#core/types";
import { toHex } from "#util";
import { sealedChain } from "../kit/chains.ts";
import { type FullNode, startFullNode } from "../kit/full-node.ts";
import { type Geth, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const options = { blocks: 2000, transactions: 10, accounts: 2000, forks: "istanbul" } as const;
const versions = ["1.9.25", "1.11.6"] as const;
/** geth asks for an announced chain after ten seconds at most; the machine may be busy. */
const patience = 240_000;

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "glim-eth-serve-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Answer = { readonly hash: string; readonly stateRoot: string; readonly transactions: readonly string[] };

const blockOf = async (geth: Geth, number: number) =>
  await geth.rpc<Answer>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);

const said = ({ header, transactions }: Block): Answer => ({
  hash: toHex(header.hash),
  stateRoot: toHex(header.stateRoot),
  transactions: transactions.map(({ hash }) => toHex(hash)),
});

const followed = (node: FullNode, block: Block) =>
  until(
    `block ${block.header.number} on our node that follows`,
    () => node.ethereum.chain.isCanonical(block.header),
    patience,
  );

test("2,000 blocks and a reorg of 60 from us to both geths, and through them to a second node of ours", async ({
  skip,
}) => {
  for (const version of versions) if ((await requireGeth(version, skip)) === undefined) return;
  const chain = await sealedChain(options);
  const forked = await sealedChain({ ...options, blocks: 500, branch: { from: 460, blocks: 60 } });
  const better = await chain.blocks();
  const branch = [...(await forked.blocks()).slice(0, 460), ...(await forked.branchBlocks())];
  const [oldHead, newHead] = [branch.at(-1), better.at(-1)];
  if (oldHead === undefined || newHead === undefined) throw new Error("blocks");
  await using ours = await startFullNode({ spec: chain.spec, blocks: branch });
  const start = (version: (typeof versions)[number]) =>
    startGeth({ version, role: "full", genesis: chain.genesis, peers: [ours.enode] });
  await using old = await start("1.9.25");
  await using young = await start("1.11.6");
  const geths = [old, young];
  // geth tells how far it is when a connection begins, and then of new blocks only: this node is started anew for each look
  const peers = geths.map(({ enode }) => enode);
  const startSecond = () => startFullNode({ spec: chain.spec, dataDir: join(folder, "second"), peers });
  for (const geth of geths) await geth.atBlock(520, patience);
  for (const geth of geths) expect(await blockOf(geth, 520)).toMatchObject(said(oldHead));
  {
    await using second = await startSecond();
    await followed(second, oldHead);
  }

  const { chain: own, protocolManager } = ours.ethereum;
  await own.insertBlocks(better);
  protocolManager.broadcastMined(newHead);
  // both geths have left the branch and are on their way: whoever follows them reorganises meanwhile
  for (const geth of geths) await geth.atBlock(540, patience);
  {
    await using second = await startSecond();
    await until(
      "the reorg on our second node",
      () => !second.ethereum.chain.isCanonical(oldHead.header),
      patience,
    );
  }
  for (const geth of geths) await geth.atBlock(2000, patience);
  await using second = await startSecond();
  await followed(second, newHead);

  let transactions = 0;
  for (const block of better) transactions += block.transactions.length;
  expect(transactions).toBeGreaterThanOrEqual(20_000);
  for (const block of better) {
    const { number } = block.header;
    expect(second.ethereum.chain.isCanonical(block.header)).toBe(true);
    if (number % 100 !== 0 && number !== 461 && number !== 520) continue;
    for (const geth of geths) expect(await blockOf(geth, number)).toMatchObject(said(block));
  }
  const { chain: followers } = second.ethereum;
  expect(followers.hasState(followers.head)).toBe(true);
  expect(followers.headerByHash(oldHead.header.hash)?.number).toBe(520);
  expect(followers.isCanonical(oldHead.header)).toBe(false);
});
