import { describe, expect, test } from "vitest";
import {
  blockOverrides,
  simulatedBlockOverrides,
  stateOverrides,
  toCallRequest,
  transactionArgs,
} from "./call-params.ts";

const address = `0x${"11".repeat(20)}`;
const word = `0x${"22".repeat(32)}`;
const request = (value: unknown) => toCallRequest(transactionArgs.decode(value, "0"), 1337n);
const overrides = stateOverrides({ accounts: 3, slots: 4 });

describe("transaction arguments", () => {
  test("input wins over data, also where they differ", () => {
    expect(request({ data: "0x1234" }).input).toEqual(new Uint8Array([0x12, 0x34]));
    expect(request({ data: "0x12", input: "0x12" }).input).toEqual(new Uint8Array([0x12]));
    expect(request({ data: "0x12", input: "0x13" }).input).toEqual(new Uint8Array([0x13]));
  });

  test("two kinds of price, or another chain, are refused in geth's words", () => {
    expect(() => request({ gasPrice: "0x1", maxFeePerGas: "0x1" })).toThrow(
      "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
    );
    expect(() => request({ chainId: "0x1" })).toThrow("chainId does not match node's (have=1, want=1337)");
    expect(request({ chainId: "0x539" })).toBeDefined();
  });

  test("unknown members and null are as if absent", () => {
    expect(request({ to: null, nonsense: 1 }).to).toBeUndefined();
  });

  test("RP-11 quantities: size and form are checked before any conversion", () => {
    for (const gas of ["0x", "0x01", "1", 1, `0x${"f".repeat(17)}`, `0x${"f".repeat(1_000_000)}`, "0xg"]) {
      expect(() => request({ gas })).toThrow(/invalid argument 0\.gas/);
    }
    for (const value of [`0x1${"0".repeat(64)}`, `0x${"f".repeat(1_000_000)}`]) {
      expect(() => request({ value })).toThrow(/hex number > 256 bits/);
    }
    expect(() => request({ from: `0x${"11".repeat(21)}` })).toThrow(/invalid argument 0\.from/);
  });

  test("RP-12 lists are bounded", () => {
    const authorization = { chainId: "0x1", address, nonce: "0x0", yParity: "0x0", r: "0x1", s: "0x1" };
    expect(() => request({ authorizationList: new Array(10_000).fill(authorization) })).toThrow(
      /list of more than/,
    );
    expect(() => request({ accessList: new Array(4_097).fill({ address, storageKeys: [] }) })).toThrow(
      /list of more than/,
    );
    expect(() => request({ gas: "0x10000000000000000" })).toThrow(/hex number > 64 bits/); // 2^64
  });
});

describe("state overrides", () => {
  test("every member", () => {
    const [one] = overrides.decode(
      { [address]: { balance: "0x5", nonce: "0x1", code: "0x00", stateDiff: { [word]: word } } },
      "2",
    );
    expect(one).toMatchObject({ balance: 5n, nonce: 1n, code: new Uint8Array(1), state: undefined });
    expect(one?.stateDiff).toHaveLength(1);
  });

  test("state and stateDiff exclude each other; a precompile's new place is an address", () => {
    expect(() => overrides.decode({ [address]: { state: {}, stateDiff: {} } }, "2")).toThrow(
      "has both 'state' and 'stateDiff'",
    );
    const [moved] = overrides.decode({ [address]: { movePrecompileToAddress: address } }, "2");
    expect(moved?.movePrecompileTo).toEqual(new Uint8Array(20).fill(0x11));
    expect(() => overrides.decode({ [address]: { movePrecompileToAddress: "0x1" } }, "2")).toThrow(
      /movePrecompileToAddress/,
    );
  });

  test("RP-12 accounts and slots are counted before they are decoded", () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`x${i}`, null]));
    expect(() => overrides.decode(many, "2")).toThrow("accounts overridden: 100000 exceeds 3");
    const slots = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`y${i}`, null]));
    expect(() => overrides.decode({ [address]: { state: slots } }, "2")).toThrow(
      "slots overridden: 5 exceeds 4",
    );
  });

  test("names of Object.prototype are only names", () => {
    expect(() => overrides.decode(JSON.parse('{"__proto__": {}}'), "2")).toThrow(/invalid argument/);
    expect(() => overrides.decode({ constructor: {} }, "2")).toThrow(/invalid argument/);
  });
});

test("block overrides: new names and old, and none is ignored", () => {
  expect(
    blockOverrides.decode({ number: "0x5", feeRecipient: address, baseFeePerGas: "0x7" }, "3"),
  ).toMatchObject({ number: 5, baseFee: 7n });
  expect(blockOverrides.decode({ coinbase: address, random: word, baseFee: "0x1" }, "3")).toMatchObject({
    baseFee: 1n,
  });
  expect(blockOverrides.decode({ blobBaseFee: "0x1" }, "3").blobBaseFee).toBe(1n);
  expect(blockOverrides.decode({ beaconRoot: null }, "3")).toBeDefined();
  for (const [name, value] of [
    ["beaconRoot", word],
    ["withdrawals", []],
  ] as const) {
    expect(() => blockOverrides.decode({ [name]: value }, "3")).toThrow(
      `block override "${name}" is not supported for this RPC method`,
    );
    expect(simulatedBlockOverrides.decode({ [name]: value }, "3")[name]).toBeDefined();
  }
});
