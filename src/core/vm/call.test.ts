import { type Header, emptyTxRoot, emptyUnclesHash, makeHeader } from "#core/types";
import type { Genesis } from "#params";
import { concatBytes, fromHex, GlimError, toHex, utf8Encode } from "#util";
import { describe, expect, test } from "vitest";
import { assemble } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import {
  type CallEnv,
  type CallOptions,
  type CallRequest,
  createAccessList,
  estimateGas,
  revertReason,
  runCall,
  type StateReader,
} from "./index.ts";
import { memoryState } from "../../../test/kit/memory-state.ts";

const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const rich = address(0xaa);
const word = (value: bigint | number) => fromHex(`0x${value.toString(16).padStart(64, "0")}`);
const last = (bytes: Uint8Array) => BigInt(toHex(bytes));

/** Answers 42. */
const answer = address(1 + 0x10);
/** Returns slot 0. */
const slot0 = address(2 + 0x10);
/** Stores calldata's first word in slot 0, and clears it again if calldata is longer. */
const store = address(3 + 0x10);
/** Reverts with Error("no"). */
const reverts = address(4 + 0x10);
/** Never ends. */
const loops = address(5 + 0x10);
/** Calls `store` with all but a 64th of its gas and fails unless that worked. */
const nested = address(6 + 0x10);
/** number ‖ timestamp ‖ coinbase ‖ blockhash(number − 1) ‖ caller balance */
const context = address(7 + 0x10);
/** INVALID. */
const invalid = address(8 + 0x10);
/** Calls the identity precompile for ever. */
const messages = address(9 + 0x10);

const errorNo = concatBytes(fromHex("0x08c379a0"), word(32), word(2), utf8Encode("no"), new Uint8Array(30));
const codes: [Uint8Array, Uint8Array][] = [
  [answer, assemble("42 0 MSTORE 32 0 RETURN")],
  [slot0, assemble("0 SLOAD 0 MSTORE 32 0 RETURN")],
  [store, assemble("0 CALLDATALOAD 0 SSTORE 32 CALLDATALOAD ISZERO @end JUMPI 0 0 SSTORE :end STOP")],
  [
    reverts,
    concatBytes(
      assemble(
        `${toHex(errorNo.subarray(0, 32))} 0 MSTORE ${toHex(errorNo.subarray(32, 64))} 32 MSTORE ${toHex(errorNo.subarray(64, 96))} 64 MSTORE ${toHex(concatBytes(errorNo.subarray(96), new Uint8Array(28)))} 96 MSTORE 100 0 REVERT`,
      ),
    ),
  ],
  [loops, assemble(":again @again JUMP")],
  [nested, assemble(`7 0 MSTORE 0 0 32 0 0 ${toHex(store)} GAS CALL @ok JUMPI 0 0 REVERT :ok STOP`)],
  [
    context,
    assemble(
      "NUMBER 0 MSTORE TIMESTAMP 32 MSTORE COINBASE 64 MSTORE 6 BLOCKHASH 96 MSTORE CALLER BALANCE 128 MSTORE 160 0 RETURN",
    ),
  ],
  [invalid, assemble("INVALID")],
  [messages, assemble(":again 0 0 0 0 4 GAS STATICCALL POP @again JUMP")],
];

const alloc: Genesis["alloc"] = [
  { address: rich, balance: 10n ** 18n, nonce: 3n, code: new Uint8Array(0), storage: [] },
  ...codes.map(([at, code]) => ({
    address: at,
    balance: 0n,
    nonce: 1n,
    code,
    storage: at === slot0 ? [[word(0), Uint8Array.of(9)] as const] : [],
  })),
];
const { reader, root } = memoryState(alloc);

const header = (number = 7): Header =>
  makeHeader({
    parentHash: word(6),
    unclesHash: emptyUnclesHash,
    coinbase: address(0xcc),
    stateRoot: root,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty: 2n,
    number,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    time: 1_000,
    extra: new Uint8Array(0),
    mixDigest: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFee: 100n,
  });
const env: CallEnv = {
  config: testConfig("London"),
  header: header(),
  blockHash: (number) => word(1000 + number),
};
const call = (to: Uint8Array, rest: CallRequest = {}, options: CallOptions = {}) =>
  runCall(env, { to, from: rich, ...rest }, reader, options);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof GlimError ? `${error.code}: ${error.message}` : String(error);
  }
}

/** The same state over a network: every answer is late. */
const slow: StateReader = {
  account: async (at) => reader.account(at),
  storage: async (at, slot) => reader.storage(at, slot),
  code: async (at, hash) => reader.code(at, hash),
};

