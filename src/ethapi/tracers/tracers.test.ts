import { describe, expect, test } from "vitest";
import { emptyTxRoot, emptyUnclesHash, makeHeader } from "#core/types";
import { type AccountOverride, runCall, type StateReader, VmError } from "#core/vm";
import { rulesAt } from "#params";
import { fromHex, toHex } from "#util";
import { assemble } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { CallTracer } from "./call-tracer.ts";
import { type JsonTracer, TraceBudget } from "./index.ts";
import { PrestateTracer } from "./prestate-tracer.ts";
import { FourByteTracer, NoopTracer } from "./small-tracers.ts";
import { StructLogger } from "./struct-logger.ts";

const zero = new Uint8Array(32);
const header = makeHeader({
  ...{ parentHash: zero, unclesHash: emptyUnclesHash, coinbase: new Uint8Array(20), stateRoot: zero },
  ...{ txRoot: emptyTxRoot, receiptRoot: emptyTxRoot, bloom: new Uint8Array(256), difficulty: 0n },
  ...{ number: 1, gasLimit: 30_000_000n, gasUsed: 0n, time: 1, extra: new Uint8Array(0), mixDigest: zero },
  ...{ nonce: new Uint8Array(8), baseFee: 0n },
});
const nothing: StateReader = {
  account: () => undefined,
  storage: () => new Uint8Array(0),
  code: () => new Uint8Array(0),
};
const contract = fromHex(`0x${"c0".repeat(20)}`);
const other = `0x${"dd".repeat(20)}`;

async function run(code: Uint8Array, traced: JsonTracer, gas = 100_000n): Promise<unknown> {
  const overrides: AccountOverride[] = [{ address: contract, code, balance: 5n }];
  const input = fromHex("0x12345678aabb");
  const env = { config: testConfig("Cancun"), header };
  await runCall(env, { to: contract, input, gas }, nothing, { overrides, tracer: traced.tracer });
  return traced.result();
}

describe("each tracer on one call", () => {
  const code = assemble(`0 0 0 0 1 ${other} GAS CALL POP 1 0 SSTORE`);

  test("struct logs end with the STOP that is not written there", async () => {
    const trace = (await run(code, new StructLogger({}, new TraceBudget()))) as {
      structLogs: { op: string; depth: number; storage?: object }[];
    };
    expect(trace).toMatchObject({ failed: false, returnValue: "0x" });
    expect(trace.structLogs.map(({ op }) => op).slice(-3)).toEqual(["PUSH1", "SSTORE", "STOP"]);
    expect(trace.structLogs.at(-2)?.storage).toEqual({ [toHex(zero)]: `0x${"00".repeat(31)}01` });
  });

  test("limit: no line after so many bytes", async () => {
    const trace = (await run(code, new StructLogger({ limit: 200 }, new TraceBudget()))) as {
      structLogs: unknown[];
    };
    expect(trace.structLogs.length).toBeLessThan(5);
  });

  test("callTracer, prestateTracer, 4byteTracer, noopTracer", async () => {
    expect(await run(code, new CallTracer({}, new TraceBudget()))).toMatchObject({
      type: "CALL",
      calls: [{ type: "CALL", to: other, value: "0x1", from: toHex(contract) }],
    });
    const differences = (await run(code, new PrestateTracer({ diffMode: true }, new TraceBudget()))) as {
      post: object;
    };
    expect(differences.post).toMatchObject({
      [other]: { balance: "0x1" },
      [toHex(contract)]: { balance: "0x4", storage: { [toHex(zero)]: `0x${"00".repeat(31)}01` } },
    });
    expect(await run(code, new FourByteTracer(rulesAt(testConfig("Cancun"), header)))).toEqual({
      "0x12345678-2": 1,
    });
    expect(await run(code, new NoopTracer())).toEqual({});
  });
});

describe("errors in geth's words", () => {
  const blake = assemble("0 0 0 0 0 9 GAS CALL POP");
  test("a write without the gas that must be left over, in those of 1.11; a precompile that refuses its input", async () => {
    expect(await run(assemble("1 0 SSTORE"), new CallTracer({}, new TraceBudget()), 23_300n)).toMatchObject({
      error: "out of gas",
    });
    expect(await run(blake, new CallTracer({}, new TraceBudget()))).toMatchObject({
      calls: [{ error: "invalid input length" }],
    });
  });

  test("a creation that cannot pay for its code stands in Frontier, without it", async () => {
    const traced = new CallTracer({}, new TraceBudget());
    const env = { config: testConfig("Frontier"), header: { ...header, baseFee: undefined } };
    await runCall(env, { input: assemble("200 0 RETURN"), gas: 23_000n }, nothing, { tracer: traced.tracer });
    expect(traced.result()).toMatchObject({ type: "CREATE", to: expect.stringMatching(/^0x/) });
    expect(traced.result()).not.toHaveProperty("error");
  });
});

describe("a trace has a size", () => {
  const tooLarge = { code: "VM_TRACE_TOO_LARGE", rpcCode: -32003, data: { max: 20_000 } };
  const endless = assemble(":again @again JUMP");
  const calling = assemble(`:again 0 0 0 0 0 ${other} 0 CALL POP @again JUMP`);
  const reading = assemble(":again GAS SLOAD POP @again JUMP");
  test.each([
    ["struct logs", endless, (budget: TraceBudget) => new StructLogger({}, budget)],
    ["callTracer", calling, (budget: TraceBudget) => new CallTracer({}, budget)],
    ["prestateTracer", reading, (budget: TraceBudget) => new PrestateTracer({}, budget)],
  ] as const)("%s", async (_, code, make) => {
    const refused = await run(code, make(new TraceBudget(20_000)), 10_000_000n).catch(
      (error: unknown) => error,
    );
    expect(VmError.is(refused)).toBe(true);
    expect(refused).toMatchObject(tooLarge);
  });
});
