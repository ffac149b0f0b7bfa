import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bloomOf, type Header, type Log } from "#core/types";
import { toHex } from "#util";
import { type LogCriteria, logQuery, matches, mayContain } from "./log-criteria.ts";

const codec = logQuery(1_000);
const parse = (value: unknown) => codec.decode(value, "0");
const code = (value: unknown): unknown => {
  try {
    parse(value);
    return undefined;
  } catch (error) {
    const { rpcCode, code: own, message } = error as { rpcCode?: number; code: number; message: string };
    return [rpcCode ?? own, message];
  }
};
const address = `0x${"11".repeat(20)}`;
const topic = `0x${"22".repeat(32)}`;

describe("filter objects", () => {
  test("defaults are the newest block and everything", () => {
    expect(parse({})).toEqual({
      criteria: { addresses: [], topics: [] },
      range: { from: "latest", to: "latest" },
    });
  });

  test("one address or many; null topics and lists with null match anything", () => {
    expect(parse({ address }).criteria.addresses.map(toHex)).toEqual([address]);
    expect(parse({ address: [address, address] }).criteria.addresses).toHaveLength(2);
    expect(
      parse({ topics: [null, topic, [topic, topic], [topic, null], []].slice(0, 4) }).criteria.topics.map(
        (any) => any.length,
      ),
    ).toEqual([0, 1, 2, 0]);
  });

  test("blockHash stands alone", () => {
    expect(parse({ blockHash: topic }).range).toHaveProperty("blockHash");
    expect(code({ blockHash: topic, fromBlock: "0x0" })).toEqual([
      -32602,
      "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
    ]);
    expect(parse({ blockHash: null, fromBlock: "0x1" }).range).toEqual({ from: 1, to: "latest" });
  });

  test("Trap 24: pending is the newest block at either end; nothing is lost, nothing is walked", () => {
    expect(parse({ fromBlock: "pending", toBlock: "pending" }).range).toEqual({
      from: "latest",
      to: "latest",
    });
    expect(parse({ fromBlock: "0x1", toBlock: "pending" }).range).toEqual({ from: 1, to: "latest" });
  });

  test("RP-13 bounds are checked before anything is decoded", () => {
    const wrong = "not even hex";
    expect(code({ address: new Array(1_001).fill(wrong) })).toEqual([
      -32602,
      "exceed max addresses or topics per search position",
    ]);
    expect(code({ topics: [new Array(1_001).fill(wrong)] })).toEqual([
      -32602,
      "exceed max addresses or topics per search position",
    ]);
    expect(code({ topics: new Array(5).fill(null) })).toEqual([
      -32602,
      "invalid argument 0: exceed max topics",
    ]);
    expect(parse({ address: new Array(1_000).fill(address) }).criteria.addresses).toHaveLength(1_000);
    expect(code({ fromBlock: "0x2", toBlock: "0x1" })).toEqual([-32602, "invalid block range params"]);
  });

  test("RP-11 hex of every wrong form is refused with its place", () => {
    for (const bad of ["0x", "0x1", "11", `0x${"11".repeat(21)}`, `0x${"0".repeat(1_000_000)}`, 7, {}]) {
      expect(code({ address: [bad] })).toEqual([-32602, expect.stringContaining("0.address[0]")]);
      expect(code({ topics: [[bad]] })).toEqual([-32602, expect.stringContaining("0.topics[0][0]")]);
    }
    expect(code({ fromBlock: "0x01" })).toEqual([-32602, expect.stringContaining("fromBlock")]);
    expect(code("0x")).toEqual([
      -32602,
      "invalid argument 0: want an object, got text".replace("text", "string"),
    ]);
  });
});

test("a block whose bloom is ruled out holds no match (property)", () => {
  const word = (length: number) => fc.nat({ max: 3 }).map((n) => new Uint8Array(length).fill(n));
  const log: fc.Arbitrary<Log> = fc.record({
    address: word(20),
    topics: fc.array(word(32), { maxLength: 4 }),
    data: fc.constant(new Uint8Array(0)),
  });
  const criteria: fc.Arbitrary<LogCriteria> = fc.record({
    addresses: fc.array(word(20), { maxLength: 2 }),
    topics: fc.array(fc.array(word(32), { maxLength: 2 }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(log, { maxLength: 4 }), criteria, (logs, wanted) => {
      const header = { bloom: bloomOf(logs) } as Header; // as: only the bloom is looked at
      const any = logs.some((one) => matches(one, wanted));
      return !any || mayContain(header, wanted);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test("matching follows geth: fewer topics than positions is no match, empty position is any", () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const log: Log = { address: new Uint8Array(20), topics: [a], data: new Uint8Array(0) };
  expect(matches(log, { addresses: [], topics: [] })).toBe(true);
  expect(matches(log, { addresses: [], topics: [[a, b]] })).toBe(true);
  expect(matches(log, { addresses: [], topics: [[b]] })).toBe(false);
  expect(matches(log, { addresses: [], topics: [[a], []] })).toBe(false);
  expect(matches(log, { addresses: [new Uint8Array(20).fill(9)], topics: [] })).toBe(false);
});
