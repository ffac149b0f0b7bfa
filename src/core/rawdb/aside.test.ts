import { memoryStore } from "#ethdb";
import { utf8Encode } from "#util";
import { expect, test } from "vitest";
import { type AsideRow, deleteAside, iterateAside, writeAside, writeTrieNode } from "./index.ts";
import { keys } from "./keys.ts";

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const row = (number: number, fill: number): AsideRow => ({
  number,
  hash: hash(fill),
  parentHash: hash(fill - 1),
  sizeBytes: 1000 + fill,
});

async function all(db: ReturnType<typeof memoryStore>, fromAbove = false): Promise<AsideRow[]> {
  const rows: AsideRow[] = [];
  for await (const one of iterateAside(db, { fromAbove })) rows.push(one);
  return rows;
}

test("rows of blocks put aside come by number, or from above; a trie node between them is none", async () => {
  const db = memoryStore();
  writeAside(db, row(300, 9));
  writeAside(db, row(2, 5));
  const node = hash(0);
  node.set(utf8Encode("iA"));
  writeTrieNode(db, node, utf8Encode("node"));
  expect(await all(db)).toEqual([row(2, 5), row(300, 9)]);
  expect(await all(db, true)).toEqual([row(300, 9), row(2, 5)]);
  deleteAside(db, row(2, 5));
  expect(await all(db)).toEqual([row(300, 9)]);
});

test("ST-01 a row that cannot be read is an error, not absent", async () => {
  const db = memoryStore();
  db.put(keys.aside(1, hash(1)), utf8Encode("x"));
  await expect(all(db)).rejects.toMatchObject({ code: "RAWDB_CORRUPT", exitCode: 4 });
});
