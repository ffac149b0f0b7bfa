import { RLP } from "@ethereumjs/rlp";
import { RLP as microRlp } from "micro-eth-signer/core/rlp.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes, fromHex, GlimError, toHex } from "#util";
import { decode, encode, type RlpItem, RlpReader, type RlpValue, splitItems } from "./index.ts";

const SEED = 0x5eed;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof GlimError) return error.code;
    throw error;
  }
  return "none";
}

describe("RL-04 strictness", () => {
  test.each([
    ["no bytes", "0x", "RLP_EMPTY"],
    ["single byte below 0x80 with a prefix", "0x8105", "RLP_NON_CANONICAL"],
    ["long form of a short string", `0xb837${"00".repeat(55)}`, "RLP_NON_CANONICAL"],
    ["long form of a short list", `0xf837${"00".repeat(55)}`, "RLP_NON_CANONICAL"],
    ["leading zero in the length", `0xb90038${"00".repeat(56)}`, "RLP_NON_CANONICAL"],
    ["leading zero in a list's length", `0xf90038${"00".repeat(56)}`, "RLP_NON_CANONICAL"],
    ["length of length cut off", "0xb9ff", "RLP_TRUNCATED"],
    ["string longer than what is left", "0x83aabb", "RLP_TRUNCATED"],
    ["list longer than what is left", "0xc3aabb", "RLP_TRUNCATED"],
    ["item past the end of its list, inside the message", "0xc483aabb0101", "RLP_TRAILING"],
    ["item past the end of its list", "0xc283aabbcc", "RLP_TRUNCATED"],
    ["item past its list within an outer one", "0xc5c283aabbcc", "RLP_TRUNCATED"],
    ["length of 2^63", `0xbf8000000000000000${"00".repeat(60)}`, "RLP_TRUNCATED"],
    ["length of 2^64 - 1", `0xffffffffffffffffff${"00".repeat(60)}`, "RLP_TRUNCATED"],
    ["length of 2^53 + 1", `0xbb20000000000001${"00".repeat(60)}`, "RLP_TRUNCATED"],
    ["bytes after the item", "0x8000", "RLP_TRAILING"],
    ["bytes after the list", "0xc000", "RLP_TRAILING"],
  ])("%s", (_, bytes, code) => {
    expect(codeOf(() => decode(fromHex(bytes)))).toBe(code);
  });

  test("a claimed length costs no memory", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) codeOf(() => decode(fromHex("0xbb3fffffff00")));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });

  test("errors blame the peer and carry the breach of protocol", () => {
    try {
      decode(fromHex("0xc283aabbcc"));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ blame: "peer", disconnect: 0x02 });
    }
  });
});

/** `depth` lists in each other, in canonical form. */
function nested(depth: number): Uint8Array {
  const out = new Uint8Array(depth * 4);
  let at = out.length;
  for (let i = 0; i < depth; i++) {
    const length = out.length - at;
    if (length <= 55) {
      out[--at] = 0xc0 + length;
      continue;
    }
    let size = 0;
    for (let rest = length; rest > 0; rest >>>= 8, size++) out[--at] = rest & 0xff;
    out[--at] = 0xf7 + size;
  }
  return out.slice(at);
}

describe("RL-02 nesting", () => {
  test("64 levels pass, 65 do not", () => {
    expect(toHex(encode(decode(nested(64))))).toBe(toHex(nested(64)));
    expect(codeOf(() => decode(nested(65)))).toBe("RLP_DEPTH");
    expect(codeOf(() => decode(nested(4), { maxDepth: 3 }))).toBe("RLP_DEPTH");
    expect(codeOf(() => decode(nested(1), { maxDepth: 0 }))).toBe("RLP_DEPTH");
  });
  test("a million levels and 10 MB cost next to nothing", () => {
    const deep = nested(2_600_000);
    expect(deep.length).toBeGreaterThan(10_000_000);
    const started = performance.now();
    const heap = process.memoryUsage().heapUsed;
    expect(codeOf(() => decode(deep))).toBe("RLP_DEPTH");
    expect(codeOf(() => decode(deep, { maxItems: 100 }))).toBe("RLP_DEPTH");
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(32 << 20);
    expect(performance.now() - started).toBeLessThan(1000); // 20 ms are promised; a busy machine is forgiven
  });
});

describe("RL-03 items", () => {
  const flat = (count: number, byte: number): Uint8Array => {
    const payload = new Uint8Array(count).fill(byte);
    return concatBytes(header(count), payload);
  };
  const header = (length: number): Uint8Array => {
    if (length <= 55) return Uint8Array.of(0xc0 + length);
    const size: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
    return Uint8Array.of(0xf7 + size.length, ...size);
  };

  test.each([0x80, 0xc0, 0x01])(
    "ten million of %i in one list are refused before the first is made",
    (byte) => {
      const bytes = flat(10_000_000, byte);
      const heap = process.memoryUsage().heapUsed;
      expect(codeOf(() => decode(bytes))).toBe("RLP_ITEMS");
      expect(process.memoryUsage().heapUsed - heap).toBeLessThan(32 << 20); // the objects alone would be 80 MB
    },
  );
  test("at the bound and one above it", () => {
    expect(decode(flat(100, 0x80), { maxItems: 101 })).toHaveLength(100);
    expect(codeOf(() => decode(flat(100, 0x80), { maxItems: 100 }))).toBe("RLP_ITEMS");
    const inner = encode([
      [1, 2],
      [3, [4]],
    ]); // 8 items
    expect(decode(inner, { maxItems: 8 })).toHaveLength(2);
    expect(codeOf(() => decode(inner, { maxItems: 7 }))).toBe("RLP_ITEMS");
  });
});

