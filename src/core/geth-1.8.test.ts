import { createReadStream, readFileSync } from "node:fs";
import { Clique } from "#consensus/clique";
import { memoryStore } from "#ethdb";
import { parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import { expect, test } from "vitest";
import { BlockChain } from "./block-chain.ts";
import { exportChain, type ImportProgress, importChain } from "./import.ts";

const folder = new URL("../../test/vectors/geth-1.8/", import.meta.url);
const file = new URL("chain-1.8-clique.rlp", folder);
const genesis = parseGenesis(JSON.parse(readFileSync(new URL("genesis-1.8-clique.json", folder), "utf8")));
const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };

function open() {
  const db = memoryStore();
  if (genesis.config.clique === undefined) throw new Error("no clique");
  return new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock });
}

/** All roots are compared on the way: a block of other state, receipts, gas or bloom would not be taken. */
test("geth 1.8's chain of 150 blocks and 100,000 accounts imports with every root equal", async () => {
  const chain = open();
  const reports: ImportProgress[] = [];
  const progress = await importChain(chain, createReadStream(file, { highWaterMark: 1000 }), {
    onProgress: (report) => reports.push(report),
  });
  expect(progress).toMatchObject({ read: 151, imported: 150, bytes: readFileSync(file).length });
  expect(reports.at(-1)?.head.number).toBe(150);
  expect(chain.head.number).toBe(150);
  expect(toHex(chain.engine.author(chain.head))).toBe("0x7c334aa8b1ec3579d23c0b4834b838aac4c876c5");

  const contract = fromHex("0xc0de000000000000000000000000000000000001");
  const state = chain.state(chain.head);
  for (const i of [0, 1, 99_999]) {
    const slot = new Uint8Array(32);
    new DataView(slot.buffer).setUint32(28, i);
    expect(BigInt(toHex(await state.storage(contract, slot)))).toBe(BigInt(i + 1));
  }
  expect(chain.receipts(chain.head)).toHaveLength(chain.body(chain.head)?.transactions.length ?? -1);

  const exported = [...exportChain(chain)];
  expect(Buffer.concat(exported).equals(readFileSync(file))).toBe(true);
  expect((await importChain(chain, exported)).imported).toBe(0);
});
