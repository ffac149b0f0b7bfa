import { applyDiff, genesisState, stateReader } from "#core/state";
import {
  createAddress,
  emptyTxRoot,
  emptyUnclesHash,
  type Header,
  makeHeader,
  senderOf,
  signTransaction,
  type TransactionFields,
} from "#core/types";
import { parsePrivateKey } from "#crypto";
import type { ChainConfig } from "#params";
import { ByteMap, concatBytes, fromHex, GlimError, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { authorize } from "../../../test/kit/authorize.ts";
import { assemble, deployCode } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { type ExecuteOptions, executeBlock, openBlock, type StateDiff } from "./index.ts";

const key = parsePrivateKey(fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
const sender = fromHex("0x71562b71999873db5b286df957af199ec94617f7");
const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const ETHER = 10n ** 18n;

const genesis = genesisState({
  alloc: [{ address: sender, balance: ETHER, nonce: 0n, code: new Uint8Array(0), storage: [] }],
});
const nodes = new ByteMap<Uint8Array>();
for (const [hash, node] of genesis.nodes) nodes.set(hash, node);
const codes = new ByteMap<Uint8Array>();
const reader = () => stateReader(nodes, codes, genesis.root);

const header = (change: Partial<Header> = {}): Header =>
  makeHeader({
    parentHash: new Uint8Array(32),
    unclesHash: emptyUnclesHash,
    coinbase: address(0xcc),
    stateRoot: genesis.root,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty: 2n,
    number: 10,
    gasLimit: 100_000n,
    gasUsed: 0n,
    time: 1_000,
    extra: new Uint8Array(0),
    mixDigest: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFee: 7n,
    ...change,
  });
const london = testConfig("London");
const pow = (fork: string): ChainConfig => ({ ...testConfig(fork), clique: undefined });

const transfer = (nonce: bigint, change: Partial<TransactionFields> = {}) =>
  signTransaction(
    {
      type: 0,
      nonce,
      gasPrice: 10n,
      gas: 21_000n,
      to: address(0xee),
      value: 5n,
      input: new Uint8Array(0),
      ...change,
    },
    key,
  );

const balances = (diff: StateDiff) =>
  Object.fromEntries(diff.accounts.map((row) => [toHex(row.address).slice(-2), row.account?.balance]));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof GlimError ? `${error.code}: ${error.message}` : String(error);
  }
}
const open = (config: ChainConfig = london, change: Partial<Header> = {}, options: ExecuteOptions = {}) =>
  openBlock(config, header(change), reader(), options);

