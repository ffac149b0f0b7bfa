// long: one backend, and every method of eth_
import { afterEach, describe, expect, test } from "vitest";
import { encodeTransaction, senderOf } from "#core/types";
import { generateKey } from "#crypto";
import { simHost } from "#host/sim";
import { emptyRoot } from "#trie";
import { concatBytes, defineErrors, toHex } from "#util";
import { asker } from "../../test/kit/ask.ts";
import { ScriptedChain, scriptedTransaction } from "../../test/kit/scripted-chain.ts";
import { createEthApi, type EthApi } from "./eth-api.ts";

let open: EthApi | undefined;
afterEach(() => open?.close());

function setUp() {
  const chain = new ScriptedChain();
  const host = simHost(1);
  const eth = createEthApi(chain, { host });
  open = eth;
  return { chain, host, ask: asker(eth.apis, host) };
}
const unknown = `0x${"99".repeat(32)}`;

describe("blocks", () => {
  test("by number, tag and hash; unknown ones are null; side blocks are found by hash", async () => {
    const { chain, ask } = setUp();
    const [side] = chain.grow([{ transactions: [{}] }]);
    const [one] = chain.grow([{ transactions: [{}, {}] }, {}], 0);
    const hash = toHex(one?.hash ?? new Uint8Array(0));
    expect(await ask("eth_blockNumber")).toBe("0x2");
    expect(await ask("eth_getBlockByNumber", "0x1", false)).toMatchObject({
      hash,
      transactions: { length: 2 },
      totalDifficulty: "0x3",
    });
    expect(await ask("eth_getBlockByHash", hash, true)).toMatchObject({
      number: "0x1",
      transactions: [{ transactionIndex: "0x0" }, { transactionIndex: "0x1" }],
    });
    expect(await ask("eth_getBlockByHash", toHex(side?.hash ?? new Uint8Array(0)), false)).toMatchObject({
      number: "0x1",
      transactions: { length: 1 },
    });
    expect(await ask("eth_getBlockByNumber", "earliest", false)).toMatchObject({ number: "0x0" });
    expect(await ask("eth_getBlockByNumber", "latest", false)).toMatchObject({ number: "0x2" });
    for (const call of [
      ["eth_getBlockByNumber", "0x3", false],
      ["eth_getBlockByHash", unknown, false],
      ["eth_getHeaderByNumber", "0x3"],
      ["eth_getBlockReceipts", "0x3"],
      ["eth_getBlockTransactionCountByNumber", "0x3"],
      ["eth_getBlockTransactionCountByHash", unknown],
      ["eth_getUncleCountByBlockNumber", "0x3"],
      ["eth_getUncleByBlockNumberAndIndex", "0x1", "0x0"],
      ["eth_getUncleByBlockHashAndIndex", unknown, "0x0"],
      ["eth_getTransactionByBlockNumberAndIndex", "0x1", "0x2"],
      ["eth_getTransactionByBlockHashAndIndex", unknown, "0x0"],
      ["eth_getTransactionByHash", unknown],
      ["eth_getTransactionReceipt", unknown],
    ] as const) {
      const [name, ...params] = call;
      expect(await ask(name, ...params), name).toBeNull();
    }
    // as geth: bytes that are not there are 0x
    expect(await ask("eth_getRawTransactionByHash", unknown)).toBe("0x");
    expect(await ask("eth_getRawTransactionByBlockNumberAndIndex", "0x1", "0x2")).toBe("0x");
    expect(await ask("eth_getRawTransactionByBlockHashAndIndex", unknown, "0x0")).toBe("0x");
    expect(await ask("eth_getBlockTransactionCountByNumber", "0x1")).toBe("0x2");
    expect(await ask("eth_getUncleCountByBlockHash", hash)).toBe("0x0");
  });

  test("safe and finalized are errors on chains without finality", async () => {
    const { ask } = setUp();
    for (const tag of ["safe", "finalized"]) {
      const error = { rpcCode: -32000, message: `${tag} block not found` };
      await expect(ask("eth_getBlockByNumber", tag, false)).rejects.toMatchObject(error);
      await expect(ask("eth_getBalance", `0x${"11".repeat(20)}`, tag)).rejects.toMatchObject(error);
      await expect(ask("eth_feeHistory", "0x1", tag)).rejects.toMatchObject(error);
    }
  });

  test("receipts: gas of each, places of logs over the block, created contracts", async () => {
    const { chain, ask } = setUp();
    const log = { address: new Uint8Array(20).fill(1), topics: [], data: new Uint8Array(0) };
    const creation = { to: undefined, nonce: 7n };
    chain.grow([
      {
        transactions: [
          { logs: [log], gasUsed: 30_000n },
          { fields: creation, logs: [log], gasUsed: 50_000n, status: 0 },
        ],
      },
    ]);
    const receipts = (await ask("eth_getBlockReceipts", "latest")) as Record<string, unknown>[];
    expect(receipts).toMatchObject([
      {
        gasUsed: "0x7530",
        cumulativeGasUsed: "0x7530",
        contractAddress: null,
        status: "0x1",
        logs: [{ logIndex: "0x0" }],
        type: "0x2",
      },
      {
        gasUsed: "0xc350",
        cumulativeGasUsed: "0x13880",
        to: null,
        status: "0x0",
        logs: [{ logIndex: "0x1" }],
        effectiveGasPrice: "0x77359400",
      },
    ]);
    expect(receipts[1]?.["contractAddress"]).toMatch(/^0x[0-9a-f]{40}$/);
    for (const receipt of receipts)
      expect(await ask("eth_getTransactionReceipt", receipt["transactionHash"])).toEqual(receipt);
    await expect(ask("eth_getBlockReceipts", "pending")).rejects.toThrow("pending receipts is not available");
  });
});