describe("runCall", () => {
  test("returns what the code returns, at geth's gas", async () => {
    const result = await call(answer);
    expect([result.status, last(result.returnData), result.gasUsed]).toEqual(["ok", 42n, 21_018n]);
  });

  test("reads storage, from a reader that answers at once and from one that does not", async () => {
    for (const source of [reader, slow]) {
      const result = await runCall(env, { to: slot0 }, source);
      expect(last(result.returnData)).toBe(9n);
    }
  });

  test("changes nothing: the next call sees the old state", async () => {
    expect((await call(store, { input: word(5) })).status).toBe("ok");
    expect(last((await call(slot0)).returnData)).toBe(9n);
  });

  test("a revert keeps its data", async () => {
    const result = await call(reverts);
    expect([result.status, toHex(result.returnData)]).toEqual(["revert", toHex(errorNo)]);
    expect(revertReason(result.returnData)).toBe("no");
  });

  test("other failures have geth's text and no data", async () => {
    expect(await call(invalid)).toMatchObject({
      status: "failed",
      error: "invalid opcode: INVALID",
      returnData: new Uint8Array(0),
    });
    expect(await call(loops, {}, { gasCap: 100_000n })).toMatchObject({
      status: "failed",
      error: "out of gas",
      gasUsed: 100_000n,
    });
  });

  test("block context, author, block hashes", async () => {
    const { returnData } = await runCall(
      { ...env, coinbase: address(0xdd) },
      { to: context, from: rich },
      reader,
    );
    const at = (i: number) => last(returnData.subarray(32 * i, 32 * i + 32));
    expect([at(0), at(1), at(2), at(3), at(4)]).toEqual([7n, 1000n, 0xddn, 1006n, 10n ** 18n]);
  });

  test("block overrides", async () => {
    const { returnData } = await call(
      context,
      {},
      { blockOverrides: { number: 6, time: 5, coinbase: address(1) } },
    );
    const at = (i: number) => last(returnData.subarray(32 * i, 32 * i + 32));
    expect([at(0), at(1), at(2), at(3)]).toEqual([6n, 5n, 1n, 0n]);
  });

  test("state overrides: code, balance, single slots, all slots", async () => {
    const code = codes[1]?.[1] ?? new Uint8Array(0);
    const over = (row: object) => ({ overrides: [{ address: slot0, ...row }] });
    expect(last((await call(slot0, {}, over({ stateDiff: [[word(0), word(77)]] }))).returnData)).toBe(77n);
    expect(last((await call(slot0, {}, over({ stateDiff: [[word(1), word(77)]] }))).returnData)).toBe(9n);
    expect(last((await call(slot0, {}, over({ state: [[word(1), word(77)]] }))).returnData)).toBe(0n);
    expect(
      last(
        (await call(answer, {}, { overrides: [{ address: answer, code, stateDiff: [[word(0), word(5)]] }] }))
          .returnData,
      ),
    ).toBe(5n);
    const { returnData } = await call(context, {}, { overrides: [{ address: rich, balance: 7n }] });
    expect(last(returnData.subarray(128))).toBe(7n);
  });

  test("a precompile that is moved answers at its new place only, for that one call, and for calls of contracts too", async () => {
    const identity = address(4);
    const away = fromHex(`0x${"c2".repeat(20)}`);
    const input = word(7);
    const move = { overrides: [{ address: identity, movePrecompileTo: away }] };
    expect((await call(away, { input }, move)).returnData).toEqual(input);
    expect((await call(identity, { input }, move)).returnData).toEqual(new Uint8Array(0));
    const asks = assemble(`5 0 MSTORE 32 32 32 0 0 ${toHex(away)} GAS CALL POP 32 32 RETURN`);
    const relay = [...move.overrides, { address: answer, code: asks }];
    expect(last((await call(answer, {}, { overrides: relay })).returnData)).toBe(5n);
    expect((await call(identity, { input })).returnData).toEqual(input);
    expect((await call(away, { input })).returnData).toEqual(new Uint8Array(0));
    expect(await estimateGas(env, { to: away, from: rich, input }, reader, move)).toBeLessThan(22_000n);
  });

  test("a precompile whose code is overridden runs that code", async () => {
    const code = codes[0]?.[1] ?? new Uint8Array(0);
    expect(
      last((await call(address(4), {}, { overrides: [{ address: address(4), code }] })).returnData),
    ).toBe(42n);
  });

  test("what cannot be moved is refused in geth's words", async () => {
    const move = (...overrides: NonNullable<CallOptions["overrides"]>) =>
      codeOf(call(rich, {}, { overrides }));
    const [one, two] = [address(1), address(2)];
    expect(await move({ address: answer, movePrecompileTo: two })).toBe(
      "VM_BAD_OVERRIDE: account 0x0000000000000000000000000000000000000011 is not a precompile",
    );
    expect(await move({ address: one, movePrecompileTo: answer }, { address: answer, nonce: 1n })).toBe(
      "VM_BAD_OVERRIDE: account 0x0000000000000000000000000000000000000011 is already overridden",
    );
    expect(await move({ address: one, movePrecompileTo: one })).toMatch(/already overridden$/);
    expect(
      await move({ address: one, movePrecompileTo: rich }, { address: two, movePrecompileTo: rich }),
    ).toBe("none");
  });

  test("who pays nothing sees a base fee of nothing; a blob fee that is overridden is seen", async () => {
    const over = (code: string, options: CallOptions = {}, rest: CallRequest = {}) =>
      runCall(
        { ...env, config: testConfig("Cancun"), header: { ...header(), difficulty: 0n, excessBlobGas: 0n } },
        { to: answer, from: rich, ...rest },
        reader,
        { ...options, overrides: [{ address: answer, code: assemble(`${code} 0 MSTORE 32 0 RETURN`) }] },
      ).then(({ returnData }) => last(returnData));
    expect(await over("BASEFEE")).toBe(0n);
    expect(await over("BASEFEE", { blockOverrides: { baseFee: 9n } })).toBe(0n);
    expect(await over("BASEFEE", {}, { gasPrice: 100n, gas: 50_000n })).toBe(100n);
    expect(await over("BLOBBASEFEE")).toBe(1n);
    expect(await over("BLOBBASEFEE", { blockOverrides: { blobBaseFee: 77n } })).toBe(77n);
    expect(
      await over("BLOBBASEFEE", { blockOverrides: { blobBaseFee: 77n } }, { maxFeePerBlobGas: 0n }),
    ).toBe(0n);
  });

  test("a nonce that cannot grow begins anew in a call, as geth's does; nothing is created with it", async () => {
    const overrides = [{ address: rich, nonce: (1n << 64n) - 1n }];
    expect((await call(answer, {}, { overrides })).status).toBe("ok");
    expect(await codeOf(runCall(env, { from: rich, input: Uint8Array.of(0) }, reader, { overrides }))).toBe(
      "VM_BAD_TRANSACTION: nonce uint64 overflow",
    );
  });

  test("messages that cannot start are refused with geth's text", async () => {
    const who = "0x00000000000000000000000000000000000000bb";
    expect(await codeOf(call(answer, { from: fromHex(who), value: 1n }))).toBe(
      `VM_BAD_TRANSACTION: insufficient funds for gas * price + value: address 0x00000000000000000000000000000000000000bb have 0 want 1`,
    );
    expect(await codeOf(call(answer, { gas: 20_000n }))).toBe(
      "VM_BAD_TRANSACTION: intrinsic gas too low: have 20000, want 21000",
    );
    expect(await codeOf(call(answer, { gasPrice: 99n, gas: 30_000n }))).toMatch(
      /max fee per gas less than block base fee: address .*AA, maxFeePerGas: 99, baseFee: 100/i,
    );
    expect(
      await codeOf(call(answer, { maxFeePerGas: 200n, maxPriorityFeePerGas: 201n, gas: 30_000n })),
    ).toMatch(/max priority fee per gas higher than max fee per gas/);
    expect((await call(answer, { gasPrice: 100n, gas: 30_000n })).status).toBe("ok");
  });

  test("what the reader throws comes out as it is, and the EVM is usable after", async () => {
    const broken: StateReader = {
      ...slow,
      storage: async () => {
        throw new RangeError("gone");
      },
    };
    expect(await codeOf(runCall(env, { to: slot0 }, broken))).toBe("RangeError: gone");
    expect(last((await call(slot0)).returnData)).toBe(9n);
  });

  test("calls that wait in between do not see each other", async () => {
    const one = runCall(env, { to: store, input: word(1) }, slow);
    const others = [slot0, answer, slot0, answer].map((to) => runCall(env, { to }, slow));
    const values = (await Promise.all(others)).map(({ returnData }) => last(returnData));
    expect([(await one).status, ...values]).toEqual(["ok", 9n, 42n, 9n, 42n]);
  });
});

