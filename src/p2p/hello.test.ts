import { generateKey, publicKeyOf } from "#crypto";
import { encode, type RlpValue } from "#rlp";
import { describe, expect, test } from "vitest";
import { disconnectReasons, formatReason, reasonName } from "./disconnect.ts";
import { cleanName, decodeDisconnect, decodeHello, encodeDisconnect, encodeHello } from "./hello.ts";

const publicKey = publicKeyOf(generateKey());
const hello = (
  changes: {
    version?: RlpValue;
    name?: RlpValue;
    caps?: RlpValue;
    port?: RlpValue;
    key?: RlpValue;
    more?: RlpValue[];
  } = {},
): Uint8Array =>
  encode([
    changes.version ?? 5,
    changes.name ?? new TextEncoder().encode("x"),
    changes.caps ?? [],
    changes.port ?? 0,
    changes.key ?? publicKey,
    ...(changes.more ?? []),
  ]);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("hello", () => {
  test("round trip; listenPort is 0 on the wire (Trap 16); further items are ignored", () => {
    const ours = { version: 5, name: "glim/v1", caps: [{ name: "eth", version: 63 }], publicKey };
    expect(decodeHello(encodeHello(ours))).toEqual(ours);
    expect(encodeHello({ ...ours, caps: [] })).toEqual(hello({ name: text("glim/v1") }));
    expect(decodeHello(hello({ version: 4, port: 30_303, more: [1, [2, [3]]] }))).toMatchObject({
      version: 4,
    });
  });

  test("BP-02 strange hellos: refused as a breach", () => {
    const caps = (count: number): RlpValue => Array.from({ length: count }, () => [text("a"), 1]);
    for (const bad of [
      hello({ caps: caps(65) }),
      hello({ name: Uint8Array.of(0xff, 0xfe) }),
      hello({ port: 2n ** 64n }),
      hello({ version: 2n ** 60n }),
      hello({ caps: [[text("a")]] }),
      hello({ caps: [[text("a"), 1, 2]] }),
      hello({ caps: 5 }),
      encode([5]),
      encode(5),
      new Uint8Array(0),
    ])
      expect(() => decodeHello(bad)).toThrowError(
        expect.objectContaining({ code: "P2P_BAD_HELLO", disconnect: 2 }),
      );
    expect(decodeHello(hello({ caps: caps(64) })).caps).toHaveLength(64);
    expect(
      decodeHello(
        hello({
          caps: [
            [text("__proto__"), 1],
            [text("__proto__"), 1],
          ],
        }),
      ).caps,
    ).toHaveLength(2);
  });

  test("BP-12 names are cut to 256 characters and cannot draw on a terminal", () => {
    expect(cleanName("\u001b[31mred\n\u202ename")).toBe("\ufffd[31mred\ufffd\ufffdname");
    expect(decodeHello(hello({ name: text("n".repeat(1500)) })).name).toHaveLength(256);
  });

  test("random bytes throw P2P_BAD_HELLO only (seed 5)", () => {
    const good = hello({
      caps: [
        [text("eth"), 63],
        [text("les"), 2],
      ],
      name: text("client/1"),
    });
    let state = 5;
    const next = (bound: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % bound;
    for (let i = 0; i < 3000; i++) {
      const bytes = good.slice(0, next(3) === 0 ? next(good.length) : good.length);
      for (let k = next(4); k >= 0 && bytes.length > 0; k--) bytes[next(bytes.length)] = next(256);
      try {
        decodeHello(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "P2P_BAD_HELLO" });
      }
      decodeDisconnect(bytes);
    }
  });
});

describe("disconnect reasons", () => {
  test("BP-03 any number, any form: never a throw, never an index", () => {
    const list = (...items: RlpValue[]): Uint8Array => encode(items);
    expect(decodeDisconnect(encodeDisconnect(4))).toBe(4);
    expect(decodeDisconnect(list(4, 5))).toBe(4);
    expect(decodeDisconnect(Uint8Array.of(4))).toBe(4);
    expect(decodeDisconnect(list())).toBe(0);
    expect(decodeDisconnect(new Uint8Array(0))).toBe(0);
    expect(decodeDisconnect(list([4]))).toBe(0);
    expect(decodeDisconnect(list(2n ** 64n - 1n))).toBe(2n ** 64n - 1n);
    expect(decodeDisconnect(list(2n ** 200n))).toBeTypeOf("bigint");
    expect(decodeDisconnect(encode(Array.from({ length: 10_000 }, () => 1)))).toBe(0); // over the budget of 16 items
    expect(decodeDisconnect(new Uint8Array(2048).fill(0xc1))).toBe(0);
  });

  test("Trap 17: the text of every reason, and of those that are none", () => {
    for (const { code, text: words } of Object.values(disconnectReasons))
      expect(formatReason(code)).toBe(words);
    expect([0x0c, 0x0f, 0x11, 255, -1].map((code) => formatReason(code))).toEqual([
      "unknown disconnect reason 0x0c",
      "unknown disconnect reason 0x0f",
      "unknown disconnect reason 0x11",
      "unknown disconnect reason 0xff",
      "unknown disconnect reason 0x-1",
    ]);
    expect(formatReason(2n ** 64n - 1n)).toBe("unknown disconnect reason 0xffffffffffffffff");
    expect([reasonName(4), reasonName(0x11)]).toEqual(["tooManyPeers", undefined]);
  });
});
