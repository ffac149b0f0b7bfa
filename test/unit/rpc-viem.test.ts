// viem calling every method, over HTTP, WebSocket, IPC and in process, of a real full node and of a light node that reads all of it over les.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Client,
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  encodeFunctionData,
  getContract,
  type Hash,
  http,
  parseEther,
  type Transport,
  webSocket,
} from "viem";
import { ipc } from "viem/node";
import { privateKeyToAccount } from "viem/accounts";
import { toHex } from "#util";
import { deployCode, probeAbi, probeCode } from "../kit/contract.ts";
import { probeAddress, users } from "../kit/full-backend.ts";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

const chain = defineChain({
  id: 1337,
  name: "dev",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [] } },
});
/** The node under test; the suites of one kind share it. */
let node: RpcNode;

const address = probeAddress;
const abi = probeAbi;
const [alice, bob] = users.map((user) => ({ ...user, account: privateKeyToAccount(user.hexKey) }));

const transports: readonly [string, () => Transport][] = [
  ["http", () => http(node.httpUrl, { retryCount: 0 })],
  ["websocket", () => webSocket(node.wsUrl, { retryCount: 0, keepAlive: false, reconnect: false })],
  ["ipc", () => ipc(node.ipcPath, { retryCount: 0 })],
  ["in process", () => custom(node.client, { retryCount: 0 })],
];

/** The first thing a watcher tells; then it is stopped. */
function firstOf<T>(
  start: (heard: (value: T) => void, failed: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = start((value) => {
      stop();
      resolve(value);
    }, reject);
  });
}

