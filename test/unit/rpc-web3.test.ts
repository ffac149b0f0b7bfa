// web3.js doing what people do with it, over HTTP, WebSocket, IPC and in process, of a real full node and of a light node beside it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EIP1193Provider, type SupportedProviders, Web3, type Web3APISpec } from "web3";
import { IpcProvider } from "web3-providers-ipc";
import { toHex } from "#util";
import { deployCode, probeAbi, probeCode } from "../kit/contract.ts";
import { probeAddress, users } from "../kit/full-backend.ts";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

/** The node under test; the suites of one kind share it. */
let node: RpcNode;

const providers: readonly [string, boolean, () => string | SupportedProviders][] = [
  ["http", false, () => node.httpUrl],
  ["websocket", true, () => node.wsUrl],
  ["ipc", true, () => new IpcProvider(node.ipcPath)],
  // as: an EIP-1193 provider by structure
  ["in process", false, () => node.client as unknown as EIP1193Provider<Web3APISpec>],
];

/** Mines what comes to the pool until it is settled. */
async function whileMining<T>(waiting: PromiseLike<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  waiting.then(over, over);
  while (!isOver) {
    if (node.full.ethereum.pendingTransactions().length > 0) await node.mine();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return waiting;
}

describe.each(["full", "light"] as const)("a %s node and web3.js", (kind) => {
  beforeAll(async () => {
    node = await rpcNode(kind);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  describe.each(providers)("over %s", (_name, isLive, provider) => {
    let web3: Web3;
    const [alice, bob] = users;
    const to = bob?.address ?? "0x";
    let from = "";
    const contract = () => new web3.eth.Contract(probeAbi, probeAddress);
    beforeAll(() => {
      web3 = new Web3(provider());
      web3.eth.transactionPollingInterval = 20;
      from = web3.eth.accounts.wallet.add(alice?.hexKey ?? "0x").get(0)?.address ?? "";
    });
    afterAll(() => {
      const { currentProvider } = web3;
      if (isLive) currentProvider?.disconnect?.(1000, "");
    });

    test("chain, blocks, fees", async () => {
      await node.mine();
      expect(await web3.eth.getChainId()).toBe(1337n);
      expect(await web3.eth.net.getId()).toBe(1337n);
      expect(await web3.eth.net.isListening()).toBe(true);
      expect(await web3.eth.getNodeInfo()).toMatch(new RegExp(`${kind}-backend`));
      const number = await web3.eth.getBlockNumber();
      const block = await web3.eth.getBlock(number, true);
      expect(block.number).toBe(number);
      expect((await web3.eth.getBlock(block.hash)).stateRoot).toBe(block.stateRoot);
      expect((await web3.eth.getBlock("earliest")).number).toBe(0n);
      expect(await web3.eth.getBlockTransactionCount("earliest")).toBe(0n);
      expect(await web3.eth.getBlockUncleCount("earliest")).toBe(0n);
      expect(await web3.eth.getGasPrice()).toBeGreaterThan(0n);
      expect(await web3.eth.getMaxPriorityFeePerGas()).toBeGreaterThanOrEqual(0n);
      expect((await web3.eth.getFeeHistory(1, "latest", [50])).gasUsedRatio).toHaveLength(1);
      expect((await web3.eth.calculateFeeData()).maxFeePerGas).toBeGreaterThan(0n);
      expect(await web3.eth.isSyncing()).toBe(false);
    });

    test("accounts: balance, code, storage, proof, nonce", async () => {
      expect(await web3.eth.getBalance(probeAddress)).toBe(5n);
      expect(await web3.eth.getCode(probeAddress)).toBe(toHex(probeCode));
      expect(await web3.eth.getStorageAt(probeAddress, 1)).toBe(`0x${"00".repeat(31)}ab`);
      expect(await web3.eth.getTransactionCount(probeAddress)).toBe(1n);
      const proof = await web3.eth.getProof(probeAddress, [`0x${"00".repeat(31)}01`], "latest");
      expect(proof.storageProof[0]?.value).toBe(0xabn);
    });

    test("sends, waits for the receipt, finds the transaction", async () => {
      const receipt = await whileMining(web3.eth.sendTransaction({ from, to, value: 1n }));
      expect(receipt).toMatchObject({ status: 1n, gasUsed: 21_000n });
      const hash = receipt.transactionHash;
      expect(await web3.eth.getTransaction(hash)).toMatchObject({ hash, blockNumber: receipt.blockNumber });
      expect(await web3.eth.getTransactionReceipt(hash)).toMatchObject({ blockHash: receipt.blockHash });
      expect(await web3.eth.getTransactionFromBlock(String(receipt.blockHash), 0)).toMatchObject({ hash });
      await expect(web3.eth.sendTransaction({ from, to, value: 1n, nonce: 0n })).rejects.toThrow(
        /nonce too low/,
      );
    });

    test("contracts: deploy, call, send, estimate, past events, reverts decoded", async () => {
      const deploying = new web3.eth.Contract(probeAbi)
        .deploy({ data: toHex(deployCode(probeCode)) })
        .send({ from, gas: "3000000" });
      const made = await whileMining(deploying);
      expect(await made.methods["get"]?.().call()).toBe(0n);
      const receipt = await whileMining(made.methods["set"]?.(77n).send({ from }) ?? Promise.reject());
      expect(receipt.events?.["Changed"]?.returnValues["value"]).toBe(77n);
      expect(await made.methods["get"]?.().call()).toBe(77n);
      expect(await made.methods["set"]?.(5n).estimateGas({ from })).toBeGreaterThan(21_000n);
      const past = await made.getPastEvents("Changed", { fromBlock: receipt.blockNumber });
      expect(past).toHaveLength(1);
      await expect(contract().methods["fail"]?.().call({ from })).rejects.toMatchObject({
        innerError: { errorArgs: { message: "no such luck" } },
      });
    });

    if (isLive)
      test("subscriptions: newHeads and logs", async () => {
        const heads = await web3.eth.subscribe("newHeads");
        const head = new Promise<bigint>((resolve) => {
          heads.on("data", ({ number }) => resolve(BigInt(number ?? 0)));
        });
        await node.mine();
        expect(await head).toBeGreaterThan(0n);
        await heads.unsubscribe();
        const logs = await web3.eth.subscribe("logs", { address: probeAddress });
        const log = new Promise<string>((resolve) => {
          logs.on("data", ({ address }) => resolve(String(address)));
        });
        await whileMining(contract().methods["set"]?.(6n).send({ from }) ?? Promise.reject());
        expect(await log).toBe(probeAddress);
        await logs.unsubscribe();
      });
  });
});