describe("limits", () => {
  test("RP-12 an endless loop ends at its deadline", async () => {
    let now = 0;
    const clock = { now: () => (now += 1) };
    expect(await codeOf(call(loops, {}, { clock, timeoutMs: 50, gasCap: 10n ** 12n }))).toBe(
      "VM_TIMEOUT: execution aborted (timeout = 0.05s)",
    );
    expect(await codeOf(call(messages, {}, { clock, timeoutMs: 50, gasCap: 10n ** 12n }))).toBe(
      "VM_TIMEOUT: execution aborted (timeout = 0.05s)",
    );
    expect(last((await call(answer)).returnData)).toBe(42n);
  });

  test("an aborted signal ends it, because long runs give way", async () => {
    const controller = new AbortController();
    const running = call(loops, {}, { signal: controller.signal, gasCap: 10n ** 12n });
    setImmediate(() => controller.abort(new Error("stop")));
    expect(await codeOf(running)).toBe("Error: stop");
    expect(await codeOf(call(answer, {}, { signal: controller.signal }))).toBe("Error: stop");
  });

  test("the gas cap holds whatever is asked for", async () => {
    expect((await call(loops, { gas: 10n ** 15n }, { gasCap: 50_000n })).gasUsed).toBe(50_000n);
  });
});

