// Geth's own vectors: 98 traces and 1,947 inputs of precompiles.
import { fromHex, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { runPrecompile } from "../../../src/core/vm/precompiles.ts";
import { gethTestdata, traceOf, type TraceVector, whyNoGethTestdata } from "../../kit/geth-testdata.ts";

const TRACERS: Readonly<Record<string, string>> = {
  call_tracer: "callTracer",
  call_tracer_withLog: "callTracer",
  call_tracer_flat: "flatCallTracer",
  prestate_tracer: "prestateTracer",
  prestate_tracer_with_diff_mode: "prestateTracer",
};

/** Files of precompiles: address, and the fork whose price they have. */
const PRECOMPILES = {
  ...{ ecRecover: [1, "istanbul"], modexp: [5, "byzantium"], modexp_eip2565: [5, "berlin"] },
  ...{ modexp_eip7883: [5, "osaka"], bn256Add: [6, "istanbul"], bn256ScalarMul: [7, "istanbul"] },
  ...{ bn256Pairing: [8, "istanbul"], blake2F: [9, "istanbul"], "fail-blake2f": [9, "istanbul"] },
  ...{ pointEvaluation: [10, "cancun"], p256Verify: [256, "osaka"] },
  ...Object.fromEntries(
    Object.entries({
      G1Add: 11,
      G1Mul: 12,
      G1MultiExp: 12,
      G2Add: 13,
      G2Mul: 14,
      G2MultiExp: 14,
      Pairing: 15,
    })
      .concat(Object.entries({ MapG1: 16, MapG2: 17 }))
      .flatMap(([name, address]) => [
        [`bls${name}`, [address, "prague"]],
        [`fail-bls${name}`, [address, "prague"]],
      ]),
  ),
} as Readonly<Record<string, readonly [number, string]>>;

/** What is not compared or not equal, one by one. */
const KNOWN: Readonly<Record<string, string>> = {
  "call_tracer/revert_reason.json": "its config has EIP-158 after Byzantium: refused here",
  "call_tracer_flat/revert_reason.json": "the same",
  "call_tracer_flat/big_slow.json": "its config has Homestead after EIP-150: refused here",
  "call_tracer_flat/callcode_precompiled_throw.json":
    "1.17.5 says more of the gas that a write must leave over",
  "call_tracer_flat/nested_create_action_gas.json": "the same",
  "call_tracer_withLog/frontier_create_outofstorage.json":
    "the code that Frontier did not store is not shown",
};

/** Of a flat trace, what geth's own test does not compare: where it stands, and members that are absent or zero. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const places = ["blockHash", "blockNumber", "transactionHash", "transactionPosition"];
  const isNothing = (one: unknown) =>
    one === null ||
    one === undefined ||
    one === "" ||
    (typeof one === "string" && /^0x0*$/.test(one)) ||
    isEmpty(one);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, one]): [string, unknown] => [key, bare(one)])
      .filter(([key, one]) => !places.includes(key) && !isNothing(one)),
  );
}

const isEmpty = (one: unknown) =>
  typeof one === "object" && one !== null && !Array.isArray(one) && Object.keys(one).length === 0;

/** Older files have no `index` in their logs. */
function withoutIndex(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, one: unknown) => (key === "index" ? undefined : one)));
}

describe.skipIf(whyNoGethTestdata !== undefined)(`geth's vectors ${whyNoGethTestdata ?? ""}`, () => {
  test.each(Object.keys(TRACERS))("%s", async (folder) => {
    const wrong: string[] = [];
    for (const [file, content] of gethTestdata(`eth/tracers/internal/tracetest/testdata/${folder}`)) {
      const vector = content as TraceVector;
      const shape = folder === "call_tracer_flat" ? bare : withoutIndex;
      const name = `${folder}/${file}`;
      const got = await traceOf(vector, TRACERS[folder] ?? "").catch(String);
      const isEqual = JSON.stringify(sorted(shape(got))) === JSON.stringify(sorted(shape(vector.result)));
      if (isEqual !== (KNOWN[name] === undefined)) wrong.push(name);
    }
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(PRECOMPILES))("%s", async (file, [precompile, fork]) => {
    const wrong: string[] = [];
    const [[, cases] = []] = [...gethTestdata("core/vm/testdata/precompiles")].filter(
      ([name]) => name === `${file}.json`,
    );
    expect(cases).toBeDefined();
    for (const one of cases as PrecompileVector[]) {
      const gasLimit = BigInt(one.Gas || 10_000_000_000);
      const job = { fork, precompile, input: fromHex(`0x${one.Input}`), gasLimit };
      const { error, returnValue, gasUsed } = await runPrecompile(job);
      if (one.ExpectedError !== undefined) {
        if (error === undefined) wrong.push(`${one.Name}: ${one.ExpectedError}`);
      } else if (error !== undefined || toHex(returnValue) !== `0x${(one.Expected ?? "").toLowerCase()}`)
        wrong.push(`${one.Name}: ${error ?? toHex(returnValue)}`);
      else if (one.Gas && gasUsed !== gasLimit) wrong.push(`${one.Name}: gas ${gasUsed}`);
    }
    expect(wrong).toEqual([]);
  });
});

interface PrecompileVector {
  readonly Name: string;
  readonly Input: string;
  readonly Expected?: string;
  readonly ExpectedError?: string;
  readonly Gas?: number;
}

/** Members in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
