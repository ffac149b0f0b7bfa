// The state transition is ours: here beside @ethereumjs/vm's, on the forks for which the published state tests at hand end.
import { createBlock } from "@ethereumjs/block";
import { Common, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import { Account, Address } from "@ethereumjs/util";
import { createVM, runTx } from "@ethereumjs/vm";
import { applyDiff } from "#core/state";
import { emptyTxRoot, encodeTransaction, signTransaction, type TransactionFields } from "#core/types";
import { parsePrivateKey } from "#crypto";
import { concatBytes, fromHex, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { authorize } from "../../../test/kit/authorize.ts";
import { assemble, deployCode } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { openBlock } from "./index.ts";
import { headerToExecute, memoryState } from "../../../test/kit/memory-state.ts";

const key = parsePrivateKey(fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
const sender = fromHex("0x71562b71999873db5b286df957af199ec94617f7");
const otherKey = parsePrivateKey(
  fromHex("0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8"),
);
const other = fromHex("0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b");
const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const word = (value: number) => concatBytes(new Uint8Array(31), Uint8Array.of(value));

/** Adds 1 to slot 0; with calldata also clears slot 1, for a refund. */
const counter = address(0x31);
/** Reads balances of a warm and a cold address, fails if calldata says so. */
const reader = address(0x32);
const contracts: [Uint8Array, Uint8Array, [Uint8Array, Uint8Array][]][] = [
  [
    counter,
    assemble("0 SLOAD 1 ADD 0 SSTORE 0 CALLDATALOAD ISZERO @end JUMPI 0 1 SSTORE :end STOP"),
    [[word(1), Uint8Array.of(5)]],
  ],
  [
    reader,
    assemble(
      `${toHex(other)} BALANCE 0x99 BALANCE ADD 0 CALLDATALOAD @bad JUMPI 0 MSTORE 32 0 RETURN :bad INVALID`,
    ),
    [],
  ],
];
// the request queues that a block of Prague calls at its end: here they do nothing
for (const queue of [
  "0x00000961ef480eb55e80d19ad83579a64c007002",
  "0x0000bbddc7ce488642fb579f8b00f3a590007251",
])
  contracts.push([fromHex(queue), Uint8Array.of(0), []]);
const funds = 10n ** 18n;
const alloc = [
  { address: sender, balance: funds, nonce: 0n, code: new Uint8Array(0), storage: [] },
  { address: other, balance: 3n, nonce: 7n, code: new Uint8Array(0), storage: [] },
  ...contracts.map(([at, code, storage]) => ({ address: at, balance: 0n, nonce: 1n, code, storage })),
];

const base = { nonce: 0n, gas: 300_000n, value: 0n, input: new Uint8Array(0), chainId: 1n };
const market = { ...base, maxFeePerGas: 100n, maxPriorityFeePerGas: 3n, accessList: [] };
const set = (chainId: bigint, to: Uint8Array, nonce: bigint, by = otherKey) =>
  authorize({ chainId, address: to, nonce }, by);
const code7702 = (authorizationList: ReturnType<typeof set>[], to = other): TransactionFields => ({
  ...market,
  type: 4,
  to,
  authorizationList,
});
const CASES: [name: string, from: string, fields: TransactionFields][] = [
  ["transfer", "London", { ...market, type: 2, to: address(0x99), value: 1n }],
  ["refund", "London", { ...market, type: 2, to: counter, input: word(1) }],
  ["failing call", "London", { ...market, type: 2, to: reader, input: word(1) }],
  [
    "access list",
    "London",
    {
      ...market,
      type: 1,
      gasPrice: 50n,
      to: counter,
      accessList: [{ address: counter, storageKeys: [word(0), word(7)] }],
    },
  ],
  ["creation", "London", { ...market, type: 2, input: deployCode(assemble("1 0 SSTORE STOP")) }],
  [
    "creation out of gas",
    "London",
    { ...market, type: 2, gas: 60_000n, input: deployCode(new Uint8Array(200)) },
  ],
  ["author is warm", "Shanghai", { ...market, type: 2, to: reader }],
  [
    "blob",
    "Cancun",
    {
      ...market,
      type: 3,
      to: counter,
      maxFeePerBlobGas: 10n,
      blobVersionedHashes: [concatBytes(Uint8Array.of(1), new Uint8Array(31))],
    },
  ],
  [
    "calldata floor",
    "Prague",
    { ...market, type: 2, to: address(0x99), input: new Uint8Array(3000).fill(1) },
  ],
  ["delegation set and run", "Prague", code7702([set(1n, counter, 7n)])],
  ["delegation for any chain", "Prague", code7702([set(0n, counter, 7n)])],
  ["delegation of another chain is skipped", "Prague", code7702([set(5n, counter, 7n)])],
  ["delegation with a wrong nonce is skipped", "Prague", code7702([set(1n, counter, 6n)])],
  ["delegation set and cleared", "Prague", code7702([set(1n, counter, 7n), set(1n, new Uint8Array(20), 8n)])],
  ["delegation of the sender itself", "Prague", code7702([set(1n, counter, 1n, key)], sender)],
  [
    "delegation of a new account",
    "Prague",
    code7702([set(1n, counter, 0n, parsePrivateKey(word(9)))], counter),
  ],
];
const FORKS = ["London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka"];
const place = { number: 20_000_000, time: 1_800_000_000 };

async function ours(
  fork: string,
  fields: TransactionFields,
): Promise<{ root: string; gas: bigint; status: number }> {
  const { nodes, reader, root: before } = memoryState(alloc);
  const merged = fork !== "London";
  const header = headerToExecute({
    coinbase: address(0x99),
    stateRoot: before,
    difficulty: merged ? 0n : 1n,
    ...place,
    gasLimit: 30_000_000n,
    baseFee: 7n,
    ...(["Cancun", "Prague", "Osaka"].includes(fork)
      ? { withdrawalsRoot: emptyTxRoot, blobGasUsed: 0n, excessBlobGas: 0n }
      : {}),
  });
  const block = await openBlock(testConfig(fork), header, reader);
  const receipt = await block.apply(signTransaction(fields, key));
  const root = toHex(applyDiff(nodes, before, (await block.finish()).diff).root);
  return { root, gas: receipt.cumulativeGasUsed, status: receipt.status ?? -1 };
}

async function theirs(
  fork: string,
  fields: TransactionFields,
): Promise<{ root: string; gas: bigint; status: number }> {
  // a type 3 transaction is only taken where there is a KZG, which these tests never ask
  const customCrypto = { kzg: {} } as NonNullable<ConstructorParameters<typeof Common>[0]["customCrypto"]>;
  const common = new Common({ chain: Mainnet, hardfork: fork.toLowerCase(), customCrypto });
  const vm = await createVM({ common });
  for (const row of alloc) {
    const at = new Address(row.address);
    await vm.stateManager.putAccount(at, new Account(row.nonce, row.balance));
    if (row.code.length > 0) await vm.stateManager.putCode(at, row.code);
    for (const [slot, value] of row.storage) await vm.stateManager.putStorage(at, slot, value);
  }
  const header = {
    number: place.number,
    timestamp: place.time,
    gasLimit: 30_000_000n,
    coinbase: address(0x99),
    baseFeePerGas: 7n,
    ...(fork === "London" ? { difficulty: 1n } : {}),
    ...(["Cancun", "Prague", "Osaka"].includes(fork) ? { excessBlobGas: 0n, blobGasUsed: 0n } : {}),
  };
  const block = createBlock({ header }, { common, skipConsensusFormatValidation: true });
  const tx = createTxFromRLP(encodeTransaction(signTransaction(fields, key)), { common });
  const result = await runTx(vm, { tx, block });
  const status = result.execResult.exceptionError === undefined ? 1 : 0;
  return { root: toHex(await vm.stateManager.getStateRoot()), gas: result.totalGasSpent, status };
}

describe.each(FORKS)("%s", (fork) => {
  const cases = CASES.filter(([, from]) => FORKS.indexOf(from) <= FORKS.indexOf(fork));
  test.each(cases)("%s", async (_, _from, fields) => {
    const [mine, upstream] = [await ours(fork, fields), await theirs(fork, fields)];
    expect(mine).toEqual(upstream);
  });
});
