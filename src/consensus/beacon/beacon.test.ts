import { describe, expect, test } from "vitest";
import { blankFields, cliqueConfig } from "../../../test/kit/clique.ts";
import { devEngine, type HeaderReader } from "#consensus";
import { emptyUnclesHash, type Header, makeHeader } from "#core/types";
import type { ChainConfig } from "#params";
import { Beacon } from "./index.ts";

/** London at 0; the merge when the total difficulty is 3; Shanghai, Cancun and Prague by time. */
const config: ChainConfig = {
  ...cliqueConfig(undefined, { istanbulBlock: 0, berlinBlock: 0, londonBlock: 0 }),
  clique: undefined,
  terminalTotalDifficulty: 3n,
  shanghaiTime: 100,
  cancunTime: 200,
  pragueTime: 300,
};
const engine = new Beacon(devEngine);
const base = { ...blankFields, extra: new Uint8Array(0), baseFee: 875_000_000n };
const at = (number: number, time: number, change: Partial<Header> = {}) =>
  makeHeader({ ...base, number, time, difficulty: 0n, gasUsed: 4_000_000n, ...change });

/** A reader that knows the total difficulty of every header, or of none. */
const reader = (td?: bigint): HeaderReader => ({
  config,
  headerByHash: () => undefined,
  headerByNumber: () => undefined,
  ...(td === undefined ? {} : { td: () => td }),
});
/** The header after `parent`, of half-full blocks: the base fee stays. */
const after = (parent: Header, change: Partial<Header> = {}) =>
  makeHeader({
    ...base,
    number: parent.number + 1,
    time: parent.time + 12,
    difficulty: 0n,
    parentHash: parent.hash,
    ...change,
  });
const verify = (header: Header, parent: Header, td?: bigint) => () =>
  engine.verifyHeader(reader(td), header, parent, { now: 35 });
const refuses = (code: string) => expect.objectContaining({ code });

describe("the change", () => {
  const terminal = at(3, 10, { difficulty: 1n });

  test("a parent below the terminal difficulty: the inner engine judges", () => {
    expect(verify(after(terminal), terminal, 2n)).toThrow(refuses("CONSENSUS_INVALID_DIFFICULTY"));
    const sealed = after(terminal, { difficulty: 1n, time: 11 });
    expect(verify(sealed, terminal, 2n)).not.toThrow();
  });

  test("a parent that has reached it: nothing sealed follows", () => {
    expect(verify(after(terminal), terminal, 3n)).not.toThrow();
    expect(verify(after(terminal, { difficulty: 1n }), terminal, 3n)).toThrow(
      refuses("BEACON_INVALID_TERMINAL_BLOCK"),
    );
  });

  test("where the total difficulty is unknown, the difficulties tell, and only once", () => {
    expect(verify(after(terminal), terminal)).not.toThrow();
    expect(verify(after(terminal, { difficulty: 1n, time: 11 }), terminal)).not.toThrow();
    const merged = at(4, 20);
    expect(verify(after(merged, { difficulty: 1n }), merged)).toThrow(
      refuses("BEACON_INVALID_TERMINAL_BLOCK"),
    );
  });

  test("authors, difficulty and sealing", () => {
    expect(engine.author(at(5, 50, { coinbase: new Uint8Array(20).fill(5) }))).toEqual(
      new Uint8Array(20).fill(5),
    );
    expect(engine.difficulty(reader(3n), terminal, undefined)).toBe(0n);
    expect(engine.difficulty(reader(2n), terminal, undefined)).toBe(1n);
    expect(() => engine.prepare(reader(3n), base, terminal, undefined)).toThrow(
      refuses("BEACON_CANNOT_SEAL"),
    );
    expect(engine.prepare(reader(2n), base, terminal, undefined).difficulty).toBe(1n);
    expect(() => engine.verifySeal(reader(3n), after(terminal, { difficulty: 1n }), terminal)).toThrow(
      refuses("BEACON_INVALID_TERMINAL_BLOCK"),
    );
  });
});

describe("rules after it", () => {
  const parent = at(9, 50);
  const root = new Uint8Array(32);
  test.each([
    ["LC-06 timestamp equal to the parent's", { time: 50 }, "CONSENSUS_INVALID_TIME"],
    ["LC-06 extra data of 33 bytes", { extra: new Uint8Array(33) }, "CONSENSUS_EXTRA_TOO_LONG"],
    ["LC-06 gas limit out of bound", { gasLimit: 9_000_000n }, "CONSENSUS_INVALID_GAS_LIMIT"],
    ["a nonce", { nonce: new Uint8Array(8).fill(1) }, "BEACON_INVALID_NONCE"],
    ["uncles", { unclesHash: root }, "BEACON_INVALID_UNCLE_HASH"],
    ["another base fee", { baseFee: 875_000_001n }, "CONSENSUS_INVALID_BASE_FEE"],
    ["another number", { number: 11 }, "CONSENSUS_INVALID_NUMBER"],
    ["another parent", { parentHash: root }, "CONSENSUS_UNKNOWN_ANCESTOR"],
    ["withdrawals too early", { withdrawalsRoot: root }, "CONSENSUS_UNEXPECTED_FIELD"],
  ])("%s is refused", (_, change, code) => {
    expect(verify(after(parent), parent)).not.toThrow();
    expect(verify(after(parent, change), parent)).toThrow(refuses(code));
  });

  const fields = {
    withdrawalsRoot: root,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconRoot: root,
    requestsHash: root,
  };
  test.each([
    [88, ["withdrawalsRoot"]],
    [188, ["withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconRoot"]],
    [288, ["withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconRoot", "requestsHash"]],
  ] as const)("the fields of the fork after second %d, all of them", (time, names) => {
    const before = at(9, time);
    const has: Partial<Header> = Object.fromEntries(names.map((name) => [name, fields[name]]));
    expect(verify(after(before, has), before)).not.toThrow();
    for (const name of names) {
      // one without those after it, as no encoding leaves a gap
      const cut = Object.fromEntries(
        names.slice(0, (names as readonly string[]).indexOf(name)).map((each) => [each, fields[each]]),
      );
      expect(verify(after(before, cut), before)).toThrow(refuses("CONSENSUS_MISSING_FIELD"));
    }
  });

  test("the clock is not asked: whoever names the head has looked at it", () => {
    expect(verify(after(parent, { time: 99 }), parent)).not.toThrow();
  });

  test("a body with uncles is refused", () => {
    const header = after(parent);
    const chain = { ...reader(), body: () => undefined };
    const verifyUncles = (uncles: readonly Header[]) => () =>
      engine.verifyUncles(chain, { header, transactions: [], uncles }, { now: 0 });
    expect(verifyUncles([])).not.toThrow();
    expect(verifyUncles([parent])).toThrow(refuses("BEACON_INVALID_UNCLE_HASH"));
    expect(header.unclesHash).toEqual(emptyUnclesHash);
  });
});
