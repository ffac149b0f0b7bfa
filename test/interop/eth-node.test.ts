// A full node of ours beside a real geth: either follows the other, blocks and transactions cross in both directions.
import { describe, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { encodeTransaction, signTransaction, type Transaction } from "#core/types";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import { filledAccount, sealedChain } from "../kit/chains.ts";
import { namedKey } from "../kit/clique.ts";
import { startFullNode, type FullNode } from "../kit/full-node.ts";
import { cliqueGenesis, type Geth, minerKey, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const key = fromHex(`0x${minerKey}`) as PrivateKey; // in range
const user = namedKey("user of both nodes");
const userAddress = addressOf(publicKeyOf(user));
const versions = ["1.9.25", "1.11.6"] as const;

const transfer = (nonce: number): Transaction =>
  signTransaction(
    {
      ...{ type: 0, chainId: 1337n, nonce: BigInt(nonce), gasPrice: 2_000_000_000n, gas: 21_000n },
      ...{ to: new Uint8Array(20).fill(0xaa), value: 1n, input: new Uint8Array() },
    },
    user,
  );

/** A network with a block a second and a rich user, sealed by the miner key. */
function network() {
  const signer = toHex(addressOf(publicKeyOf(key)));
  const rich = { balance: "0x100000000000000000000000" };
  return cliqueGenesis(signer, { [signer.slice(2)]: rich, [toHex(userAddress).slice(2)]: rich });
}

/** Hash and state root of a block on both sides. */
async function sameBlock(ours: FullNode, geth: Geth, number: number) {
  const mine = ours.ethereum.chain.headerByNumber(number);
  const theirs = await geth.rpc<Record<string, string> | null>("eth_getBlockByNumber", [
    `0x${number.toString(16)}`,
    false,
  ]);
  expect([theirs?.["hash"], theirs?.["stateRoot"]]).toEqual([
    toHex(mine?.hash ?? new Uint8Array()),
    toHex(mine?.stateRoot ?? new Uint8Array()),
  ]);
}

describe.each(versions)("geth %s", (version) => {
  test("it seals, we follow: its blocks and transactions reach us, ours reach it and are mined", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = network();
    await using geth = await startGeth({ version, role: "miner", genesis });
    await geth.atBlock(5);
    await using ours = await startFullNode({ spec: parseGenesis(genesis), peers: [geth.enode] });
    await ours.atBlock(5);
    const head = Number(await geth.rpc<string>("eth_blockNumber"));
    await ours.atBlock(head + 2); // not by the ten-second rounds of synchronisation alone
    await sameBlock(ours, geth, head + 2);

    const [first, second] = [transfer(0), transfer(1)];
    await ours.rpc.request({ method: "eth_sendRawTransaction", params: [toHex(encodeTransaction(first))] });
    await until("our transaction in a block, seen by us", () => ours.ethereum.chain.transaction(first.hash));
    await geth.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(second))]);
    await until("its transaction in a block, seen by us", () => ours.ethereum.chain.transaction(second.hash));
    expect(ours.node.server?.peers.size).toBe(1);
  });

  test("we seal, it follows from us alone: our blocks reach it, its transactions are mined by us", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = network();
    await using ours = await startFullNode({
      spec: parseGenesis(genesis),
      sealer: keySigner(key),
      period: 1,
    });
    await ours.atBlock(3);
    await using geth = await startGeth({ version, role: "full", genesis, peers: [ours.enode] });
    await geth.atBlock(3);
    const { number } = ours.ethereum.chain.head;
    await geth.atBlock(number + 2);
    await sameBlock(ours, geth, number + 2);
    const tx = transfer(0);
    await geth.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
    await until("its transaction mined by us", () => ours.ethereum.chain.transaction(tx.hash));
    const receipt = await until("the receipt at geth", () =>
      geth
        .rpc<Record<string, unknown> | null>("eth_getTransactionReceipt", [toHex(tx.hash)])
        .then((r) => r ?? undefined),
    );
    expect(receipt).toMatchObject({ status: "0x1" });
  });
});

test("geth 1.9.25 fast-syncs from us alone: receipts, and the state of a block by our node data", async ({
  skip,
}) => {
  if ((await requireGeth("1.9.25", skip)) === undefined) return;
  const sealed = await sealedChain({ blocks: 600, accounts: 2000 });
  await using ours = await startFullNode({ spec: sealed.spec, blocks: await sealed.blocks() });
  await using geth = await startGeth({
    ...{ version: "1.9.25", role: "full", genesis: sealed.genesis, peers: [ours.enode] },
    flags: ["--syncmode", "fast"],
  });
  await geth.atBlock(600, 120_000);
  await sameBlock(ours, geth, 600);
  expect(geth.log()).toContain("Fast sync complete");
  const balance = await geth.rpc<string>("eth_getBalance", [toHex(filledAccount(1234)), "latest"]);
  expect(balance).toBe("0x1");
});
