// ethers calling every method, over HTTP, WebSocket, IPC and in process, of a real full node and of a light node that reads all of it over les.
import {
  type AbstractProvider,
  BrowserProvider,
  Contract,
  ContractFactory,
  type Eip1193Provider,
  IpcSocketProvider,
  isCallException,
  JsonRpcProvider,
  type JsonRpcApiProvider,
  NonceManager,
  parseEther,
  Wallet,
  WebSocketProvider,
} from "ethers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "#util";
import { deployCode, probeAbi, probeCode } from "../kit/contract.ts";
import { probeAddress, users } from "../kit/full-backend.ts";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

/** The node under test; the suites of one kind share it. */
let node: RpcNode;

const options = { pollingInterval: 20, cacheTimeout: -1, staticNetwork: true } as const;
const providers: readonly [string, () => JsonRpcApiProvider][] = [
  ["http", () => new JsonRpcProvider(node.httpUrl, 1337, options)],
  ["websocket", () => new WebSocketProvider(node.wsUrl, 1337, options)],
  ["ipc", () => new IpcSocketProvider(node.ipcPath, 1337, options)],
  // as: an EIP-1193 provider by structure; ethers' type wants a looser `params`
  ["in process", () => new BrowserProvider(node.client as unknown as Eip1193Provider, 1337, options)],
];

/** Acts and mines until something was heard: listeners that poll begin when they please. */
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