describe("estimateGas", () => {
  const estimate = (to: Uint8Array, rest: CallRequest = {}, options: CallOptions = {}) =>
    estimateGas(env, { to, from: rich, ...rest }, reader, options);

  test("a transfer is 21,000; a call its exact need", async () => {
    expect(await estimate(rich, { value: 1n })).toBe(21_000n);
    expect(await estimate(answer)).toBe(21_018n);
  });

  test.each([
    ["refunds do not count", store, concatBytes(word(1), word(1))],
    ["63/64", nested, new Uint8Array(0)],
    ["a plain store", store, word(1)],
  ])("%s: one gas less fails", async (_, to, input) => {
    const gas = await estimate(to, { input });
    expect((await call(to, { input, gas })).status).toBe("ok");
    expect((await call(to, { input, gas: gas - 1n })).status).not.toBe("ok");
  });

  test("a revert is error 3 with its data", async () => {
    const error = await estimate(reverts).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "VM_REVERTED",
      rpcCode: 3,
      message: "execution reverted: no",
      data: { returnData: errorNo },
    });
  });

  test("failures: opcode, allowance, funds", async () => {
    expect(await codeOf(estimate(invalid))).toBe("VM_EXECUTION_FAILED: invalid opcode: INVALID");
    expect(await codeOf(estimate(store, { input: word(1), gas: 22_000n }))).toBe(
      "VM_GAS_EXCEEDS_ALLOWANCE: gas required exceeds allowance (22000)",
    );
    expect(await codeOf(estimate(answer, { gasPrice: 10n ** 14n }))).toBe(
      "VM_GAS_EXCEEDS_ALLOWANCE: gas required exceeds allowance (10000)",
    );
    expect(await codeOf(estimate(answer, { gasPrice: 100n, value: 10n ** 19n }))).toBe(
      "VM_EXECUTION_FAILED: insufficient funds for transfer",
    );
  });
});

describe("createAccessList", () => {
  test("slots and addresses reached, sorted, without sender, target and precompiles", async () => {
    const result = await createAccessList(env, { to: nested, from: rich }, reader);
    expect(result.status).toBe("ok");
    expect(result.accessList.map((entry) => [toHex(entry.address), entry.storageKeys.map(toHex)])).toEqual([
      [toHex(store), [toHex(word(0))]],
    ]);
  });

  test("the target's own slots are listed", async () => {
    const { accessList } = await createAccessList(env, { to: slot0 }, reader);
    expect(accessList).toEqual([{ address: slot0, storageKeys: [word(0)] }]);
    expect((await createAccessList(env, { to: answer }, reader)).accessList).toEqual([]);
  });

  test("a failing message still tells what it reached", async () => {
    const result = await createAccessList(env, { to: reverts }, reader);
    expect([result.status, result.accessList]).toEqual(["revert", []]);
  });
});

test("revertReason: Error, Panic, anything else, and cut off", () => {
  const panic = (code: number) => concatBytes(fromHex("0x4e487b71"), word(code));
  expect(revertReason(panic(17))).toBe("arithmetic underflow or overflow");
  expect(revertReason(panic(0x99))).toBe("unknown panic code: 0x99");
  expect(revertReason(errorNo.subarray(0, 69))).toBeUndefined();
  expect(revertReason(concatBytes(fromHex("0x08c379a0"), word(2n ** 200n), word(1)))).toBeUndefined();
  expect(revertReason(fromHex("0x12345678"))).toBeUndefined();
  expect(revertReason(new Uint8Array(0))).toBeUndefined();
});