/** Does `act` again and again until somebody heard of it: watchers that poll begin when they please. */
async function untilHeard<T>(heard: Promise<T>, act: () => Promise<unknown>): Promise<T> {
  let isHeard = false;
  void heard
    .catch(() => {})
    .then(() => {
      isHeard = true;
    });
  while (!isHeard) {
    await act();
    await node.mine();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return heard;
}

describe.each(["full", "light"] as const)("a %s node and viem", (kind) => {
  beforeAll(async () => {
    node = await rpcNode(kind);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  describe.each(transports)("over %s", (_name, transport) => {
    const open = () =>
      createPublicClient({ chain, transport: transport(), pollingInterval: 20, cacheTime: 0 });
    const wallet = (user = alice) =>
      createWalletClient({
        chain,
        transport: transport(),
        account: user?.account ?? "0x",
        pollingInterval: 20,
      });
    const close = async (client: Client) => {
      if (client.transport.type === "webSocket") (await client.transport["getRpcClient"]()).close();
    };
    let client: ReturnType<typeof open>;
    let sender: ReturnType<typeof wallet>;
    beforeAll(() => {
      client = open();
      sender = wallet();
    });
    afterAll(async () => {
      await close(client);
      await close(sender);
    });
    const mined = async (hash: Hash) => {
      const waiting = client.waitForTransactionReceipt({ hash });
      await node.mine();
      return waiting;
    };

    test("sendTransaction, sendRawTransaction, waitForTransactionReceipt, getTransaction*", async () => {
      const to = bob?.address ?? "0x";
      const nonce = await client.getTransactionCount({ address: alice?.address ?? "0x" });
      const hash = await sender.sendTransaction({ to, value: parseEther("0.001") });
      expect(await client.getTransactionCount({ address: alice?.address ?? "0x", blockTag: "pending" })).toBe(
        nonce + 1,
      );
      expect(await client.getTransaction({ hash })).toMatchObject({
        hash,
        blockHash: null,
        blockNumber: null,
        transactionIndex: null,
      });
      await expect(client.getTransactionReceipt({ hash })).rejects.toThrow(/could not be found/);
      const receipt = await mined(hash);
      expect(receipt).toMatchObject({ status: "success", type: "eip1559", to, gasUsed: 21_000n });
      const tx = await client.getTransaction({ hash });
      expect(tx).toMatchObject({ blockHash: receipt.blockHash, transactionIndex: 0, chainId: 1337 });
      expect(await client.getTransaction({ blockHash: receipt.blockHash, index: 0 })).toEqual(tx);
      expect(await client.getTransaction({ blockNumber: receipt.blockNumber, index: 0 })).toEqual(tx);
      expect(await client.getTransactionConfirmations({ hash })).toBeGreaterThan(0n);
      for (const type of ["legacy", "eip2930"] as const) {
        const gasPrice = await client.getGasPrice();
        const request = {
          type,
          to,
          value: 1n,
          gas: 50_000n,
          gasPrice: gasPrice * 2n,
          nonce: await client.getTransactionCount({ address: alice?.address ?? "0x" }),
        } as const;
        const serialized = await (alice?.account.signTransaction({
          ...request,
          chainId: 1337,
          ...(type === "eip2930" ? { accessList: [] } : {}),
        } as never) ?? "0x");
        expect(
          (
            await mined(
              await client.sendRawTransaction({ serializedTransaction: serialized as `0x02${string}` }),
            )
          ).type,
        ).toBe(type);
      }
      await expect(
        client.sendRawTransaction({ serializedTransaction: "0x02c0" as `0x02${string}` }),
      ).rejects.toThrow();
      await expect(sender.sendTransaction({ to, value: 1n, nonce: 0 })).rejects.toThrow(
        /nonce too low|Nonce provided/i,
      );
    });

    test("deployContract, readContract, writeContract, simulateContract, estimateContractGas, multicall", async () => {
      const receipt = await mined(
        await sender.deployContract({ abi: abi as never, bytecode: toHex(deployCode(probeCode)) }),
      );
      const deployed = receipt.contractAddress ?? "0x";
      expect(await client.getCode({ address: deployed })).toBe(toHex(probeCode));
      expect(await client.readContract({ address: deployed, abi, functionName: "get" })).toBe(0n);
      const { request } = await client.simulateContract({
        address: deployed,
        abi,
        functionName: "set",
        args: [99n],
        account: sender.account,
      });
      const written = await mined(await sender.writeContract(request));
      expect(written.logs).toHaveLength(1);
      expect(await client.readContract({ address: deployed, abi, functionName: "get" })).toBe(99n);
      expect(
        await getContract({ address: deployed, abi, client }).read.get({
          blockNumber: written.blockNumber - 1n,
        }),
      ).toBe(0n);
      expect(
        await client.estimateContractGas({
          address: deployed,
          abi,
          functionName: "set",
          args: [1n],
          account: sender.account,
        }),
      ).toBeGreaterThan(21_000n);
      const results = await client.multicall({
        deployless: true,
        contracts: [
          { address, abi, functionName: "slot", args: [1n] },
          { address: deployed, abi, functionName: "get" },
          { address, abi, functionName: "fail" },
        ],
      });
      expect(results.map((one) => [one.status, one.result])).toEqual([
        ["success", 0xabn],
        ["success", 99n],
        ["failure", undefined],
      ]);
    });

    test("a revert is decoded from the data of error 3", async () => {
      await expect(client.readContract({ address, abi, functionName: "fail" })).rejects.toThrow(
        /no such luck/,
      );
      await expect(client.readContract({ address, abi, functionName: "failCustom" })).rejects.toThrow(/Nope/);
      await expect(client.readContract({ address, abi, functionName: "panic" })).rejects.toThrow(
        /underflow or overflow/,
      );
    });

    test("accounts: getBalance, getCode, getStorageAt, getProof, call, estimateGas, createAccessList", async () => {
      expect(await client.getBalance({ address })).toBe(5n);
      expect(await client.getBalance({ address, blockTag: "pending" })).toBe(5n);
      expect(await client.getStorageAt({ address, slot: "0x1" })).toBe(`0x${"00".repeat(31)}ab`);
      const proof = await client.getProof({
        address,
        storageKeys: [`0x${"00".repeat(31)}01`, `0x${"77".repeat(32)}`],
      });
      expect(proof).toMatchObject({ balance: 5n, nonce: 1, storageProof: [{ value: 0xabn }, { value: 0n }] });
      expect(proof.accountProof.length).toBeGreaterThan(0);
      const data = encodeFunctionData({ abi, functionName: "slot", args: [1n] });
      expect((await client.call({ to: address, data })).data).toMatch(/ab$/);
      expect(
        (
          await client.call({
            to: address,
            data,
            stateOverride: [
              { address, stateDiff: [{ slot: `0x${"00".repeat(31)}01`, value: `0x${"11".repeat(32)}` }] },
            ],
          })
        ).data,
      ).toBe(`0x${"11".repeat(32)}`);
      expect(
        await client.estimateGas({ account: alice?.account ?? "0x", to: bob?.address ?? "0x", value: 1n }),
      ).toBe(21_000n);
      expect((await client.createAccessList({ to: address, data })).accessList).toHaveLength(1);
    });

    test("blocks: getBlockNumber, getBlock, counts, gasPrice, fees, history", async () => {
      await node.mine();
      const number = await client.getBlockNumber();
      const block = await client.getBlock({ blockNumber: number, includeTransactions: true });
      expect(await client.getBlock({ blockHash: block.hash, includeTransactions: true })).toEqual(block);
      expect((await client.getBlock({ blockTag: "earliest" })).number).toBe(0n);
      expect(await client.getBlock({ blockTag: "pending" })).toMatchObject({
        hash: null,
        number: number + 1n,
      });
      expect(await client.getBlockTransactionCount({ blockNumber: number })).toBe(block.transactions.length);
      expect(await client.getBlockTransactionCount({ blockHash: block.hash })).toBe(
        block.transactions.length,
      );
      await expect(client.getBlock({ blockTag: "safe" })).rejects.toThrow(/safe block not found/);
      await expect(client.getBlock({ blockNumber: number + 1_000n })).rejects.toThrow(/could not be found/);
      expect(await client.getChainId()).toBe(1337);
      expect(await client.getGasPrice()).toBeGreaterThan(0n);
      expect(await client.estimateMaxPriorityFeePerGas()).toBeGreaterThanOrEqual(0n);
      expect((await client.estimateFeesPerGas()).maxFeePerGas).toBeGreaterThan(0n);
      const history = await client.getFeeHistory({ blockCount: 2, rewardPercentiles: [25, 75] });
      expect(history.baseFeePerGas).toHaveLength(3);
      expect(history.reward).toHaveLength(2);
      expect(await client.getBlobBaseFee()).toBe(0n);
    });

    test("getLogs, event filters, block and transaction filters", async () => {
      const blocks = await client.createBlockFilter();
      const transactions = await client.createPendingTransactionFilter();
      const events = await client.createContractEventFilter({ address, abi, eventName: "Changed" });
      const hash = await sender.writeContract({ address, abi, functionName: "set", args: [123n] });
      const receipt = await mined(hash);
      expect(await client.getFilterChanges({ filter: blocks })).toContain(receipt.blockHash);
      expect(await client.getFilterChanges({ filter: transactions })).toContain(hash);
      expect(await client.getFilterChanges({ filter: events })).toMatchObject([
        { args: { value: 123n }, transactionHash: hash, removed: false },
      ]);
      expect(await client.getFilterChanges({ filter: events })).toEqual([]);
      expect(await client.getFilterLogs({ filter: events })).toHaveLength(1);
      for (const filter of [blocks, transactions, events])
        expect(await client.uninstallFilter({ filter })).toBe(true);
      const logs = await client.getContractEvents({
        address,
        abi,
        eventName: "Changed",
        fromBlock: 0n,
        toBlock: "latest",
      });
      expect(logs.at(-1)).toMatchObject({ args: { value: 123n } });
      expect(await client.getLogs({ blockHash: receipt.blockHash })).toHaveLength(1);
      await expect(client.getLogs({ fromBlock: 2n, toBlock: 1n })).rejects.toThrow(/invalid block range/);
    });

    test("watchBlocks, watchBlockNumber, watchContractEvent, watchEvent, watchPendingTransactions", async () => {
      const nothing = async () => {};
      const setValue = (value: bigint) =>
        sender.writeContract({ address, abi, functionName: "set", args: [value] });
      const block = firstOf<{ number: bigint | null }>((onBlock, onError) =>
        client.watchBlocks({ onBlock, onError }),
      );
      expect((await untilHeard(block, nothing)).number).toBeGreaterThan(0n);
      const number = firstOf<bigint>((onBlockNumber, onError) =>
        client.watchBlockNumber({ onBlockNumber, onError }),
      );
      expect(await untilHeard(number, nothing)).toBeGreaterThan(0n);
      const change = firstOf<readonly { args: { value?: bigint | undefined } }[]>((onLogs, onError) =>
        client.watchContractEvent({ address, abi, eventName: "Changed", onLogs, onError }),
      );
      expect((await untilHeard(change, () => setValue(7n)))[0]?.args.value).toBe(7n);
      const event = firstOf<readonly { topics: readonly Hash[] }[]>((onLogs, onError) =>
        client.watchEvent({ address, onLogs, onError }),
      );
      expect((await untilHeard(event, () => setValue(8n)))[0]?.topics).toHaveLength(2);
      const pending = firstOf<readonly Hash[]>((onTransactions, onError) =>
        client.watchPendingTransactions({ onTransactions, onError }),
      );
      expect((await untilHeard(pending, () => setValue(9n)))[0]).toMatch(/^0x[0-9a-f]{64}$/);
    });

    test("what viem has no action for: receipts of a block, uncles, raw transactions, syncing, accounts, net, web3", async () => {
      const hash = await sender.sendTransaction({ to: bob?.address ?? "0x", value: 1n });
      const { blockHash, blockNumber } = await mined(hash);
      const ask = (method: string, ...params: unknown[]) =>
        client.request({ method, params } as never) as Promise<unknown>;
      const number = `0x${blockNumber.toString(16)}`;
      expect(await ask("eth_getBlockReceipts", number)).toMatchObject([{ transactionHash: hash }]);
      expect(await ask("eth_getUncleCountByBlockNumber", number)).toBe("0x0");
      expect(await ask("eth_getUncleCountByBlockHash", blockHash)).toBe("0x0");
      expect(await ask("eth_getUncleByBlockNumberAndIndex", number, "0x0")).toBeNull();
      expect(await ask("eth_getUncleByBlockHashAndIndex", blockHash, "0x0")).toBeNull();
      const raw = await ask("eth_getRawTransactionByHash", hash);
      expect(raw).toMatch(/^0x02/);
      expect(await ask("eth_getRawTransactionByBlockNumberAndIndex", number, "0x0")).toBe(raw);
      expect(await ask("eth_getRawTransactionByBlockHashAndIndex", blockHash, "0x0")).toBe(raw);
      expect(await ask("eth_syncing")).toBe(false);
      expect(await ask("eth_accounts")).toEqual([]);
      expect(await ask("net_version")).toBe("1337");
      expect(await ask("net_listening")).toBe(true);
      expect(await ask("net_peerCount")).toBe(kind === "light" ? "0x1" : "0x0");
      expect(await ask("web3_clientVersion")).toMatch(new RegExp(`${kind}-backend`));
    });
  });
});
