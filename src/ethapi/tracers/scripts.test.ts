import { describe, expect, test } from "vitest";
import { emptyTxRoot, emptyUnclesHash, makeHeader } from "#core/types";
import { type AccountOverride, runCall, type StateReader } from "#core/vm";
import { nodeHost } from "#host/node";
import { rulesAt } from "#params";
import { fromHex } from "#util";
import { assemble } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { makeTracer, Scripts, TraceBudget, TracerError } from "./index.ts";

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
const calling = assemble(`7 0 MSTORE 0 0 32 0 1 ${other} GAS CALL POP 1 0 SSTORE 32 0 RETURN`);

interface Options {
  readonly code?: Uint8Array;
  readonly timeoutMs?: number;
  readonly config?: unknown;
}

async function run(tracer: string, { code = calling, timeoutMs = 10_000, config }: Options = {}) {
  const { clock } = nodeHost();
  using scripts = new Scripts({ timeoutMs, clock, signal: new AbortController().signal });
  const rules = rulesAt(testConfig("Cancun"), header);
  const traced = makeTracer(
    { tracer, tracerConfig: config },
    { place: { header }, rules, budget: new TraceBudget(), scripts },
  );
  const overrides: AccountOverride[] = [{ address: contract, code, balance: 5n }];
  const env = { config: testConfig("Cancun"), header };
  const input = fromHex("0x12345678aabb");
  await runCall(env, { to: contract, input, gas: 100_000n }, nothing, { overrides, tracer: traced.tracer });
  return traced.result();
}

/** A tracer of which only this member matters. */
const only = (member: string, rest = "result: function() { return null }") =>
  `{ fault: function() {}, ${member}, ${rest} }`;

