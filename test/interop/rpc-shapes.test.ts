// The same chain in our full node and in a real geth: the same questions, and answers compared member by member.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportChain } from "#core";
import {
  createAddress,
  encodeTransaction,
  senderOf,
  signTransaction,
  type Transaction,
  type TransactionFields,
} from "#core/types";
import { formatGenesis } from "#params";
import { concatBytes, fromHex, numberToBytes, toHex } from "#util";
import { namedKey } from "../kit/clique.ts";
import { changedTopic, deployCode, probeCall, probeCode } from "../kit/contract.ts";
import { type FullBackend, fullBackend, probeAddress, users } from "../kit/full-backend.ts";
import { makeProbeChain } from "../kit/probe-chain.ts";
import { type Geth, type GenesisJson, requireGeth, startGeth } from "../kit/geth.ts";

/** Members that geth added after 1.11.6, and the version that did (names checked in its source). */
const NEWER: ReadonlySet<string> = new Set([
  "blockTimestamp", // of a transaction and a log: 1.16
  "yParity", // of a transaction: 1.12
  "baseFeePerBlobGas", // of a fee history: 1.13
  "blobGasUsedRatio",
]);
/** Members that later versions left out. */
const GONE: ReadonlySet<string> = new Set(["size"]); // of a header

const word = (value: number) => numberToBytes(value, 32);
const [alice, bob, carol] = users;
const unfunded = `0x${"77".repeat(20)}`;

let full: FullBackend | undefined;
let geth: Geth | undefined;
let folder = "";
let why = "";
const transactions: Transaction[] = [];

beforeAll(async () => {
  if ((await requireGeth("1.11.6", (reason) => void (why = reason))) === undefined) return;
  full = await fullBackend();
  transactions.push(...(await makeProbeChain(full)));
  folder = mkdtempSync(join(tmpdir(), "glim-shapes-"));
  const importFile = join(folder, "chain.rlp");
  writeFileSync(importFile, concatBytes(...exportChain(full.ethereum.chain)));
  // as: formatGenesis writes the shape geth reads
  const genesis = formatGenesis(full.genesis) as unknown as GenesisJson;
  geth = await startGeth({ version: "1.11.6", role: "full", genesis, importFile });
});
afterAll(async () => {
  await geth?.[Symbol.asyncDispose]();
  await full?.[Symbol.asyncDispose]();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data: unknown } };

const settle = async (ask: Promise<unknown>): Promise<Answer> => {
  try {
    return { result: await ask };
  } catch (error) {
    // as: both clients throw errors with the members of the reply
    const { code, message, data } = error as { code: number; message: string; data?: unknown };
    return { error: { code, message: message.replace(/^eth_\w+: (.*) \(-?\d+\)$/s, "$1"), data } };
  }
};

/** A text of today begins as that of 1.11.6 did: later versions only say more (or put a comma). */
const saysMore = (theirs: string, ours: string) =>
  ours.replaceAll(",", "").startsWith(theirs.replaceAll(",", ""));

/** Today's form of what 1.11.6 says (internal/ethapi/api.go, errors.go @v1.17.5); each rule names what changed. */
function today(theirs: Answer, ours: Answer): Answer {
  if (!("error" in theirs) || !("error" in ours)) return theirs;
  const { code, message, data } = theirs.error;
  // a revert without data was an ordinary error until 1.13
  const isBareRevert = message === "execution reverted" && code === -32000 && data === undefined;
  const newer = isBareRevert ? { code: 3, message, data: "0x" } : theirs.error;
  return { error: saysMore(message, ours.error.message) ? { ...newer, message: ours.error.message } : newer };
}

/** What differs, as lines `path: geth … ours …`. */
function differences(theirs: unknown, ours: unknown, path: string): string[] {
  if (typeof theirs !== "object" || theirs === null || typeof ours !== "object" || ours === null) {
    return Object.is(theirs, ours)
      ? []
      : [`${path}: geth ${JSON.stringify(theirs)} ours ${JSON.stringify(ours)}`];
  }
  const [left, right] = [new Map(Object.entries(theirs)), new Map(Object.entries(ours))];
  const lines: string[] = [];
  for (const [name, value] of left) {
    if (GONE.has(name) && !right.has(name)) continue;
    // eth_getProof: 1.11.6 gives a key back as it was written, later ones a short one as a quantity
    if (
      name === "key" &&
      typeof value === "string" &&
      right.get(name) === `0x${BigInt(value === "0x" ? 0 : `0x${value.replace("0x", "")}`).toString(16)}`
    )
      continue;
    lines.push(
      ...(right.has(name)
        ? differences(value, right.get(name), `${path}.${name}`)
        : [`${path}.${name}: ours lacks it`]),
    );
  }
  for (const name of right.keys())
    if (!left.has(name) && !NEWER.has(name)) lines.push(`${path}.${name}: geth lacks it`);
  return lines;
}