describe("openBlock", () => {
  test("fees go to the author, the base fee to nobody, no reward on clique", async () => {
    const block = await open(london, {}, { coinbase: address(0xdd) });
    const receipt = await block.apply(transfer(0n));
    expect(receipt).toMatchObject({ type: 0, status: 1, cumulativeGasUsed: 21_000n, logs: [] });
    const { diff, gasUsed } = await block.finish();
    expect(gasUsed).toBe(21_000n);
    expect(balances(diff)).toEqual({ ee: 5n, dd: 21_000n * 3n, f7: ETHER - 5n - 210_000n });
  });

  test("a refused transaction leaves no trace, and the next one runs", async () => {
    const block = await open();
    const refusals = [
      [transfer(1n), "nonce too high: address 0x71562b71999873DB5b286dF957af199Ec94617F7, tx: 1 state: 0"],
      [transfer(0n, { gas: 200_000n }), "gas limit reached"],
      [transfer(0n, { gas: 20_000n }), "intrinsic gas too low: have 20000, want 21000"],
      [
        transfer(0n, { gasPrice: 6n }),
        "max fee per gas less than block base fee: address 0x71562b71999873DB5b286dF957af199Ec94617F7, maxFeePerGas: 6, baseFee: 7",
      ],
      [
        transfer(0n, { value: 2n * ETHER }),
        `insufficient funds for gas * price + value: address 0x71562b71999873DB5b286dF957af199Ec94617F7 have ${ETHER} want ${2n * ETHER + 210_000n}`,
      ],
    ] as const;
    for (const [tx, text] of refusals)
      expect(await codeOf(block.apply(tx))).toBe(`VM_BAD_TRANSACTION: ${text}`);
    await block.apply(transfer(0n));
    expect(await codeOf(block.apply(transfer(0n)))).toMatch(/nonce too low/);
    expect((await block.apply(transfer(1n))).cumulativeGasUsed).toBe(42_000n);
    const { receipts } = await block.finish();
    expect(receipts).toHaveLength(2);
    expect(await codeOf(block.apply(transfer(2n)))).toMatch(/^VM_FINISHED/);
    expect(await codeOf(block.finish())).toMatch(/^VM_FINISHED/);
  });

  test("creation, a log, a failing call: code in the diff, status and bloom in receipts", async () => {
    const code = assemble(
      "CALLDATALOAD 0 0x77 0x66 1 0 LOG2 0 CALLDATALOAD @ok JUMPI INVALID :ok STOP".replace(
        "CALLDATALOAD",
        "7",
      ),
    );
    const block = await open(london, { gasLimit: 1_000_000n });
    const { to: _, ...rest } = transfer(0n, { input: deployCode(code), gas: 200_000n, value: 0n });
    await block.apply(signTransaction({ ...rest, type: 0 }, key));
    const contract = createAddress(sender, 0n);
    const good = await block.apply(
      transfer(1n, { to: contract, gas: 100_000n, value: 0n, input: new Uint8Array(32).fill(1) }),
    );
    const bad = await block.apply(transfer(2n, { to: contract, gas: 100_000n, value: 0n }));
    expect([good.status, good.logs.length, good.bloom.some((byte) => byte !== 0)]).toEqual([1, 1, true]);
    expect([bad.status, bad.logs.length, bad.bloom.some((byte) => byte !== 0)]).toEqual([0, 0, false]);
    const { diff } = await block.finish();
    const made = diff.accounts.find((row) => toHex(row.address) === toHex(contract));
    expect([toHex(made?.code ?? new Uint8Array(0)), made?.account?.nonce]).toEqual([toHex(code), 1n]);
    const update = applyDiff(nodes, genesis.root, diff);
    expect(update.codes).toHaveLength(1);
  });
});

describe("rewards", () => {
  test.each([
    ["Frontier", 5n],
    ["Byzantium", 3n],
    ["London", 2n],
  ])("%s: %d ether, a 32nd more per uncle, 7/8 for the uncle", async (fork, ether) => {
    const reward = ether * ETHER;
    const uncle = header({ number: 9, coinbase: address(0xab) });
    const { diff } = await (await open(pow(fork))).finish({ uncles: [uncle] });
    expect(balances(diff)).toEqual({ cc: reward + reward / 32n, ab: (reward * 7n) / 8n });
  });

  test("withdrawals after the merge, in Gwei; nothing to nobody leaves no account", async () => {
    const merged = { difficulty: 0n, withdrawalsRoot: emptyTxRoot };
    const block = await open(testConfig("Shanghai"), merged);
    const row = (to: Uint8Array, amount: bigint) => ({ index: 0n, validatorIndex: 0n, address: to, amount });
    const { diff } = await block.finish({
      withdrawals: [row(address(0x51), 3n), row(address(0x52), 0n), row(address(0x51), 1n)],
    });
    expect(balances(diff)).toEqual({ "51": 4_000_000_000n });
  });
});

