// long: a table of rows
import { type Body, type Header, makeHeader, type Receipt } from "#core/types";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { concatBytes, fromHex, toHex, utf8Encode } from "#util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blankFields } from "../../../test/kit/clique.ts";
import * as rawdb from "./index.ts";
import { bloomKeys, decodeNumber, encodeNumber, keys } from "./keys.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const header: Header = makeHeader({ ...blankFields, number: 258 });
const number8 = "0000000000000102";
const body: Body = { transactions: [], uncles: [header] };
const receipt: Receipt = {
  type: 2,
  status: 1,
  cumulativeGasUsed: 21_000n,
  bloom: new Uint8Array(256),
  logs: [],
};

interface Row {
  readonly name: string;
  /** Hex of the key, as geth lays it out. */
  readonly key: string;
  readonly write: (db: KeyValueStore) => void;
  readonly read: (db: KeyValueStore) => unknown;
  readonly value: unknown;
  /** Rows that any bytes fit. */
  readonly opaque?: boolean;
}

const hex = (text: string) => toHex(utf8Encode(text)).slice(2);
const h = toHex(header.hash).slice(2);

const rows: readonly Row[] = [
  {
    name: "header",
    key: `${hex("h")}${number8}${h}`,
    write: (db) => rawdb.writeHeader(db, header),
    read: (db) => rawdb.readHeader(db, 258, header.hash),
    value: header,
  },
  {
    name: "header number",
    key: `${hex("H")}${h}`,
    write: (db) => rawdb.writeHeader(db, header),
    read: (db) => rawdb.readHeaderNumber(db, header.hash),
    value: 258,
  },
  {
    name: "total difficulty",
    key: `${hex("h")}${number8}${h}${hex("t")}`,
    write: (db) => rawdb.writeTd(db, 258, header.hash, 1n << 80n),
    read: (db) => rawdb.readTd(db, 258, header.hash),
    value: 1n << 80n,
    opaque: true,
  },
  {
    name: "canonical hash",
    key: `${hex("h")}${number8}${hex("n")}`,
    write: (db) => rawdb.writeCanonicalHash(db, 258, hash(5)),
    read: (db) => rawdb.readCanonicalHash(db, 258),
    value: hash(5),
  },
  {
    name: "body",
    key: `${hex("b")}${number8}${h}`,
    write: (db) => rawdb.writeBody(db, 258, header.hash, body),
    read: (db) => rawdb.readBody(db, 258, header.hash),
    value: body,
  },
  {
    name: "receipts",
    key: `${hex("r")}${number8}${h}`,
    write: (db) => rawdb.writeReceipts(db, 258, header.hash, [receipt]),
    read: (db) => rawdb.readReceipts(db, 258, header.hash),
    value: [receipt],
  },
  {
    name: "transaction lookup",
    key: `${hex("l")}${toHex(hash(7)).slice(2)}`,
    write: (db) => rawdb.writeTxLookup(db, hash(7), 2 ** 52),
    read: (db) => rawdb.readTxLookup(db, hash(7)),
    value: 2 ** 52,
  },
  {
    name: "head header",
    key: hex("LastHeader"),
    write: (db) => rawdb.writeHeadHeaderHash(db, hash(8)),
    read: (db) => rawdb.readHeadHeaderHash(db),
    value: hash(8),
  },
  {
    name: "head block",
    key: hex("LastBlock"),
    write: (db) => rawdb.writeHeadBlockHash(db, hash(9)),
    read: (db) => rawdb.readHeadBlockHash(db),
    value: hash(9),
  },
  {
    name: "chain configuration",
    key: `${hex("ethereum-config-")}${toHex(hash(1)).slice(2)}`,
    write: (db) => rawdb.writeChainConfigJson(db, hash(1), `{"chainId":1}`),
    read: (db) => rawdb.readChainConfigJson(db, hash(1)),
    value: `{"chainId":1}`,
    opaque: true,
  },
  {
    name: "clique snapshot",
    key: `${hex("clique-")}${toHex(hash(2)).slice(2)}`,
    write: (db) => rawdb.writeCliqueSnapshotJson(db, hash(2), "{}"),
    read: (db) => rawdb.readCliqueSnapshotJson(db, hash(2)),
    value: "{}",
    opaque: true,
  },
  {
    name: "trie node",
    key: toHex(hash(3)).slice(2),
    write: (db) => rawdb.writeTrieNode(db, hash(3), utf8Encode("node")),
    read: (db) => rawdb.readTrieNode(db, hash(3)),
    value: utf8Encode("node"),
    opaque: true,
  },
  {
    name: "code",
    key: `${hex("c")}${toHex(hash(4)).slice(2)}`,
    write: (db) => rawdb.writeCode(db, hash(4), utf8Encode("code")),
    read: (db) => rawdb.readCode(db, hash(4)),
    value: utf8Encode("code"),
    opaque: true,
  },
];

