import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonScan, JsonSplitter, scanJson, writeJson } from "./json.ts";

const budget = { maxDepth: 64, maxTokens: 100_000 };
const nest = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("RP-08 the scanner before JSON.parse", () => {
  test("a million digits are read, one more is refused; blanks do not count", () => {
    const budget = { maxDepth: 64, maxTokens: 100_000 };
    const digits = "9".repeat(1_000_000);
    expect(scanJson(`[${digits}]`, budget)).toBeUndefined();
    expect(scanJson(`[${digits},${digits}]`, budget)).toBeUndefined();
    expect(scanJson(`[${digits}9]`, budget)).toBe("too long a number");
    expect(scanJson(`["${digits}9"]`, budget)).toBeUndefined();
    expect(scanJson(`[1]${" ".repeat(2_000_000)}`, budget)).toBeUndefined();
  });

  test("depth 64 passes, 65 does not", () => {
    expect(scanJson(nest(64), budget)).toBeUndefined();
    expect(scanJson(nest(65), budget)).toBe("too deep");
  });

  test("2.5 million levels are refused at the 65th", () => {
    expect(scanJson("[".repeat(2_500_000), budget)).toBe("too deep");
  });

  test("tokens at the bound and one more", () => {
    const items = (n: number) => `[${Array.from({ length: n }, () => "1").join(",")}]`;
    expect(scanJson(items(100_000), budget)).toBeUndefined(); // one bracket, 99,999 commas
    expect(scanJson(items(100_001), budget)).toBe("too many values");
    const names = `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":0`).join(",")}}`;
    expect(scanJson(names, budget)).toBe("too many values");
  });

  test("brackets, commas and quotes inside strings do not count", () => {
    const text = JSON.stringify('[[[{{{,,,:::\\"['.repeat(50_000));
    expect(scanJson(text, budget)).toBeUndefined();
    expect(scanJson(`["\\\\", ${nest(62)}]`, budget)).toBeUndefined();
  });

  test("never refuses a small JSON value, never throws on text", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 10 }),
        (value) => scanJson(JSON.stringify(value), budget) === undefined,
      ),
      { seed: 20261124 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        scanJson(text, budget);
      }),
      { seed: 20261124 },
    );
  });
});

test("attack/RP-08 a text in pieces, cut anywhere, is judged as it is whole, and refused before the rest is there", () => {
  const small = { maxDepth: 3, maxTokens: 12 };
  const part = fc.constantFrom("[", "]", "{", "}", ",", ":", '"', "\\", "1", " ", '\\"', "a");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (parts, step) => {
      const text = parts.join("");
      const scan = new JsonScan(small);
      let refusal: ReturnType<typeof scanJson>;
      for (let at = 0; at < text.length; at += step)
        refusal ??= scan.push(Buffer.from(text.slice(at, at + step)));
      return refusal === scanJson(text, small);
    }),
    { seed: 20261124, numRuns: 500 },
  );
  expect(new JsonScan(budget).push(Buffer.from("[".repeat(65)))).toBe("too deep");
});

describe("JsonSplitter", () => {
  const split = (chunks: readonly Buffer[], max = 1_000_000) => {
    const splitter = new JsonSplitter(max);
    const got: string[] = [];
    for (const chunk of chunks) {
      const failure = splitter.push(chunk, (text) => got.push(text));
      if (failure !== undefined) return { got, failure };
    }
    return { got, failure: undefined };
  };

  test("messages cut anywhere come out whole and in order", () => {
    const message = fc.oneof(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.array(fc.nat(40), { maxLength: 50 }),
        fc.constantFrom("", "\n", " \r\n\t"),
        (messages, cuts, gap) => {
          const texts = messages.map((one) => JSON.stringify(one));
          const stream = Buffer.from(texts.map((one) => one + gap).join(""));
          const chunks: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            chunks.push(stream.subarray(at, at + cut));
            at += cut;
          }
          chunks.push(stream.subarray(at));
          expect(split(chunks)).toEqual({ got: texts, failure: undefined });
        },
      ),
      { seed: 20261124 },
    );
  });

  test("RP-21 a message is held up to its bound, not a byte more", () => {
    const text = JSON.stringify(["x".repeat(96)]); // 100 bytes
    expect(split([Buffer.from(text)], 100).got).toEqual([text]);
    expect(split([Buffer.from(text)], 99).failure).toBe("too large");
    const endless = new JsonSplitter(1_000);
    let pushed = 0;
    while (endless.push(Buffer.from(`[${"1,".repeat(50)}`.slice(0, 100)), () => {}) === undefined) pushed++;
    expect(pushed).toBe(10);
    expect(endless.heldBytes).toBeLessThanOrEqual(1_100);
  });

  test("what begins no object or list breaks the stream", () => {
    for (const text of ["1", "null", '"text"', "]", "}", "x", "\ufeff{}"])
      expect(split([Buffer.from(text)]).failure, text).toBe("syntax");
  });
});

describe("writeJson", () => {
  test("bigint is a bare number of any size (Trap 22)", () => {
    const value = { difficulty: 2n ** 90n, list: [1n, { deep: 3n }], absent: undefined, text: 'q"' };
    expect(writeJson(value)).toBe(
      '{"difficulty":1237940039285380274899124224,"list":[1,{"deep":3}],"text":"q\\""}',
    );
    expect(writeJson(7n)).toBe("7");
    expect(writeJson(undefined)).toBe("null");
  });

  test("without bigint it is JSON.stringify", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => writeJson(value) === JSON.stringify(value)),
      { seed: 20261124 },
    );
  });
});
