import { keccak256, parsePrivateKey, publicKeyOf, sign } from "#crypto";
import { bytes, encode, type RlpValue } from "#rlp";
import { fromHex, toHex, utf8Encode } from "#util";
import { describe, expect, test } from "vitest";
import {
  decodeEnr,
  enrEntries,
  enrEntry,
  type EnrPair,
  enrPair,
  formatEnr,
  parseEnr,
  readEntry,
  signEnr,
} from "./index.ts";

// devp2p enr.md "Test Vectors"
const TEXT =
  "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8";
const KEY = parsePrivateKey(fromHex("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
// geth p2p/enode/node_test.go pyRecord
const PY_RECORD =
  "0xf884b8407098ad865b00a582051940cb9cf36836572411a47278783077011599ed5cd16b76f2635f4e234738f30813a89eb9137e3e3df5266e3a1f11df72ecf1145ccb9c01826964827634826970847f00000189736563703235366b31a103ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31388375647082765f";

const LOOPBACK: readonly EnrPair[] = [enrPair(enrEntries.ip, "127.0.0.1"), enrPair(enrEntries.udp, 30_303)];

describe("the record of EIP-778", () => {
  test("is read, as text and as bytes", () => {
    const record = parseEnr(TEXT);
    expect(toHex(record.bytes)).toBe(PY_RECORD);
    expect(record.seq).toBe(1n);
    expect([...record.pairs.keys()]).toEqual(["id", "ip", "secp256k1", "udp"]);
    expect(record.publicKey).toEqual(publicKeyOf(KEY));
    expect(toHex(keccak256(record.publicKey))).toBe(
      "0xa448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7",
    );
    expect([readEntry(record, enrEntries.ip), readEntry(record, enrEntries.udp)]).toEqual([
      "127.0.0.1",
      30_303,
    ]);
    expect(readEntry(record, enrEntries.tcp)).toBeUndefined();
    expect(formatEnr(record)).toBe(TEXT);
  });

  test("is made again from its key", () => {
    const record = signEnr({ seq: 1n, pairs: [...LOOPBACK].reverse() }, KEY);
    expect(formatEnr(record)).toBe(TEXT);
    expect(decodeEnr(record.bytes)).toEqual(record);
  });
});

test("geth's record of urlv4_test.go, and its bad ones", () => {
  const record = parseEnr(
    "enr:-IS4QGrdq0ugARp5T2BZ41TrZOqLc_oKvZoPuZP5--anqWE_J-Tucc1xgkOL7qXl0puJgT7qc2KSvcupc4NCb0nr4tdjgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQM6UUF2Rm-oFe1IH_rQkRCi00T2ybeMHRSvw1HDpRvjPYN1ZHCCdl8",
  );
  expect(record.seq).toBe(99n);
  for (const [text, why] of [
    ["enr:", "base64"],
    ["enr:x", "base64"],
    ["enode:abc", "prefix"],
    [`${TEXT}=`, "base64"],
    [`enr:${"A".repeat(401)}`, "longer"],
    [
      "enr:-EmGZm9vYmFyY4JpZIJ2NIJpcIR_AAABiXNlY3AyNTZrMaEDOlFBdkZvqBXtSB_60JEQotNE9sm3jB0Ur8NRw6Ub4z2DdWRwgnZf",
      "invalid signature",
    ],
  ] as const)
    expect(() => parseEnr(text), text).toThrowError(
      expect.objectContaining({ code: "ENR_BAD_TEXT", exitCode: 2, message: expect.stringContaining(why) }),
    );
});

test("every known entry there and back; a value of another shape is as none", () => {
  const client = { name: utf8Encode("glim"), version: utf8Encode("1") };
  const eth = { forkId: { hash: Uint8Array.of(1, 2, 3, 4), next: 5n } };
  const record = decodeEnr(
    signEnr(
      {
        seq: 2n ** 64n - 1n,
        pairs: [
          enrPair(enrEntries.ip6, "2001:db8::1"),
          enrPair(enrEntries.tcp, 0),
          enrPair(enrEntries.tcp6, 65_535),
          enrPair(enrEntries.udp6, 1),
          enrPair(enrEntries.eth, eth),
          enrPair(enrEntries.snap, {}),
          enrPair(enrEntries.les, { vfxVersion: 1 }),
          enrPair(enrEntries.client, client),
          { key: "ip", value: encode(Uint8Array.of(1, 2, 3)) },
          { key: "udp", value: encode(65_536) },
        ],
      },
      KEY,
    ).bytes,
  );
  expect(record.seq).toBe(2n ** 64n - 1n);
  const read = Object.fromEntries(
    Object.entries(enrEntries).map(([name, entry]) => [name, readEntry<unknown>(record, entry)]),
  );
  expect(read).toEqual({
    id: "v4",
    secp256k1: expect.any(Uint8Array),
    ip: undefined,
    ip6: "2001:db8::1",
    tcp: 0,
    tcp6: 65_535,
    udp: undefined,
    udp6: 1,
    eth,
    snap: {},
    les: { vfxVersion: 1 },
    client,
  });
});

test("entries may grow: what geth adds later is ignored", () => {
  const value = encode([[Uint8Array.of(1, 2, 3, 4), 5, 6], [7]]);
  expect(readEntry({ pairs: new Map([["eth", value]]) }, enrEntries.eth)).toEqual({
    forkId: { hash: Uint8Array.of(1, 2, 3, 4), next: 5n },
  });
  expect(readEntry({ pairs: new Map([["les", Uint8Array.of(0xc0)]]) }, enrEntries.les)).toEqual({});
});

test("a record of 300 bytes is made and read; one of 301 is neither", () => {
  const filler = (length: number) => [enrPair(enrEntry("z", bytes()), new Uint8Array(length).fill(0xff))];
  const base = signEnr({ seq: 1n, pairs: filler(160) }, KEY).bytes.length; // the list's header has its longest form
  const pairs = filler(160 + 300 - base);
  expect(decodeEnr(signEnr({ seq: 1n, pairs }, KEY).bytes).bytes).toHaveLength(300);
  expect(() => signEnr({ seq: 1n, pairs: filler(161 + 300 - base) }, KEY)).toThrow(
    expect.objectContaining({ code: "ENR_TOO_BIG_TO_SIGN", blame: "caller" }),
  );
});

describe("attack/DI-14", () => {
  const v4: RlpValue[] = [utf8Encode("id"), utf8Encode("v4")];
  const point = readEntry(parseEnr(TEXT), enrEntries.secp256k1) ?? new Uint8Array();
  const key: RlpValue[] = [utf8Encode("secp256k1"), point];

  /** A record that is signed right, whatever else is wrong with it. */
  function signed(content: readonly RlpValue[]): Uint8Array {
    return encode([sign(keccak256(encode(content)), KEY).bytes.subarray(0, 64), ...content]);
  }

  const withSize = (size: number) => {
    const make = (length: number) => signed([1, ...v4, ...key, utf8Encode("z"), new Uint8Array(length)]);
    return make(160 + size - make(160).length);
  };
  const junk = (name: string): RlpValue[] => [utf8Encode(name), 1];
  const cases: readonly [string, Uint8Array, string][] = [
    ["301 bytes", withSize(301), "ENR_TOO_BIG"],
    ["unsorted keys", signed([1, ...v4, ...key, ...junk("b"), ...junk("a")]), "ENR_NOT_SORTED"],
    ["a doubled key", signed([1, ...v4, ...key, ...junk("z"), ...junk("z")]), "ENR_DUPLICATE_KEY"],
    ["a key without value", signed([1, ...v4, ...key, utf8Encode("z")]), "ENR_ODD_PAIR"],
    ["[]", encode([]), "ENR_TOO_FEW"],
    ["[1]", encode([1]), "ENR_TOO_FEW"],
    ["[sig]", encode([new Uint8Array(64)]), "ENR_TOO_FEW"],
    ["seq 2^64", signed([2n ** 64n, ...v4, ...key]), "ENR_MALFORMED"],
    ["seq with a leading zero", signed([Uint8Array.of(0, 1), ...v4, ...key]), "ENR_MALFORMED"],
    ["an unknown scheme", signed([1, utf8Encode("id"), utf8Encode("v5"), ...key]), "ENR_UNKNOWN_SCHEME"],
    ["no scheme", signed([1, ...key]), "ENR_UNKNOWN_SCHEME"],
    ["no key", signed([1, ...v4]), "ENR_BAD_KEY"],
    [
      "a key off the curve",
      signed([1, ...v4, utf8Encode("secp256k1"), Uint8Array.of(2, ...new Uint8Array(32).fill(0xff))]),
      "ENR_BAD_KEY",
    ],
    ["a list for a key", signed([1, ...v4, ...key, [1], 1]), "ENR_MALFORMED"],
    ["bytes behind the record", Uint8Array.of(...parseEnr(TEXT).bytes, 0), "ENR_MALFORMED"],
    ["no list", encode(new Uint8Array(100)), "ENR_MALFORMED"],
    ["nothing", new Uint8Array(), "ENR_MALFORMED"],
    ["a signature of 65 bytes", encode([new Uint8Array(65), 1, ...v4, ...key]), "ENR_BAD_SIGNATURE"],
    ["another's signature", encode([new Uint8Array(64).fill(1), 1, ...v4, ...key]), "ENR_BAD_SIGNATURE"],
  ];

  test.each(cases)("%s is refused", (_, record, code) => {
    expect(() => decodeEnr(record)).toThrow(expect.objectContaining({ code, blame: "peer" }));
  });

  test("the same of 300 bytes is read", () => {
    expect(decodeEnr(withSize(300)).bytes).toHaveLength(300);
    expect(withSize(301)).toHaveLength(301);
  });

  test("10^5 keys cost nothing", () => {
    const many = encode([new Uint8Array(64), 1, ...Array.from({ length: 200_000 }, () => 1)]);
    expect(() => decodeEnr(many)).toThrow(expect.objectContaining({ code: "ENR_TOO_BIG" }));
  });

  test("any change to a record gives an ENR error (seed 7)", () => {
    let state = 7;
    const next = (bound: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % bound;
    const good = parseEnr(TEXT).bytes;
    for (let i = 0; i < 3000; i++) {
      const bad = good.slice(0, next(4) === 0 ? next(good.length) : good.length);
      const at = next(bad.length + 1) % Math.max(1, bad.length);
      bad[at] = (bad[at] ?? 0) ^ (1 + next(255));
      expect(() => decodeEnr(bad)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ENR_/) }));
    }
  });
});
