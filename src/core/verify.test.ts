import {
  deleteCode,
  deleteReceipts,
  deleteTrieNode,
  readCanonicalHash,
  writeBody,
  writeCanonicalHash,
  writeHeadBlockHash,
  writeReceipts,
  writeTd,
  writeTxLookup,
} from "#core/rawdb";
import { Clique } from "#consensus/clique";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { keccak256 } from "#crypto";
import { nodeChildren } from "#trie";
import { expect, test } from "vitest";
import { sealedWorld, type SealedWorld } from "../../test/kit/chains.ts";
import { verifyChain } from "./verify.ts";

const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };
const engine = () => new Clique({ period: 1, epoch: 30_000 }, memoryStore());
const verify = (db: KeyValueStore, statesEvery?: number) => verifyChain({ db, engine, clock, statesEvery });

async function world(): Promise<SealedWorld & { db: KeyValueStore }> {
  const db = memoryStore();
  const made = sealedWorld({ transactions: 3 }, db);
  for (let i = 0; i < 20; i++) await made.next();
  return { ...made, db };
}

test("a whole chain has no findings, and what was read is counted", async () => {
  const { db, chain } = await world();
  const report = await verify(db, 1);
  expect(report).toMatchObject({
    head: 20,
    blocks: 21,
    transactions: 60,
    states: 21,
    findings: [],
    findingCount: 0,
  });
  expect(report.nodes).toBeGreaterThan(200);
  expect(report.codes).toBeGreaterThanOrEqual(3);
  await chain.setHead(12);
  expect(await verify(db)).toMatchObject({ head: 12, findings: [] });
});

test("an empty database is no chain", async () => {
  await expect(verify(memoryStore())).rejects.toMatchObject({ code: "CORE_NO_CHAIN", exitCode: 2 });
});

/** Each damage by itself, and what is said of it. */
const damages: readonly (readonly [string, (world: SealedWorld & { db: KeyValueStore }) => void, RegExp])[] =
  [
    [
      "a td",
      ({ db, chain }) => writeTd(db, 7, hashOf(chain, 7), 3n),
      /#7: total difficulty is \d+, stored is 3/,
    ],
    [
      "receipts gone",
      ({ db, chain }) => deleteReceipts(db, 7, hashOf(chain, 7)),
      /#7: there are no receipts/,
    ],
    [
      "receipts of another block",
      ({ db, chain }) => writeReceipts(db, 7, hashOf(chain, 7), []),
      /#7: .*receiptRoot/,
    ],
    [
      "a body of another block",
      ({ db, chain }) => writeBody(db, 7, hashOf(chain, 7), { transactions: [], uncles: [] }),
      /#7: .*txRoot/,
    ],
    [
      "a canonical row",
      ({ db, chain }) => writeCanonicalHash(db, 7, hashOf(chain, 8)),
      /#7: there is no canonical header/,
    ],
    [
      "a canonical row gone",
      ({ db }) => writeCanonicalHash(db, 7, new Uint8Array(32)),
      /#7: there is no canonical header/,
    ],
    [
      "a row above the head",
      ({ db, chain }) => writeCanonicalHash(db, 21, hashOf(chain, 20)),
      /#21 is canonical and above/,
    ],
    ["the head block", ({ db, chain }) => writeHeadBlockHash(db, hashOf(chain, 19)), /is not the head block/],
    [
      "a lookup",
      ({ db, chain }) => writeTxLookup(db, txOf(chain, 7), 8),
      /#7: transaction 0x\w+ is looked up at #8/,
    ],
    [
      "a lookup of nothing",
      ({ db }) => writeTxLookup(db, keccak256(new Uint8Array(1)), 3),
      /block #3 does not hold it/,
    ],
    [
      "a trie node",
      ({ db, chain }) => {
        const root = chain.nodes.get(chain.head.stateRoot) ?? new Uint8Array(0);
        deleteTrieNode(db, nodeChildren(root).hashes[0]?.hash ?? root);
      },
      /state of block #20: trie node 0x\w+ is missing/,
    ],
    [
      "codes",
      ({ db, chain }) => codesOf(chain).forEach((hash) => deleteCode(db, hash)),
      /code 0x\w+ is missing/,
    ],
  ];

const hashOf = (chain: SealedWorld["chain"], number: number) =>
  readCanonicalHash(chain.db, number) ?? new Uint8Array(32);
const txOf = (chain: SealedWorld["chain"], number: number) => {
  const header = chain.headerByNumber(number);
  return (header && chain.body(header)?.transactions[0]?.hash) ?? new Uint8Array(32);
};
/** Every code of the genesis: rows are 33 bytes, c + hash. */
const codesOf = (chain: SealedWorld["chain"]) => codes.get(chain) ?? [];
const codes = new WeakMap<SealedWorld["chain"], Uint8Array[]>();

test.each(damages)("damage to %s is found", async (_what, damage, finding) => {
  const made = await world();
  const found: Uint8Array[] = [];
  for await (const [key] of made.db.iterate())
    if (key.length === 33 && key[0] === 0x63) found.push(key.subarray(1));
  codes.set(made.chain, found);
  damage(made);
  const { findings, findingCount } = await verify(made.db);
  expect(findings.join("\n")).toMatch(finding);
  expect(findingCount).toBe(findings.length);
});

test("flat rows are compared with their trie: one changed, one gone, one too many", async () => {
  const made = await world();
  await made.chain.persist();
  expect((await verify(made.db)).findings).toEqual([]);
  const rows: [Uint8Array, Uint8Array][] = [];
  for await (const [key, value] of made.db.iterate())
    if (key.length === 33 && key[0] === 0x61) rows.push([key, value]);
  const [first, second] = rows;
  if (first === undefined || second === undefined) throw new Error("no flat rows");
  made.db.put(first[0], second[1]);
  expect((await verify(made.db)).findings.join()).toMatch(/flat state: account 0x\w+ is not as in its trie/);
  made.db.delete(first[0]);
  const { findings } = await verify(made.db);
  expect(findings).toHaveLength(2);
  expect(findings[1]).toMatch(/flat state: \d+ rows for \d+ accounts and slots/);
  made.db.put(...first);
  made.db.put(
    first[0].map((byte) => byte ^ (byte === 0x61 ? 0 : 0xff)),
    first[1],
  );
  expect((await verify(made.db)).findings).toEqual([expect.stringMatching(/flat state: \d+ rows for/)]);
});