describe("executeBlock", () => {
  test("a block with a transaction that cannot run is bad, and says which and why", async () => {
    const body = { transactions: [transfer(0n), transfer(5n)], uncles: [] };
    expect(await codeOf(executeBlock(london, header(), body, reader()))).toMatch(
      /^VM_BAD_BLOCK: could not apply tx 1: nonce too high/,
    );
  });

  test("a transaction of another chain, or of a type before its fork, makes the block bad", async () => {
    const foreign = transfer(0n, { chainId: 9n });
    expect(
      await codeOf(executeBlock(london, header(), { transactions: [foreign], uncles: [] }, reader())),
    ).toMatch(/invalid chain id for signer: have 9 want 1/);
    const typed = transfer(0n, { type: 1, chainId: 1n, accessList: [] });
    expect(
      await codeOf(
        executeBlock(testConfig("Istanbul"), header(), { transactions: [typed], uncles: [] }, reader()),
      ),
    ).toMatch(/transaction type not supported: 1/);
  });

  test("receipts before Byzantium carry the root after each transaction", async () => {
    const transactions = [transfer(0n), transfer(1n)];
    const intermediateRoot = (diff: StateDiff) => applyDiff(nodes, genesis.root, diff).root;
    const result = await executeBlock(
      testConfig("Homestead"),
      header(),
      { transactions, uncles: [] },
      reader(),
      { intermediateRoot },
    );
    const [first, second] = result.receipts;
    expect(first?.status).toBeUndefined();
    expect(toHex(second?.postState ?? new Uint8Array(0))).toBe(
      toHex(applyDiff(nodes, genesis.root, result.diff).root),
    );
    expect(
      await codeOf(executeBlock(testConfig("Homestead"), header(), { transactions, uncles: [] }, reader())),
    ).toMatch(/^VM_UNSUPPORTED/);
  });

  test("EIP-7702: a delegated account runs its delegate's code", async () => {
    const target = address(0x77);
    const code = assemble("42 0 SSTORE STOP");
    const state = genesisState({
      alloc: [
        { address: sender, balance: ETHER, nonce: 0n, code: new Uint8Array(0), storage: [] },
        { address: target, balance: 0n, nonce: 1n, code, storage: [] },
      ],
    });
    const store = new ByteMap<Uint8Array>();
    for (const [hash, node] of state.nodes) store.set(hash, node);
    const codeStore = new ByteMap<Uint8Array>();
    for (const [hash, bytes] of state.codes) codeStore.set(hash, bytes);
    const authorization = authorize({ chainId: 1n, address: target, nonce: 1n }, key);
    const tx = signTransaction(
      {
        type: 4,
        chainId: 1n,
        nonce: 0n,
        maxFeePerGas: 10n,
        maxPriorityFeePerGas: 1n,
        gas: 200_000n,
        to: sender,
        value: 0n,
        input: new Uint8Array(0),
        accessList: [],
        authorizationList: [authorization],
      },
      key,
    );
    expect(toHex(senderOf(tx))).toBe(toHex(sender));
    const config: ChainConfig = testConfig("Prague");
    const merged = {
      difficulty: 0n,
      withdrawalsRoot: emptyTxRoot,
      blobGasUsed: 0n,
      excessBlobGas: 0n,
      gasLimit: 1_000_000n,
    };
    const block = await openBlock(config, header(merged), stateReader(store, codeStore, state.root));
    expect(await block.apply(tx)).toMatchObject({ type: 4, status: 1 });
    // the test chain has none of Prague's system contracts, which makes the block itself bad
    expect(await codeOf(block.finish())).toMatch(/^VM_BAD_BLOCK: a system contract of Prague has no code/);
  });
});

test.each(["bpo1", "bpo2", "bpo3", "bpo4", "bpo5"])(
  "a fork of blob parameters only runs as Osaka does: %s",
  async (fork) => {
    const names = ["bpo1", "bpo2", "bpo3", "bpo4", "bpo5"];
    const times = names.slice(0, names.indexOf(fork) + 1).map((name) => [`${name}Time`, 0]);
    const config: ChainConfig = { ...testConfig("Osaka"), ...Object.fromEntries(times) };
    const merged = { difficulty: 0n, withdrawalsRoot: emptyTxRoot, blobGasUsed: 0n, excessBlobGas: 0n };
    const block = await openBlock(config, header(merged), reader());
    expect(await block.apply(transfer(0n))).toMatchObject({ status: 1, cumulativeGasUsed: 21_000n });
  },
);
