// A chain under London's rules, sealed by us, checked and served by geth 1.11.6: transactions of types 0, 1 and 2, base fees, typed
// receipts. Every block and every receipt that the light node proves is what the full node says.
import { LightEthereum } from "#les";
import { Node } from "#node";
import { toHex } from "#util";
import { expect, test } from "vitest";
import { eventContract, filledAccount, pingTopic, sealedChain } from "../kit/chains.ts";
import { requireGeth, startGeth } from "../kit/geth.ts";

interface Block {
  readonly transactions: readonly { readonly hash: string; readonly type: string }[];
}

test("geth 1.11.6, les/4, a London chain of 310 blocks", async ({ skip }) => {
  if ((await requireGeth("1.11.6", skip)) === undefined) return;
  const chain = await sealedChain({ blocks: 310, forks: "london" });
  await using geth = await startGeth({
    version: "1.11.6",
    role: "lightServer",
    genesis: chain.genesis,
    importFile: chain.file,
  });
  await using node = new Node({ name: "light", p2p: { staticNodes: [geth.enode] } });
  node.register((context) => new LightEthereum(context, { genesis: chain.spec }));
  await node.start();
  const light = node.service(LightEthereum);
  expect((await light.synced({ signal: AbortSignal.timeout(60_000) })).number).toBe(310);
  const client = node.attach();
  const ask = <T>(method: string, params: unknown[]) => client.request({ method, params }) as Promise<T>;
  const types = new Set<string>();
  for (let number = 1; number <= chain.head; number++) {
    const tag = `0x${number.toString(16)}`;
    const theirs = await geth.rpc<Block>("eth_getBlockByNumber", [tag, true]);
    const ours = await ask<Block>("eth_getBlockByNumber", [tag, true]);
    expect(ours, `block ${number}`).toMatchObject(theirs);
    for (const { hash, type } of theirs.transactions) {
      types.add(type);
      if (number % 3 !== 0) continue;
      expect(await ask("eth_getTransactionReceipt", [hash])).toMatchObject(
        await geth.rpc<object>("eth_getTransactionReceipt", [hash]),
      );
    }
  }
  expect([...types].sort()).toEqual(["0x0", "0x1", "0x2"]);
  const filter = {
    fromBlock: "0x1",
    toBlock: "0x136",
    address: toHex(eventContract),
    topics: [toHex(pingTopic)],
  };
  const logs = await geth.rpc<object[]>("eth_getLogs", [filter]);
  expect(logs.length).toBeGreaterThan(100);
  expect(await ask("eth_getLogs", [filter])).toMatchObject(logs);
  const fees = ["0x14", "latest", [10, 90]];
  expect(await ask("eth_feeHistory", fees)).toMatchObject(await geth.rpc<object>("eth_feeHistory", fees));
  const balance = [toHex(filledAccount(7)), "latest"];
  expect(await ask("eth_getBalance", balance)).toBe(await geth.rpc("eth_getBalance", balance));
  expect(light.status().lies).toBe(0);
});