describe.each(["full", "light"] as const)("a %s node and ethers", (kind) => {
  beforeAll(async () => {
    node = await rpcNode(kind);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  describe.each(providers)("over %s", (_name, connect) => {
    let provider: JsonRpcApiProvider & AbstractProvider;
    let wallet: Wallet;
    const [alice, bob] = users;
    const to = bob?.address ?? "0x";
    const contract = () => new Contract(probeAddress, probeAbi as never, wallet);
    beforeAll(() => {
      provider = connect();
      wallet = new Wallet(alice?.hexKey ?? "0x", provider);
    });
    afterAll(async () => {
      await provider.removeAllListeners();
      provider.destroy();
    });

    test("sendTransaction, wait, getTransaction, getTransactionReceipt, broadcastTransaction, nonces", async () => {
      const nonce = await provider.getTransactionCount(wallet.address);
      const sent = await wallet.sendTransaction({ to, value: parseEther("0.001") });
      expect(await provider.getTransactionCount(wallet.address, "pending")).toBe(nonce + 1);
      expect(await provider.getTransaction(sent.hash)).toMatchObject({
        hash: sent.hash,
        blockHash: null,
        blockNumber: null,
      });
      expect(await provider.getTransactionReceipt(sent.hash)).toBeNull();
      const waiting = sent.wait();
      const receipt = await untilHeard(waiting, async () => {});
      expect(receipt).toMatchObject({
        status: 1,
        gasUsed: 21_000n,
        type: 2,
        to: expect.stringMatching(new RegExp(to, "i")),
      });
      expect(await provider.getTransaction(sent.hash)).toMatchObject({
        blockHash: receipt?.blockHash,
        index: 0,
      });
      for (const type of [0, 1]) {
        const signed = await wallet.signTransaction(
          await wallet.populateTransaction({ to, value: 1n, type }),
        );
        const { hash } = await provider.broadcastTransaction(signed);
        expect(await untilHeard(provider.waitForTransaction(hash), async () => {})).toMatchObject({
          status: 1,
          type,
        });
      }
      expect(await provider.getTransaction(`0x${"77".repeat(32)}`)).toBeNull();
      await expect(wallet.sendTransaction({ to, value: 1n, nonce: 0 })).rejects.toMatchObject({
        code: "NONCE_EXPIRED",
      });
      await expect(wallet.sendTransaction({ to, value: 1n << 90n, gasLimit: 21_000n })).rejects.toMatchObject(
        {
          code: "INSUFFICIENT_FUNDS",
        },
      );
      const several = new NonceManager(wallet);
      const both = await Promise.all(
        [1n, 2n].map((value) => several.sendTransaction({ to, value, gasLimit: 21_000n })),
      );
      await node.mine();
      for (const one of both) expect((await one.wait())?.status).toBe(1);
    });

    test("contracts: deploy, read, write, static call, estimate, reverts decoded", async () => {
      const factory = new ContractFactory(probeAbi as never, toHex(deployCode(probeCode)), wallet);
      const deploying = await factory.deploy();
      const deployed = await untilHeard(deploying.waitForDeployment(), async () => {});
      const made = new Contract(await deployed.getAddress(), probeAbi as never, wallet);
      expect(await made["get"]?.()).toBe(0n);
      const response = await made["set"]?.(77n);
      const receipt = (await untilHeard(response.wait(), async () => {})) as {
        logs: { args: unknown[] }[];
        blockNumber: number;
      };
      expect(receipt.logs[0]?.args[1]).toBe(77n);
      expect(await made["get"]?.()).toBe(77n);
      expect(await made["get"]?.({ blockTag: receipt.blockNumber - 1 })).toBe(0n);
      expect(await made["set"]?.estimateGas(5n)).toBeGreaterThan(21_000n);
      expect(await made["set"]?.staticCall(5n)).toBeDefined();
      const failure = await contract()
        ["fail"]?.()
        .catch((error: unknown) => error);
      expect(isCallException(failure) && failure.reason).toBe("no such luck");
      const own = await contract()
        ["failCustom"]?.()
        .catch((error: unknown) => error);
      expect(isCallException(own) && own.revert?.name).toBe("Nope");
      await expect(contract()["panic"]?.()).rejects.toMatchObject({ code: "CALL_EXCEPTION" });
      await expect(contract()["fail"]?.estimateGas()).rejects.toMatchObject({
        code: "CALL_EXCEPTION",
        reason: "no such luck",
      });
    });

    test("accounts and calls: getBalance, getCode, getStorage, call, estimateGas", async () => {
      expect(await provider.getBalance(probeAddress)).toBe(5n);
      expect(await provider.getBalance(probeAddress, "pending")).toBe(5n);
      expect(await provider.getCode(probeAddress)).toBe(toHex(probeCode));
      expect(await provider.getStorage(probeAddress, 1)).toBe(`0x${"00".repeat(31)}ab`);
      expect(
        await provider.call({
          to: probeAddress,
          data: contract().interface.encodeFunctionData("slot", [1n]),
        }),
      ).toMatch(/ab$/);
      expect(await provider.estimateGas({ from: wallet.address, to, value: 1n })).toBe(21_000n);
      await expect(provider.getBalance(probeAddress, "finalized")).rejects.toThrow(
        /finalized block not found/,
      );
    });

    test("blocks and fees: getNetwork, getBlockNumber, getBlock, getFeeData", async () => {
      await node.mine();
      expect((await provider.getNetwork()).chainId).toBe(1337n);
      const number = await provider.getBlockNumber();
      const block = await provider.getBlock(number, true);
      expect(block?.number).toBe(number);
      expect((await provider.getBlock(block?.hash ?? "", true))?.hash).toBe(block?.hash);
      expect((await provider.getBlock("earliest"))?.number).toBe(0);
      expect((await provider.getBlock("pending"))?.number).toBe(number + 1);
      expect(await provider.getBlock(number + 1_000)).toBeNull();
      const fees = await provider.getFeeData();
      expect(fees.gasPrice).toBeGreaterThan(0n);
      expect(fees.maxFeePerGas).toBeGreaterThan(0n);
    });

    test("logs: getLogs, queryFilter, on(event), on(block)", async () => {
      const response = await contract()["set"]?.(5n);
      const receipt = (await untilHeard(response.wait(), async () => {})) as {
        blockHash: string;
        blockNumber: number;
      };
      expect(await provider.getLogs({ address: probeAddress, blockHash: receipt.blockHash })).toHaveLength(1);
      const found = await contract().queryFilter("Changed", receipt.blockNumber, receipt.blockNumber);
      expect(found).toHaveLength(1);
      expect(await provider.getLogs({ address: to, fromBlock: 0, toBlock: "latest" })).toEqual([]);
      const block = new Promise<number>((resolve) => void provider.once("block", resolve));
      expect(await untilHeard(block, async () => {})).toBeGreaterThan(0);
      const listening = contract();
      const heard = new Promise<bigint>(
        (resolve) => void listening.once("Changed", (_by: string, value: bigint) => resolve(value)),
      );
      expect(await untilHeard(heard, async () => contract()["set"]?.(6n))).toBe(6n);
      const pending = new Promise<string>((resolve) => void provider.once("pending", resolve));
      expect(await untilHeard(pending, async () => contract()["set"]?.(6n))).toMatch(/^0x[0-9a-f]{64}$/);
      await listening.removeAllListeners();
    });

    test("what ethers has no method for goes through send", async () => {
      const ask = (method: string, ...params: unknown[]) => provider.send(method, params) as Promise<unknown>;
      const sent = await wallet.sendTransaction({ to, value: 1n });
      const receipt = await untilHeard(sent.wait(), async () => {});
      const { hash } = sent;
      const blockHash = receipt?.blockHash;
      const number = `0x${(receipt?.blockNumber ?? 0).toString(16)}`;
      expect(await ask("eth_getBlockReceipts", number)).toMatchObject([{ transactionHash: hash }]);
      expect(await ask("eth_getBlockTransactionCountByNumber", number)).toBe("0x1");
      expect(await ask("eth_getBlockTransactionCountByHash", blockHash)).toBe("0x1");
      expect(await ask("eth_getTransactionByBlockNumberAndIndex", number, "0x0")).toMatchObject({ hash });
      expect(await ask("eth_getTransactionByBlockHashAndIndex", blockHash, "0x0")).toMatchObject({ hash });
      expect(await ask("eth_getUncleCountByBlockNumber", number)).toBe("0x0");
      expect(await ask("eth_getUncleCountByBlockHash", blockHash)).toBe("0x0");
      expect(await ask("eth_getUncleByBlockNumberAndIndex", number, "0x0")).toBeNull();
      expect(await ask("eth_getUncleByBlockHashAndIndex", blockHash, "0x0")).toBeNull();
      const raw = await ask("eth_getRawTransactionByHash", hash);
      expect(await ask("eth_getRawTransactionByBlockNumberAndIndex", number, "0x0")).toBe(raw);
      expect(await ask("eth_getRawTransactionByBlockHashAndIndex", blockHash, "0x0")).toBe(raw);
      expect(await ask("eth_getProof", probeAddress, ["0x1"], "latest")).toMatchObject({
        balance: "0x5",
        storageProof: [{ key: "0x1", value: "0xab" }],
      });
      expect(
        await ask("eth_createAccessList", { to: probeAddress, data: "0x6d4ce63c" }, "latest"),
      ).toMatchObject({ accessList: [{ address: probeAddress }] });
      expect(await ask("eth_feeHistory", "0x2", "latest", [50])).toMatchObject({
        gasUsedRatio: { length: 2 },
        reward: { length: 2 },
      });
      expect(await ask("eth_maxPriorityFeePerGas")).toMatch(/^0x/);
      expect(await ask("eth_gasPrice")).toMatch(/^0x/);
      expect(await ask("eth_blobBaseFee")).toBe("0x0");
      expect(await ask("eth_syncing")).toBe(false);
      expect(await ask("eth_accounts")).toEqual([]);
      for (const create of ["eth_newBlockFilter", "eth_newPendingTransactionFilter"]) {
        const id = await ask(create);
        expect(await ask("eth_getFilterChanges", id)).toEqual([]);
        expect(await ask("eth_uninstallFilter", id)).toBe(true);
      }
      const id = await ask("eth_newFilter", { address: probeAddress, fromBlock: "0x0" });
      expect(await ask("eth_getFilterLogs", id)).not.toEqual([]);
      expect(await ask("eth_getFilterChanges", id)).toEqual([]);
      expect(await ask("eth_uninstallFilter", id)).toBe(true);
      expect(await ask("net_version")).toBe("1337");
      expect(await ask("net_listening")).toBe(true);
      expect(await ask("web3_clientVersion")).toMatch(new RegExp(`${kind}-backend`));
      expect(await ask("rpc_modules")).toMatchObject({ eth: "1.0", net: "1.0" });
    });
  });
});