describe("transactions", () => {
  test("Trap 23: an own waiting transaction is found without a place, and has no receipt", async () => {
    const { chain, ask } = setUp();
    const tx = scriptedTransaction();
    chain.wait(tx);
    expect(await ask("eth_getTransactionByHash", toHex(tx.hash))).toMatchObject({
      blockHash: null,
      blockNumber: null,
      blockTimestamp: null,
      transactionIndex: null,
      from: toHex(senderOf(tx)),
      gasPrice: "0xb2d05e00",
      yParity: expect.stringMatching(/^0x[01]$/),
    });
    expect(await ask("eth_getTransactionReceipt", toHex(tx.hash))).toBeNull();
    expect(await ask("eth_getRawTransactionByHash", toHex(tx.hash))).toBe(toHex(encodeTransaction(tx)));
  });

  test("nobody could be asked is an error, never null", async () => {
    const { chain, ask } = setUp();
    const LightError = defineErrors("LIGHT", {
      NO_SERVERS: { message: () => "no server to ask", blame: "network", rpcCode: -32000 },
    });
    chain.failure = LightError("NO_SERVERS");
    for (const method of [
      "eth_getTransactionByHash",
      "eth_getTransactionReceipt",
      "eth_getRawTransactionByHash",
    ]) {
      await expect(ask(method, unknown)).rejects.toMatchObject({
        rpcCode: -32000,
        message: "no server to ask",
      });
    }
  });

  test("the pending block is the head plus own waiting transactions, with geth's nulls", async () => {
    const { chain, ask } = setUp();
    chain.grow([{}]);
    const tx = scriptedTransaction();
    chain.wait(tx);
    expect(await ask("eth_getBlockByNumber", "pending", false)).toMatchObject({
      number: "0x2",
      parentHash: toHex(chain.head().hash),
      ...{ hash: null, nonce: null, miner: null, stateRoot: null },
      transactions: [toHex(tx.hash)],
    });
    expect(await ask("eth_getBlockByNumber", "pending", true)).toMatchObject({
      transactions: [{ blockHash: null }],
    });
    expect(await ask("eth_getBlockTransactionCountByNumber", "pending")).toBe("0x1");
    expect(await ask("eth_getTransactionByBlockNumberAndIndex", "pending", "0x0")).toMatchObject({
      blockHash: null,
    });
    expect(await ask("eth_pendingTransactions")).toHaveLength(1);
  });

  test("sendRawTransaction: what geth refuses before its pool, with its words", async () => {
    const { chain, ask } = setUp();
    const send = (fields: Parameters<typeof scriptedTransaction>[0]) =>
      ask("eth_sendRawTransaction", toHex(encodeTransaction(scriptedTransaction(fields))));
    await expect(send({ maxFeePerGas: 10n ** 14n, gas: 21_000n })).rejects.toMatchObject({
      rpcCode: -32000,
      message: "tx fee (2.10 ether) exceeds the configured cap (1.00 ether)",
    });
    await expect(send({ chainId: 1n })).rejects.toThrow(
      "invalid sender: invalid chain id for signer: have 1 want 1337",
    );
    const legacy = {
      type: 0,
      chainId: undefined,
      gasPrice: 1n,
      maxFeePerGas: undefined,
      maxPriorityFeePerGas: undefined,
      accessList: undefined,
    } as const;
    await expect(send(legacy)).rejects.toThrow(
      "only replay-protected (EIP-155) transactions allowed over RPC",
    );
    for (const raw of ["0x", "0x02", "0x05c0", "0xc0", `0x02${"ff".repeat(40)}`]) {
      await expect(ask("eth_sendRawTransaction", raw), raw).rejects.toMatchObject({ rpcCode: -32000 });
    }
    await expect(ask("eth_sendRawTransaction", `0x${"00".repeat(131_073)}`)).rejects.toMatchObject({
      code: -32602,
    });
    expect(chain.sent).toHaveLength(0);
    const tx = scriptedTransaction();
    expect(await ask("eth_sendRawTransaction", toHex(encodeTransaction(tx)))).toBe(toHex(tx.hash));
    expect(chain.sent.map((sent) => toHex(sent.hash))).toEqual([toHex(tx.hash)]);
  });

  test("a refusal carries the reason of who refused", async () => {
    const { chain, ask } = setUp();
    const PoolError = defineErrors("POOL", {
      REFUSED: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
    });
    chain.sendTransaction = async () => {
      throw PoolError("REFUSED", { reason: "nonce too low: next nonce 5, tx nonce 4" });
    };
    const raw = toHex(encodeTransaction(scriptedTransaction()));
    await expect(ask("eth_sendRawTransaction", raw)).rejects.toMatchObject({
      message: "nonce too low: next nonce 5, tx nonce 4",
    });
  });
});

