// A node of ours on a chain after the merge, with nobody to tell it the head: it follows the longest valid chain of its geths by
// itself, over eth/69 (1.17.5) and eth/68 (1.11.6), block by block, and from one branch to a longer one.
import { describe, expect, test } from "vitest";
import { parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import {
  engineRpc,
  type MadeBlock,
  makeBlock,
  makeMergedChain,
  mergedGenesis,
  newPayload,
  setHead,
} from "../kit/engine.ts";
import { type FullNode, startFullNode } from "../kit/full-node.ts";
import { type Geth, type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

/** Every block up to that number has the hash, state root and receipts root that geth tells. */
async function expectSame({ ethereum: { chain } }: FullNode, geth: Geth, head: number) {
  for (let number = 0; number <= head; number++) {
    const ours = chain.headerByNumber(number);
    if (ours === undefined) throw new Error(`no block ${number}`);
    const theirs = await geth.rpc<object>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
    expect(theirs).toMatchObject({
      hash: toHex(ours.hash),
      stateRoot: toHex(ours.stateRoot),
      receiptsRoot: toHex(ours.receiptRoot),
    });
    expect(chain.hasState(ours)).toBe(true);
  }
}

const atHash = (node: FullNode, block: MadeBlock | undefined) =>
  until(`block ${block?.number} on our node`, () => toHex(node.ethereum.chain.head.hash) === block?.hash);

const cases: readonly (readonly [GethVersion, number, number])[] = [
  ["1.17.5", 69, 40],
  ["1.11.6", 68, 8],
];

describe.each(cases)("geth %s, eth/%i", (version, eth, count) => {
  const genesis = mergedGenesis({ forks: version === "1.11.6" ? "shanghai" : "osaka" });

  test("a fresh node syncs its chain, then follows each block that its Engine API makes", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    await using geth = await startGeth({ version, role: "full", genesis });
    using engine = engineRpc(geth);
    const made = await makeMergedChain(geth, count);
    await using node = await startFullNode({ spec: parseGenesis(genesis), peers: [geth.enode] });
    await node.atBlock(count, 60_000);
    await expectSame(node, geth, count);
    let last = made.at(-1);
    for (let number = count + 1; number <= count + 3; number++) {
      last = await makeBlock(engine, last?.hash ?? "0x", number, 0);
      await atHash(node, last);
    }
    await expectSame(node, geth, count + 3);
    expect(await node.rpc.request({ method: "eth_syncing", params: [] })).toBe(false);
    expect([...node.ethereum.protocolManager.peers].map((peer) => peer.version)).toEqual([eth]);
    expect(node.ethereum.protocolManager.acceptTxs).toBe(true);
  });
});

test("two branches: the longer one is followed, and left again when the other outgrows it", async ({
  skip,
}) => {
  if ((await requireGeth("1.17.5", skip)) === undefined) return;
  const genesis = mergedGenesis();
  await using a = await startGeth({ version: "1.17.5", role: "full", genesis });
  await using b = await startGeth({ version: "1.17.5", role: "full", genesis });
  using engineA = engineRpc(a);
  using engineB = engineRpc(b);
  const common = await makeMergedChain(a, 5);
  for (const block of common) {
    expect(await newPayload(engineB, block)).toBe("VALID");
    expect(await setHead(engineB, block)).toBe("VALID");
  }
  const grow = async (engine: typeof engineA, parent: MadeBlock, to: number, extra: number) => {
    let last = parent;
    while (last.number < to) last = await makeBlock(engine, last.hash, last.number + 1, 0, extra);
    return last;
  };
  const fork = common.at(-1);
  if (fork === undefined) throw new Error("no blocks were made");
  const sevenOfA = await grow(engineA, fork, 7, 0);
  await using node = await startFullNode({ spec: parseGenesis(genesis), peers: [a.enode] });
  await atHash(node, sevenOfA);
  const nineOfB = await grow(engineB, fork, 9, 500_000);
  node.addPeer(b.enode);
  await atHash(node, nineOfB);
  await expectSame(node, b, 9);
  const { chain } = node.ethereum;
  const old = chain.headerByHash(fromHex(sevenOfA.hash));
  expect(old !== undefined && !chain.isCanonical(old)).toBe(true);
  await atHash(node, await grow(engineA, sevenOfA, 11, 0));
  await expectSame(node, a, 11);
});