describe("JavaScript tracers see what geth's see", () => {
  test("steps: opcode, place, gas, stack, memory, contract", async () => {
    const result = await run(`{
      rows: [],
      step: function(log) {
        if (log.op.toString() === "CALL") this.rows.push([log.op.toNumber(), log.op.isPush(), log.getPC(),
          log.stack.peek(1).toString(16), log.stack.length(), log.memory.length(), log.memory.getUint(0).add(1),
          toHex(log.memory.slice(30, 34)), log.getDepth(), log.getRefund(), log.getError(), log.getCost() > 100,
          toHex(log.contract.getAddress()), toHex(log.contract.getCaller()), toHex(log.contract.getInput()),
          log.contract.getValue().isZero(), bigInt(255).toString(16), toHex(toWord("0x01")), isPrecompiled(toAddress("0x04"))]);
      },
      fault: function() {},
      result: function(ctx) { return { rows: this.rows, type: ctx.type, to: toHex(ctx.to), gas: ctx.gas, block: ctx.block, output: toHex(ctx.output) } },
    }`);
    const here = `0x${"c0".repeat(20)}`;
    expect(result).toEqual({
      ...{ type: "CALL", to: here, gas: 100_000, block: 1, output: `0x${"00".repeat(31)}07` },
      rows: [
        [
          ...[0xf1, false, 37, "dd".repeat(20), 7, 32, "8", "0x00070000", 1, 0, null, true],
          ...[here, `0x${"00".repeat(20)}`, "0x12345678aabb", true, "ff", `0x${"00".repeat(31)}01`, true],
        ],
      ],
    });
  });

  test("frames, the state at each step, its own config", async () => {
    const result = await run(
      `{
        seen: [],
        setup: function(config) { this.address = JSON.parse(config).address },
        step: function(log, db) {
          var a = toAddress(this.address);
          if (log.op.toString() === "SSTORE" || log.op.toString() === "RETURN")
            this.seen.push(log.op.toString(), db.getBalance(a).toString(), toHex(db.getState(log.contract.getAddress(), toWord("0x00"))), db.exists(a), db.getNonce(a), db.getCode(log.contract.getAddress()).length);
        },
        fault: function() {},
        enter: function(f) { this.seen.push([f.getType(), toHex(f.getTo()), f.getValue().toString(), toHex(f.getInput()), f.getGas() > 2300]) },
        exit: function(r) { this.seen.push([toHex(r.getOutput()), r.getGasUsed(), r.getError()]) },
        result: function(ctx, db) { return this.seen.concat(db.getBalance(toAddress(this.address))) },
      }`,
      { config: { address: other } },
    );
    const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}`;
    expect(result).toEqual([
      ["CALL", other, "1", word(7), true],
      ["0x", 0, null],
      ...["SSTORE", "1", word(0), true, 0, calling.length],
      ...["RETURN", "1", word(1), true, 0, calling.length],
      "1",
    ]);
  });

  test("a revert is a fault of its opcode", async () => {
    const faults =
      "rows: [], step: function() {}, fault: function(log) { this.rows.push(log.op.toString(), log.getError()) }";
    const code = assemble("0 0 REVERT");
    expect(await run(`{ ${faults}, result: function() { return this.rows } }`, { code })).toEqual([
      "REVERT",
      "execution reverted",
    ]);
  });
});

describe("attack/RP-12 strangers' code", () => {
  test.each([
    ["endless", only("step: function() { for (;;); }"), { code: "TRACER_SCRIPT_TIMEOUT", rpcCode: -32002 }],
    ["endless before it is a tracer", "(function() { for (;;); })()", { code: "TRACER_SCRIPT_TIMEOUT" }],
    [
      "eats memory",
      only("all: [], step: function() { for (;;) this.all.push(new Array(1e5).fill(this.all)) }"),
      { code: /SCRIPT_(DIED|TIMEOUT)/ },
    ],
    [
      "answers without end",
      only("x: 1", "result: function() { return 'x'.repeat(1e8) }"),
      { code: /SCRIPT/ },
    ],
    [
      "throws what is no error",
      only("step: function() { throw { toString: null } }"),
      { code: "TRACER_SCRIPT" },
    ],
    [
      "no object",
      "(undefined)",
      { code: "TRACER_SCRIPT", message: "trace object must expose a function result()" },
    ],
    ["no JavaScript", "{ :", { code: "TRACER_SCRIPT" }],
    [
      "recursion",
      only("step: function f() { f() }"),
      {
        code: "TRACER_SCRIPT",
        message: expect.stringMatching(/RangeError.*in server-side tracer function 'step'/),
      },
    ],
  ])("%s", async (_, tracer, { code, ...rest }) => {
    // only what never ends is cut off: a thread may take long to start
    const timeoutMs = /TIMEOUT/.test(String(code)) ? 2_000 : 60_000;
    const refused = await run(tracer, { timeoutMs }).catch((error: unknown) => error);
    expect(TracerError.is(refused)).toBe(true);
    expect(refused).toMatchObject({ code: expect.stringMatching(code), ...rest });
  });

  const tries: readonly (readonly [name: string, text: string])[] = [
    ["process", "typeof process"],
    ["require", "typeof require"],
    ["Function", "Function('return 1')()"],
    ["constructor of this", "this.constructor.constructor('return process')().pid"],
    ["constructor of a helper", "toHex.constructor('return process')().pid"],
    ["constructor of what a helper gives", "toWord('0x1').constructor.constructor('return process')().pid"],
    ["eval", "eval('1')"],
    ["import", "(import('node:fs'), 'no answer')"],
    [
      "stack frames",
      "(Error.prepareStackTrace = function(e, frames) { return frames.slice(1).map(function(f) { return typeof f.getFunction() + typeof f.getThis() }).join() }, new Error().stack)",
    ],
    ["WebAssembly", "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) && 'made'"],
  ];
  test.each(tries)("no way out: %s", async (_, text) => {
    const tracer = `{ fault: function() {}, result: function() { try { return String(${text}) } catch (e) { return "refused" } } }`;
    const said = await run(tracer);
    expect(typeof said === "string" ? said : "no text").toMatch(
      /^(undefined|refused|no answer|(undefined){2}(,(undefined){2})*)$/,
    );
  });

  test("the process is gone when the request is over", async () => {
    const { clock } = nodeHost();
    const aborter = new AbortController();
    using scripts = new Scripts({ timeoutMs: 60_000, clock, signal: aborter.signal });
    const sent = scripts.send(
      { do: "new", code: "(function() { for (;;); })()", config: "{}", precompiles: [] },
      () => "",
    );
    aborter.abort();
    await expect(sent).rejects.toMatchObject({ code: "TRACER_SCRIPT_DIED" });
  });
});