describe("accounts", () => {
  test("pending counts own waiting transactions without a gap", async () => {
    const { chain, ask } = setUp();
    const key = generateKey();
    const at = (nonce: bigint) => scriptedTransaction({ nonce }, key);
    const sender = toHex(senderOf(at(0n)));
    expect(await ask("eth_getTransactionCount", sender, "pending")).toBe("0x0");
    for (const nonce of [0n, 1n, 3n]) chain.wait(at(nonce));
    chain.wait(scriptedTransaction({ nonce: 2n })); // somebody else's
    expect(await ask("eth_getTransactionCount", sender, "pending")).toBe("0x2");
    expect(await ask("eth_getTransactionCount", sender)).toBe("0x0");
    const account = { nonce: 3n, balance: 1n, storageRoot: emptyRoot, codeHash: new Uint8Array(32) };
    chain.reader = { ...chain.reader, account: () => account };
    expect(await ask("eth_getTransactionCount", sender, "pending")).toBe("0x4");
    expect(await ask("eth_getTransactionCount", sender, "latest")).toBe("0x3");
  });

  test("state of a block that is not there has geth's words", async () => {
    const { chain, ask } = setUp();
    const address = `0x${"11".repeat(20)}`;
    const [side] = chain.grow([{}]);
    chain.grow([{}, {}], 0);
    await expect(ask("eth_getBalance", address, "0x7")).rejects.toMatchObject({
      rpcCode: -32000,
      message: "header not found",
    });
    await expect(ask("eth_getBalance", address, { blockHash: unknown })).rejects.toThrow(
      "header for hash not found",
    );
    const blockHash = toHex(side?.hash ?? new Uint8Array(0));
    await expect(ask("eth_getBalance", address, { blockHash, requireCanonical: true })).rejects.toThrow(
      "hash is not currently canonical",
    );
    expect(await ask("eth_getBalance", address, { blockHash })).toBe("0x0");
    expect(await ask("eth_getCode", address)).toBe("0x");
    expect(await ask("eth_getStorageAt", address, "0x0")).toBe(`0x${"00".repeat(32)}`);
  });

  test("RP-11 addresses, slots and numbers of wrong form are -32602 before anything is read", async () => {
    const { chain, ask } = setUp();
    chain.failure = new Error("must not be asked");
    const address = `0x${"11".repeat(20)}`;
    for (const params of [
      ["0x", "latest"],
      [`0x${"11".repeat(19)}`, "latest"],
      [address, `0x${"1".repeat(1_000_000)}`],
      [address, "0x"],
      [address, "0x01"],
      [address, "1"],
      [address, 1],
      [address, { blockHash: "0x12" }],
    ]) {
      await expect(
        ask("eth_getBalance", ...params),
        JSON.stringify(params).slice(0, 60),
      ).rejects.toMatchObject({ code: -32602 });
    }
    for (const slot of [`0x${"1".repeat(65)}`, "0xzz", 5]) {
      await expect(ask("eth_getStorageAt", address, slot, "latest")).rejects.toMatchObject({ code: -32602 });
    }
  });

  test("RP-17 getProof: 1,024 keys pass, the next does not, and none is decoded before the count", async () => {
    const { chain, ask } = setUp();
    const address = `0x${"11".repeat(20)}`;
    const asked: number[] = [];
    chain.prove = async (...args: unknown[]) => {
      const slots = args[2] as Uint8Array[];
      asked.push(slots.length);
      const storageProof = slots.map((key) => ({ key, value: new Uint8Array([5]), proof: [] }));
      return {
        nonce: 1n,
        balance: 2n,
        storageRoot: emptyRoot,
        codeHash: emptyRoot,
        accountProof: [new Uint8Array([1])],
        storageProof,
      };
    };
    await expect(ask("eth_getProof", address, new Array(1_025).fill("bad"), "latest")).rejects.toMatchObject({
      rpcCode: -32602,
      message: "too many storage keys requested (max 1024, got 1025)",
    });
    await ask("eth_getProof", address, new Array(1_024).fill("0x1"), "latest");
    expect(asked).toEqual([1_024]);
    // a short key comes back as a quantity, a whole one as it is (geth api.go:455@v1.17.5)
    const whole = toHex(concatBytes(new Uint8Array(31), new Uint8Array([1])));
    const proof = (await ask("eth_getProof", address, ["0x01", whole])) as {
      storageProof: { key: string; value: string }[];
    };
    expect(proof.storageProof.map(({ key, value }) => [key, value])).toEqual([
      ["0x1", "0x5"],
      [whole, "0x5"],
    ]);
  });
});

