import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ByteMap,
  ByteSet,
  bigintToBytes,
  bytesToBigint,
  bytesToNumber,
  compareBytes,
  concatBytes,
  DisposeStack,
  defineErrors,
  equalBytes,
  fromHex,
  GlimError,
  isError,
  LruByteMap,
  LruMap,
  numberToBytes,
  Scope,
  toHex,
  utf8Decode,
  utf8Encode,
} from "./index.ts";

const bytes = () => fc.uint8Array({ maxLength: 40 });

describe("bytes", () => {
  test("hex both ways", () => {
    fc.assert(
      fc.property(bytes(), (b) => {
        expect(fromHex(toHex(b))).toEqual(b);
      }),
      { seed: 1 },
    );
    expect(toHex(Uint8Array.of(0, 255))).toBe("0x00ff");
    expect(fromHex("00FF")).toEqual(Uint8Array.of(0, 255));
  });

  test.each(["0x0", "0xzz", "xyz", "0x0g", "0x 1"])("refuses %s", (text) => {
    expect(() => fromHex(text)).toThrow(RangeError);
  });

  test("long texts by the runtime: the same bytes, an array of their own, and as strict", () => {
    const long = Uint8Array.from({ length: 20_001 }, (_, i) => (i * 7) & 255);
    const text = toHex(long);
    expect(text).toBe(`0x${Array.from(long, (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
    const back = fromHex(text.toUpperCase().replace("0X", "0x"));
    expect(back).toEqual(long);
    expect(back.buffer.byteLength).toBe(long.length);
    expect(toHex(long.subarray(1, 9_001))).toBe(`0x${text.slice(4, 18_004)}`);
    for (const wrong of ["g", " ", "\u0130", "\u0161", "\uff41", "\n"])
      for (const at of [2, 20_000, text.length - 1])
        expect(() => fromHex(text.slice(0, at) + wrong + text.slice(at + 1)), `${wrong} at ${at}`).toThrow(
          RangeError,
        );
    expect(() => fromHex(text.slice(0, -1))).toThrow(RangeError);
  });

  test("big-endian numbers both ways", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (n) => {
        expect(bytesToBigint(bigintToBytes(n))).toBe(n);
      }),
      { seed: 1 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (n) => {
        expect(toHex(numberToBytes(n))).toBe(toHex(bigintToBytes(BigInt(n))));
        if (n < 2 ** 48) expect(bytesToNumber(numberToBytes(n))).toBe(n);
      }),
      { seed: 1 },
    );
    expect(bigintToBytes(0n)).toEqual(new Uint8Array());
    expect(bigintToBytes(1n, 3)).toEqual(Uint8Array.of(0, 0, 1));
    expect(() => bigintToBytes(256n, 1)).toThrow(RangeError);
    expect(() => bigintToBytes(-1n)).toThrow(RangeError);
    expect(() => numberToBytes(0.5)).toThrow(RangeError);
    expect(() => numberToBytes(256, 1)).toThrow(RangeError);
  });

  test("order and equality agree with hex", () => {
    fc.assert(
      fc.property(bytes(), bytes(), (a, b) => {
        expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b));
        expect(Math.sign(compareBytes(a, b))).toBe(toHex(a) < toHex(b) ? -1 : toHex(a) > toHex(b) ? 1 : 0);
        expect(toHex(concatBytes(a, b))).toBe(toHex(a) + toHex(b).slice(2));
      }),
      { seed: 1 },
    );
  });

  test("UTF-8 is strict", () => {
    expect(utf8Decode(utf8Encode("grüße"))).toBe("grüße");
    expect(utf8Decode(Uint8Array.of(0xff))).toBeUndefined();
  });
});

describe("byte maps", () => {
  test("compare keys by content and give keys back", () => {
    const map = new ByteMap<number>().set(Uint8Array.of(1, 200), 7);
    expect(map.get(Uint8Array.of(1, 200))).toBe(7);
    expect([...map.keys()]).toEqual([Uint8Array.of(1, 200)].map((k) => expect.objectContaining(k)));
    const set = new ByteSet([Uint8Array.of(1), Uint8Array.of(1)]);
    expect(set.size).toBe(1);
  });

  test("the bounded ones forget the least recently used at bound + 1", () => {
    const map = new LruMap<string, number>(2).set("a", 1).set("b", 2);
    map.get("a");
    map.set("c", 3);
    expect([map.has("a"), map.has("b"), map.has("c")]).toEqual([true, false, true]);
    const byteMap = new LruByteMap<number>(1).set(Uint8Array.of(1), 1).set(Uint8Array.of(2), 2);
    expect(byteMap.size).toBe(1);
  });
});

describe("errors", () => {
  const TestError = defineErrors("TEST", {
    WRONG: { message: (d: { got: number }) => `got ${d.got}`, blame: "peer", disconnect: 2 },
    PLAIN: { message: () => "plain", blame: "caller" },
  });

  test("carry code, data, policy and cause", () => {
    const cause = new Error("below");
    const error = TestError("WRONG", { got: 3 }, { cause });
    expect(error).toBeInstanceOf(GlimError);
    expect(error).toMatchObject({
      code: "TEST_WRONG",
      message: "got 3",
      data: { got: 3 },
      blame: "peer",
      disconnect: 2,
      cause,
    });
    expect(TestError("PLAIN").message).toBe("plain");
    expect(TestError.is(error)).toBe(true);
    expect(TestError.is(error, "PLAIN")).toBe(false);
    expect(isError(error, "TEST_WRONG")).toBe(true);
    expect(TestError.is(cause)).toBe(false);
  });
});

describe("lifetimes", () => {
  test("a stack undoes in reverse, runs every cleanup, throws the first failure", async () => {
    const order: number[] = [];
    const stack = new DisposeStack();
    stack.defer(() => void order.push(1));
    stack.defer(() => {
      order.push(2);
      throw new Error("two");
    });
    stack.defer(async () => void order.push(3));
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow("two");
    expect(order).toEqual([3, 2, 1]);
  });

  test("move leaves nothing behind", async () => {
    let undone = 0;
    const stack = new DisposeStack();
    stack.defer(() => void undone++);
    const moved = stack.move();
    await stack[Symbol.asyncDispose]();
    expect(undone).toBe(0);
    await moved[Symbol.asyncDispose]();
    expect(undone).toBe(1);
  });

  test("closing a scope waits for its tasks and names those that run", async () => {
    const scope = new Scope("test");
    let ended = false;
    scope.spawn("task", async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      ended = true;
    });
    expect(scope.tasks).toEqual(["task"]);
    await scope.close();
    expect(ended).toBe(true);
    expect(scope.tasks).toEqual([]);
  });

  test("the first failure ends the scope and is thrown by close", async () => {
    const failures: string[] = [];
    const scope = new Scope("test", (_error, task) => failures.push(task));
    scope.spawn("bad", async () => {
      throw new Error("broke");
    });
    await expect(scope.close()).rejects.toThrow("broke");
    expect(failures).toEqual(["bad"]);
    await scope.close();
  });
});