/** Asks both; `undefined` result of ours counts as null. */
async function compare(method: string, params: readonly unknown[] = []): Promise<string[]> {
  if (geth === undefined || full === undefined) throw new Error("not started");
  const [theirs, ours] = await Promise.all([
    settle(geth.rpc(method, params)),
    settle(full.client.request({ method, params })),
  ]);
  return differences(today(theirs, ours), ours, `${method}(${JSON.stringify(params).slice(-160)})`);
}

/** All at once, so that one run shows every difference. */
async function same(questions: Iterable<readonly [string, ...unknown[]]>): Promise<void> {
  const lines: string[] = [];
  for (const [method, ...params] of questions) lines.push(...(await compare(method, params)));
  expect(lines).toEqual([]);
}

describe("the same as geth 1.11.6", () => {
  const numbers = Array.from({ length: 13 }, (_, i) => `0x${i.toString(16)}`);
  const hashes = async (): Promise<string[]> =>
    numbers.map((_, n) => toHex(full?.ethereum.chain.headerByNumber(n)?.hash ?? new Uint8Array(0)));
  const unknown = `0x${"99".repeat(32)}`;
  const ready = (skip: (why: string) => void): boolean => {
    if (geth !== undefined) return true;
    skip(why);
    return false;
  };

  test("the same chain", async ({ skip }) => {
    if (!ready(skip)) return;
    await geth?.atBlock(12);
    expect(transactions).toHaveLength(21);
  });

  test("blocks, headers, uncles, counts", async ({ skip }) => {
    if (!ready(skip)) return;
    const all = [...(await hashes()), unknown];
    await same([
      ["eth_blockNumber"],
      ...[...numbers, "0xd", "latest", "earliest"].flatMap((n) => [
        ["eth_getBlockByNumber", n, false] as const,
        ["eth_getBlockByNumber", n, true] as const,
        ["eth_getHeaderByNumber", n] as const,
        ["eth_getBlockTransactionCountByNumber", n] as const,
        ["eth_getUncleCountByBlockNumber", n] as const,
        ["eth_getUncleByBlockNumberAndIndex", n, "0x0"] as const,
      ]),
      ...all.flatMap((h) => [
        ["eth_getBlockByHash", h, false] as const,
        ["eth_getBlockByHash", h, true] as const,
        ["eth_getHeaderByHash", h] as const,
        ["eth_getBlockTransactionCountByHash", h] as const,
        ["eth_getUncleCountByBlockHash", h] as const,
        ["eth_getUncleByBlockHashAndIndex", h, "0x0"] as const,
      ]),
    ]);
  });

  test("transactions of every type, receipts, raw bytes", async ({ skip }) => {
    if (!ready(skip)) return;
    const all = await hashes();
    await same([
      ...[...transactions.map((tx) => toHex(tx.hash)), unknown].flatMap((h) => [
        ["eth_getTransactionByHash", h] as const,
        ["eth_getTransactionReceipt", h] as const,
        ["eth_getRawTransactionByHash", h] as const,
      ]),
      ...numbers.flatMap((n) =>
        ["0x0", "0x1", "0x7"].flatMap((i) => [
          ["eth_getTransactionByBlockNumberAndIndex", n, i] as const,
          ["eth_getRawTransactionByBlockNumberAndIndex", n, i] as const,
        ]),
      ),
      ...all.flatMap((h) => [
        ["eth_getTransactionByBlockHashAndIndex", h, "0x0"] as const,
        ["eth_getRawTransactionByBlockHashAndIndex", h, "0x0"] as const,
      ]),
    ]);
    // 1.11.6 has no eth_getBlockReceipts; debug_getRawReceipts says other things. Each must equal the single receipt.
    for (const number of numbers) {
      const receipts = (await full?.client.request({ method: "eth_getBlockReceipts", params: [number] })) as {
        transactionHash: string;
      }[];
      for (const receipt of receipts)
        expect(
          await full?.client.request({
            method: "eth_getTransactionReceipt",
            params: [receipt.transactionHash],
          }),
        ).toEqual(receipt);
    }
  });

  test("accounts, storage, proofs at every block", async ({ skip }) => {
    if (!ready(skip)) return;
    const created = transactions
      .filter((tx) => tx.to === undefined)
      .map((tx) => toHex(createAddress(senderOf(tx), tx.nonce)));
    const addresses = [probeAddress, unfunded, ...created, ...users.map((user) => user.address)];
    const [, second] = await hashes();
    await same([
      ...addresses.flatMap((a) =>
        [
          ...numbers,
          "latest",
          "0x20",
          { blockNumber: "0x3" },
          { blockHash: second },
          { blockHash: unknown },
        ].flatMap((n) => [
          ["eth_getBalance", a, n] as const,
          ["eth_getTransactionCount", a, n] as const,
          ["eth_getCode", a, n] as const,
          ["eth_getStorageAt", a, "0x0", n] as const,
          ["eth_getProof", a, [], n] as const,
        ]),
      ),
      ...["0x0", "0x1", "0x01", "1", "0x", toHex(word(1)), `0x${"ab".repeat(32)}`].flatMap((key) => [
        ["eth_getStorageAt", probeAddress, key, "latest"] as const,
        ["eth_getProof", probeAddress, [key], "latest"] as const,
        ["eth_getProof", unfunded, [key], "0x4"] as const,
      ]),
      ["eth_getProof", probeAddress, ["0x0", "0x1", "0x2", toHex(word(0))], "0x9"],
    ]);
  });

  test("calls: results, reverts, overrides", async ({ skip }) => {
    if (!ready(skip)) return;
    const to = probeAddress;
    const from = alice?.address;
    const input = (name: Parameters<typeof probeCall>[0], ...words: Uint8Array[]) =>
      toHex(probeCall(name, ...words));
    const call = (name: Parameters<typeof probeCall>[0], ...words: Uint8Array[]) => ({
      from,
      to,
      input: input(name, ...words),
    });
    await same([
      ...numbers.map((n) => ["eth_call", call("get"), n] as const),
      ...(["fail", "failCustom", "panic"] as const).map(
        (name) => ["eth_call", call(name), "latest"] as const,
      ),
      // without a price a call sees no base fee, as in later releases; with one it does
      ["eth_call", { ...call("environment"), gasPrice: "0xba43b7400" }, "0x3"],
      ["eth_call", { to, data: input("slot", word(1)) }, "latest"],
      ["eth_call", { to, input: "0x12345678" }, "latest"],
      ["eth_call", { to, input: "0x" }, "latest"],
      ["eth_call", { to: unfunded, input: "0x1234" }, "latest"],
      ["eth_call", { from, input: toHex(deployCode(probeCode)) }, "latest"],
      ["eth_call", { ...call("get"), gas: "0x5208" }, "latest"],
      ["eth_call", { ...call("get"), gasPrice: "0x1" }, "latest"],
      ["eth_call", { ...call("environment"), gasPrice: "0xba43b7400" }, "latest"],
      [
        "eth_call",
        { ...call("environment"), maxFeePerGas: "0xba43b7400", maxPriorityFeePerGas: "0x1" },
        "latest",
      ],
      ["eth_call", { ...call("get"), maxFeePerGas: "0x1", maxPriorityFeePerGas: "0x2" }, "latest"],
      ["eth_call", { ...call("get"), gasPrice: "0x1", maxFeePerGas: "0x1" }, "latest"],
      ["eth_call", { from: unfunded, to, value: "0x1" }, "latest"],
      ["eth_call", { from: unfunded, to, gasPrice: "0xba43b7400" }, "latest"],
      ["eth_call", call("get"), "0x20"],
      ["eth_call", call("get"), { blockHash: unknown }],
      ["eth_call", call("get"), "latest", { [to]: { stateDiff: { [toHex(word(0))]: toHex(word(9)) } } }],
      ["eth_call", call("get"), "latest", { [to]: { state: { [toHex(word(1))]: toHex(word(9)) } } }],
      [
        "eth_call",
        call("balanceOf", word(0x77)),
        "latest",
        { [toHex(word(0x77).subarray(12))]: { balance: "0x1234" } },
      ],
      [
        "eth_call",
        { to: unfunded, input: input("get") },
        "latest",
        { [unfunded]: { code: toHex(probeCode), nonce: "0x5" } },
      ],
    ]);
  });

  test("gas: estimates that must agree to the unit, access lists", async ({ skip }) => {
    if (!ready(skip)) return;
    const to = probeAddress;
    const from = alice?.address;
    const input = (name: Parameters<typeof probeCall>[0], ...words: Uint8Array[]) =>
      toHex(probeCall(name, ...words));
    await same([
      ["eth_estimateGas", { from, to: bob?.address, value: "0x1" }],
      ["eth_estimateGas", { from, to, input: input("set", word(77)) }],
      ["eth_estimateGas", { from, to, input: input("get") }],
      ["eth_estimateGas", { from, to, input: input("set", word(77)) }, "0x3"],
      ["eth_estimateGas", { from, input: toHex(deployCode(probeCode)) }],
      ["eth_estimateGas", { from, to, input: input("fail") }],
      ["eth_estimateGas", { from, to, input: input("failCustom") }],
      ["eth_estimateGas", { from, to, input: input("set", word(1)), gas: "0x5300" }],
      ["eth_createAccessList", { from, to, input: input("get") }, "latest"],
      ["eth_createAccessList", { from, to, input: input("slot", word(1)) }, "latest"],
      ["eth_createAccessList", { from, to, input: input("set", word(1)) }, "latest"],
      ["eth_createAccessList", { from, to, input: input("balanceOf", word(0x1234)) }, "latest"],
      ["eth_createAccessList", { from, to, input: input("fail") }, "latest"],
    ]);
  });

  test("logs by every kind of criteria", async ({ skip }) => {
    if (!ready(skip)) return;
    const all = await hashes();
    const caller = (address: string | undefined) => `0x${(address ?? "0x").slice(2).padStart(64, "0")}`;
    await same([
      ["eth_getLogs", { fromBlock: "0x0", toBlock: "latest" }],
      ["eth_getLogs", { fromBlock: "earliest", toBlock: "0x4" }],
      ["eth_getLogs", { fromBlock: "0x0", address: probeAddress }],
      ["eth_getLogs", { fromBlock: "0x0", address: [probeAddress, unfunded] }],
      ["eth_getLogs", { fromBlock: "0x0", address: unfunded }],
      ["eth_getLogs", { fromBlock: "0x0", topics: [changedTopic] }],
      ["eth_getLogs", { fromBlock: "0x0", topics: [changedTopic, caller(alice?.address)] }],
      ["eth_getLogs", { fromBlock: "0x0", topics: [null, [caller(bob?.address), caller(carol?.address)]] }],
      ["eth_getLogs", { fromBlock: "0x0", topics: [[], caller(carol?.address)] }],
      ["eth_getLogs", { fromBlock: "0x0", topics: [changedTopic, null, unknown] }],
      ["eth_getLogs", {}],
      ...all.map((blockHash) => ["eth_getLogs", { blockHash }] as const),
      ["eth_getLogs", { blockHash: unknown }],
    ]);
  });

  test("prices and histories", async ({ skip }) => {
    if (!ready(skip)) return;
    await same([
      ["eth_gasPrice"],
      ["eth_maxPriorityFeePerGas"],
      ["eth_chainId"],
      ["eth_feeHistory", "0x5", "latest", [10, 25, 50, 75, 90]],
      ["eth_feeHistory", "0x400", "latest", [0, 100]],
      ["eth_feeHistory", 3, "0x9", []],
      ["eth_feeHistory", "4", "0x4", null],
      ["eth_feeHistory", "0x2", "0x20", []],
      ["eth_feeHistory", "0x0", "latest", []],
      ["eth_syncing"],
      ["net_version"],
      ["net_listening"],
    ]);
  });

  test("sending: the same words for what is refused", async ({ skip }) => {
    if (!ready(skip)) return;
    const sign = (fields: Partial<TransactionFields>, user = alice) =>
      toHex(
        encodeTransaction(
          signTransaction(
            {
              type: 2,
              chainId: 1337n,
              nonce: 50n,
              gas: 21_000n,
              maxFeePerGas: 9_000_000_000n,
              maxPriorityFeePerGas: 1_000_000_000n,
              to: fromHex(probeAddress),
              value: 0n,
              input: new Uint8Array(0),
              accessList: [],
              ...fields,
            },
            user?.key ?? namedKey("nobody"),
          ),
        ),
      );
    await same([
      ["eth_sendRawTransaction", sign({ nonce: 0n })],
      ["eth_sendRawTransaction", sign({ maxFeePerGas: 10n ** 14n })],
      ["eth_sendRawTransaction", sign({ gas: 20_000n })],
      ["eth_sendRawTransaction", sign({ gas: 40_000_000n })],
      ["eth_sendRawTransaction", sign({ maxFeePerGas: 1n })],
      ["eth_sendRawTransaction", sign({ nonce: 12n, value: 1n << 81n })],
      ["eth_sendRawTransaction", sign({ chainId: 5n })],
      [
        "eth_sendRawTransaction",
        sign({
          type: 0,
          chainId: undefined,
          gasPrice: 2_000_000_000n,
          maxFeePerGas: undefined,
          maxPriorityFeePerGas: undefined,
          accessList: undefined,
        }),
      ],
    ]);
  });
});