const tree = fc.letrec<{ tree: RlpItem; leaf: Uint8Array; node: RlpItem }>((tie) => ({
  tree: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("leaf"), tie("node")),
  leaf: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.uint8Array({ minLength: 54, maxLength: 57 }),
    fc.uint8Array({ minLength: 250, maxLength: 260 }),
  ),
  node: fc.array(tie("tree"), { maxLength: 6 }),
})).tree;

type Plain = Uint8Array | Plain[];
const plain = (item: RlpItem): Plain => (item instanceof Uint8Array ? item : item.map(plain));

/** `toEqual` takes many times longer over byte arrays. */
function isSame(a: RlpItem, b: RlpItem): boolean {
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && equalBytes(a, b);
  return a.length === b.length && a.every((inner, i) => isSame(inner, b[i] ?? []));
}

describe("against other implementations", () => {
  test("trees: the same bytes as two others, and back", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encode(value);
        expect(toHex(bytes)).toBe(toHex(RLP.encode(plain(value))));
        expect(toHex(bytes)).toBe(toHex(microRlp.encode(plain(value))));
        expect(isSame(decode(bytes), value) && isSame(decode(bytes, { maxItems: bytes.length }), value)).toBe(
          true,
        );
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("random bytes: accepted by all or by none", () => {
    const soup = fc.array(
      fc.oneof(
        fc.nat(255),
        fc.constantFrom(0x80, 0x81, 0xb7, 0xb8, 0xb9, 0xc0, 0xc1, 0xc3, 0xf7, 0xf8, 0x38, 0x00),
      ),
      { minLength: 1, maxLength: 80 },
    );
    const accepts = (run: () => unknown): boolean => {
      try {
        run();
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(soup, (numbers) => {
        const bytes = Uint8Array.from(numbers);
        const code = codeOf(() => decode(bytes));
        expect(code === "none").toBe(accepts(() => microRlp.decode(bytes)));
        if (code === "none") expect(toHex(encode(decode(bytes)))).toBe(toHex(bytes));
        else expect(code).toMatch(/^RLP_/);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test("integers", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 300n) - 1n }), fc.maxSafeNat(), (big, small) => {
        expect(toHex(encode([big, small]))).toBe(toHex(RLP.encode([big, small])));
      }),
      { seed: SEED },
    );
  });
});

describe("encode", () => {
  test("lists grow past the scratch, and the scratch is not shared with the result", () => {
    const big = new Uint8Array(3 << 20).fill(7);
    const first = encode([big, [big], 1]);
    const second = encode([Uint8Array.of(9)]);
    expect(toHex(second)).toBe("0xc109");
    const [one, [two], three] = decode(first) as [Uint8Array, [Uint8Array], Uint8Array];
    expect(equalBytes(one, big) && equalBytes(two, big) && equalBytes(three, Uint8Array.of(1))).toBe(true);
    expect(first.buffer.byteLength).toBe(first.length);
  });
  test.each<[string, unknown]>([
    ["negative number", -1],
    ["fraction", 1.5],
    ["above 2^53", 2 ** 53],
    ["NaN", Number.NaN],
    ["negative bigint", -1n],
    ["text", "text"],
    ["nothing", undefined],
    ["deeper than 1024", Array.from({ length: 1100 }).reduce<RlpValue>((inner) => [inner], [])],
  ])("refuses %s", (_, value) => {
    expect(codeOf(() => encode(value as RlpValue))).toBe("RLP_ENCODE");
    expect(toHex(encode([1, 2]))).toBe("0xc20102"); // the scratch is whole again
  });
});

describe("views", () => {
  test("byte strings share the message's memory", () => {
    const bytes = encode([Uint8Array.of(1, 2, 3)]);
    const [view] = decode(bytes) as readonly Uint8Array[];
    expect(view?.buffer).toBe(bytes.buffer);
  });
  test("a message inside a larger buffer", () => {
    const bytes = encode([1, [2], Uint8Array.of(3, 4)]);
    const offset = new Uint8Array(bytes.length + 10).fill(0xff);
    offset.set(bytes, 5);
    expect(plain(decode(offset.subarray(5, 5 + bytes.length)))).toEqual(plain(decode(bytes)));
  });
  test("splitItems cuts concatenated items, each with its header", () => {
    const parts = [encode([1, 2]), encode(3), encode(new Uint8Array(60))];
    expect([...splitItems(concatBytes(...parts))]).toEqual(parts);
    expect(codeOf(() => [...splitItems(Uint8Array.of(0xc1))])).toBe("RLP_TRUNCATED");
    expect([...splitItems(new Uint8Array(0))]).toEqual([]);
  });
  test("reader: what is left in a list that is left early", () => {
    const reader = new RlpReader(encode([[1, 2], 3]));
    const outer = reader.enter();
    const inner = reader.enter();
    reader.next();
    expect(codeOf(() => reader.leave(inner))).toBe("RLP_TRAILING");
    expect(outer).toBe(5);
  });
});