describe("rows", () => {
  test.each(rows)("$name: absent, written under geth's key, read", ({ key, write, read, value }) => {
    const db = memoryStore();
    expect(read(db)).toBeUndefined();
    write(db);
    expect(db.has(fromHex(`0x${key}`))).toBe(true);
    expect(read(db)).toEqual(value);
  });

  test.each(rows.filter((row) => row.opaque !== true))(
    "ST-01 $name: what cannot be decoded is an error, not absent",
    (row) => {
      const db = memoryStore();
      db.put(fromHex(`0x${row.key}`), utf8Encode("garbage"));
      expect(() => row.read(db)).toThrow(
        expect.objectContaining({
          code: "RAWDB_CORRUPT",
          blame: "environment",
          exitCode: 4,
          data: expect.objectContaining({ key: `0x${row.key}` }),
        }),
      );
    },
  );

  test("deleted rows are gone", () => {
    const db = memoryStore();
    for (const row of rows) row.write(db);
    rawdb.deleteHeader(db, 258, header.hash);
    rawdb.deleteBody(db, 258, header.hash);
    rawdb.deleteReceipts(db, 258, header.hash);
    rawdb.deleteCanonicalHash(db, 258);
    rawdb.deleteTxLookup(db, hash(7));
    rawdb.deleteTrieNode(db, hash(3));
    rawdb.deleteCode(db, hash(4));
    const left = rows.filter((row) => row.read(db) !== undefined).map((row) => row.name);
    expect(left).toEqual(["head header", "head block", "chain configuration", "clique snapshot"]);
  });
});

test("ST-08 no two rows can share a key", () => {
  const seen = new Map<string, string>();
  const hashes = [hash(0), hash(0x68), hash(0x6e), hash(0x74)];
  const add = (name: string, key: Uint8Array) => {
    const other = seen.get(toHex(key));
    if (other !== undefined) expect(`${name} ${toHex(key)}`).toBe(other);
    seen.set(toHex(key), name);
  };
  for (const some of hashes) {
    for (const number of [0, 1, 0x68, 2 ** 40]) {
      add("header", keys.header(number, some));
      add("td", keys.td(number, some));
      add("body", keys.body(number, some));
      add("receipts", keys.receipts(number, some));
    }
    for (const number of [0, 1, 0x68, 2 ** 40]) add("aside", keys.aside(number, some));
    for (const slot of hashes) add("flat slot", keys.flatSlot(some, slot));
    for (const [name, make] of Object.entries(keys))
      if (make.length === 1 && name !== "canonical")
        add(name, (make as (hash: Uint8Array) => Uint8Array)(some));
  }
  for (const number of [0, 1, 0x68, 2 ** 40]) {
    add("canonical", keys.canonical(number));
    add("bloom section", bloomKeys.section(number));
    for (const some of hashes) {
      for (const bit of [0, 2047]) add("bloom bits", bloomKeys.bits(bit, number, some));
    }
  }
});

describe("numbers", () => {
  test("sort as bytes do, up to 2^53 - 1", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(decodeNumber(encodeNumber(a))).toBe(a);
        const [x, y] = [toHex(encodeNumber(a)), toHex(encodeNumber(b))];
        expect(x < y).toBe(a < b);
      }),
      { seed: 53, numRuns: 500 },
    );
  });

  test("longer, shorter and larger bytes are no number", () => {
    for (const bytes of [new Uint8Array(7), new Uint8Array(9), new Uint8Array(8).fill(0xff)])
      expect(decodeNumber(bytes)).toBeUndefined();
  });
});

test("the schema version is written once and checked after", () => {
  const db = memoryStore();
  rawdb.checkSchemaVersion(db);
  rawdb.checkSchemaVersion(db);
  db.put(utf8Encode("DatabaseVersion"), concatBytes(new Uint8Array(7), Uint8Array.of(9)));
  expect(() => rawdb.checkSchemaVersion(db)).toThrow(
    expect.objectContaining({
      code: "RAWDB_SCHEMA",
      data: { have: 9, want: rawdb.schemaVersion },
      exitCode: 7,
    }),
  );
});
