// geth's light clients on our LES server: what they read is what our full node says, and what they send is mined.
import { describe, expect, test } from "vitest";
import { encodeTransaction, signTransaction } from "#core/types";
import { fromHex, toHex } from "#util";
import { filledAccount, sealedChain, stateContract, eventContract } from "../kit/chains.ts";
import { type Geth, type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { startLesNode } from "../kit/les-node.ts";
import { until } from "../kit/until.ts";
import type { LesVersion } from "#les/protocol";

const cases: { version: GethVersion; speaks: LesVersion; offered: readonly LesVersion[] }[] = [
  { version: "1.9.25", speaks: 3, offered: [4, 3, 2] },
  { version: "1.9.25", speaks: 2, offered: [2] },
  { version: "1.11.6", speaks: 4, offered: [4, 3, 2] },
];

/** The same question to both ends. */
async function same(
  client: Geth,
  server: { request(call: { method: string; params: readonly unknown[] }): Promise<unknown> },
  method: string,
  ...params: unknown[]
) {
  const expected = await server.request({ method, params });
  const got = await until(`${method} through geth's light client`, async () => ({
    value: await client.rpc(method, params),
  }));
  expect(got.value).toEqual(expected);
  return expected;
}

describe.each(cases)("geth $version as light client, les/$speaks", ({ version, speaks, offered }) => {
  test("syncs, reads balance, storage, code, blocks and receipts, and sends a transaction", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const chain = await sealedChain({ blocks: 320, accounts: 2000, forks: "petersburg" });
    await using server = await startLesNode({ chain, les: { versions: offered } });
    await using client = await startGeth({
      version,
      role: "light",
      genesis: chain.genesis,
      peers: [server.enode],
    });
    await client.atBlock(chain.head, 120_000);
    const [connected] = server.les.clients.values();
    expect(connected?.peer.runs("les", speaks)).toBe(true);
    const balance = await same(client, server.rpc, "eth_getBalance", toHex(filledAccount(1234)), "latest");
    expect(balance).toBe("0x1");
    await same(client, server.rpc, "eth_getBalance", toHex(new Uint8Array(20).fill(0xee)), "latest");
    const slot = await same(client, server.rpc, "eth_getStorageAt", toHex(stateContract), "0x4d2", "latest");
    expect(Number(slot)).toBe(1235);
    const code = await same(client, server.rpc, "eth_getCode", toHex(eventContract), "latest");
    expect(String(code).length).toBeGreaterThan(10);
    await same(
      client,
      server.rpc,
      "eth_call",
      { to: toHex(stateContract), data: `0x${"7".padStart(64, "0")}` },
      "latest",
    );
    const block = await client.rpc<{ transactions: { hash: string }[] }>("eth_getBlockByNumber", [
      "0x10",
      true,
    ]);
    const ours = await server.rpc.request<{ transactions: { hash: string }[] }>({
      method: "eth_getBlockByNumber",
      params: ["0x10", true],
    });
    expect(block.transactions.map((tx) => tx.hash)).toEqual(ours.transactions.map((tx) => tx.hash));
    expect(block.transactions.length).toBeGreaterThan(0);

    const [user] = chain.users;
    if (user === undefined) throw new Error("the chain has no users");
    const nonce = BigInt(
      await server.rpc.request<string>({
        method: "eth_getTransactionCount",
        params: [toHex(user.address), "latest"],
      }),
    );
    const tx = signTransaction(
      {
        type: 0,
        chainId: 1337n,
        nonce,
        gasPrice: 2_000_000_000n,
        gas: 21_000n,
        to: fromHex("0x00000000000000000000000000000000000000aa"),
        value: 77n,
        input: new Uint8Array(),
      },
      user.key,
    );
    await client.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
    await until("the transaction in a block of our chain", async () =>
      server.ethereum.chain.transaction(tx.hash),
    );
    await client.atBlock(chain.head + 1);
    expect(await client.rpc("eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])).toBe(
      "0x4d",
    );
    const receipt = await until("its receipt at the light client", () =>
      client
        .rpc<Record<string, unknown> | null>("eth_getTransactionReceipt", [toHex(tx.hash)])
        .then((r) => r ?? undefined),
    );
    expect(receipt).toMatchObject({ status: "0x1", blockNumber: `0x${(chain.head + 1).toString(16)}` });
  });

  test("follows a reorg of twenty blocks on our server, and reads from the new chain", async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const chain = await sealedChain({ blocks: 310, accounts: 2000, branch: { from: 290, blocks: 25 } });
    await using server = await startLesNode({ chain, seals: false, les: { versions: offered } });
    await using client = await startGeth({
      version,
      role: "light",
      genesis: chain.genesis,
      peers: [server.enode],
    });
    await client.atBlock(310, 120_000);
    const hashAt = (number: number) =>
      client
        .rpc<{ hash: string }>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])
        .then(({ hash }) => hash);
    const old = await hashAt(300);
    await server.ethereum.chain.insertBlocks(await chain.branchBlocks());
    expect(server.ethereum.chain.head.number).toBe(315);
    await client.atBlock(315);
    for (const number of [290, 291, 300, 310, 315]) {
      const ours = server.ethereum.chain.headerByNumber(number);
      expect(await hashAt(number)).toBe(toHex(ours?.hash ?? new Uint8Array()));
    }
    expect(await hashAt(300)).not.toBe(old);
    await same(client, server.rpc, "eth_getBalance", toHex(filledAccount(7)), "latest");
    await same(client, server.rpc, "eth_getStorageAt", toHex(eventContract), "0x0", "latest");
  });
});
