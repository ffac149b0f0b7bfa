// Three full nodes of ours in a line over loopback: what the ends do reaches each other through the one between.
import { expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { encodeTransaction, signTransaction } from "#core/types";
import { addressOf, publicKeyOf } from "#crypto";
import { devGenesis } from "#params";
import { toHex } from "#util";
import { namedKey } from "../kit/clique.ts";
import { startFullNode } from "../kit/full-node.ts";
import { until } from "../kit/until.ts";

test("blocks go down a line of three nodes, transactions go up, and all stop cleanly", async () => {
  const [key, user] = [namedKey("sealer of the line"), namedKey("user of the line")];
  const spec = devGenesis(
    { [toHex(addressOf(publicKeyOf(user)))]: 10n ** 24n },
    { signers: [addressOf(publicKeyOf(key))] },
  );
  await using first = await startFullNode({ spec, sealer: keySigner(key), period: 0 });
  await using middle = await startFullNode({ spec, peers: [first.enode] });
  await using last = await startFullNode({ spec, peers: [middle.enode] });
  const nodes = [first, middle, last];
  await until("the line to stand", () => {
    const counts = nodes.map(({ ethereum }) => ethereum.protocolManager.peers.size);
    return counts.join() === "1,2,1";
  });
  for (const peer of middle.ethereum.protocolManager.peers) expect(peer.version).toBe(68);

  const transfer = (nonce: bigint) =>
    signTransaction(
      {
        ...{
          type: 2,
          chainId: spec.config.chainId,
          nonce,
          maxFeePerGas: 10n ** 10n,
          maxPriorityFeePerGas: 10n ** 9n,
        },
        ...{
          gas: 21_000n,
          to: new Uint8Array(20).fill(1),
          value: 1n,
          input: new Uint8Array(),
          accessList: [],
        },
      },
      user,
    );
  // the first block: nobody takes transactions of peers before it
  await first.rpc.request({
    method: "eth_sendRawTransaction",
    params: [toHex(encodeTransaction(transfer(0n)))],
  });
  await until("block 1 everywhere", () => nodes.every(({ ethereum }) => ethereum.chain.head.number === 1));
  await last.rpc.request({
    method: "eth_sendRawTransaction",
    params: [toHex(encodeTransaction(transfer(1n)))],
  });
  await until("its transaction mined by the other end, and back", () =>
    last.ethereum.chain.transaction(transfer(1n).hash),
  );
  expect(new Set(nodes.map(({ ethereum }) => toHex(ethereum.chain.head.hash))).size).toBe(1);
  expect(nodes.map(({ ethereum }) => ethereum.pendingTransactions().length)).toEqual([0, 0, 0]);
  const info = await last.rpc.request<{ protocols: Record<string, Record<string, unknown>> }>({
    method: "admin_nodeInfo",
    params: [],
  });
  expect(info.protocols["eth"]).toMatchObject({
    network: Number(spec.config.chainId),
    genesis: toHex(first.ethereum.chain.genesis.hash),
    head: toHex(first.ethereum.chain.head.hash),
  });
});