test("small facts: chain id, syncing, accounts", async () => {
  const { chain, ask } = setUp();
  expect(await ask("eth_chainId")).toBe("0x539");
  expect(await ask("eth_accounts")).toEqual([]);
  expect(await ask("eth_syncing")).toBe(false);
  chain.progress = { startingBlock: 1, currentBlock: 2, highestBlock: 3 };
  expect(await ask("eth_syncing")).toEqual({
    startingBlock: "0x1",
    currentBlock: "0x2",
    highestBlock: "0x3",
  });
  expect(await ask("eth_mining")).toBe(false);
  expect(await ask("eth_hashrate")).toBe("0x0");
  await expect(ask("eth_coinbase")).rejects.toThrow("this node seals no blocks");
});

test("RP-17 feeHistory: counts as geth reads them, percentiles as plain ordered numbers", async () => {
  const { chain, ask } = setUp();
  chain.grow([{ transactions: [{}] }, {}]);
  const two = { oldestBlock: "0x1", gasUsedRatio: [0.0007, 0], baseFeePerGas: { length: 3 } };
  for (const count of ["0x2", "2", 2])
    expect(await ask("eth_feeHistory", count, "latest", [])).toMatchObject(two);
  expect(await ask("eth_feeHistory", "0xffffffffffffffff", "0x2", [10, 50])).toMatchObject({
    oldestBlock: "0x0",
    reward: { length: 3 },
  });
  expect(await ask("eth_feeHistory", "0x2", "pending", null)).toMatchObject({ oldestBlock: "0x2" });
  expect(await ask("eth_feeHistory", "0x0", "latest")).toEqual({ oldestBlock: "0x0", gasUsedRatio: null });
  for (const count of [
    "0x10000000000000000",
    `0x${"f".repeat(1_000_000)}`,
    "9".repeat(1_000_000),
    "18446744073709551616",
    -1,
    1.5,
    "two",
    {},
  ]) {
    await expect(
      ask("eth_feeHistory", count, "latest", []),
      JSON.stringify(count).slice(0, 30),
    ).rejects.toMatchObject({ code: -32602 });
  }
  await expect(ask("eth_feeHistory", "0x1", "0x1fffffffffffff", [])).rejects.toThrow(
    "request beyond head block",
  );
  await expect(ask("eth_feeHistory", "0x1", "latest", new Array(100_000).fill(1))).rejects.toThrow(
    "over the query limit 100",
  );
  for (const percentiles of [["50"], [null], [[]], {}, "50"]) {
    await expect(ask("eth_feeHistory", "0x1", "latest", percentiles)).rejects.toMatchObject({ code: -32602 });
  }
});
