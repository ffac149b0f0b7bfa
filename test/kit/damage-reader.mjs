// A process that opens damaged copies of a chain's database: node damage-reader.mjs FACTS, then a folder a line on stdin.
// Answers each with a line of JSON: {result} or {error}. In a process of its own, because LevelDB may end it. Runs from dist.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const room = (name) => import(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
const { BlockChain, verifyChain } = await room("core");
const { makeEngine } = await room("eth");
const { memoryStore, openLevelStore } = await room("ethdb");
const { parseGenesis } = await room("params");
const { GlimError, toHex } = await room("util");

const facts = JSON.parse(readFileSync(process.argv[2], "utf8"));
const genesis = parseGenesis(facts.genesis);
const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };

/** What becomes of a copy with one bit flipped. Throws what the code throws. */
async function outcome(copy) {
  const db = await openLevelStore(copy);
  try {
    return await judge(db);
  } finally {
    await db.close();
  }
}

async function judge(db) {
  for await (const [key, value] of db.iterate())
    if (facts.rows[toHex(key)]?.includes(toHex(value)) !== true)
      throw new Error(`believed a row that nobody wrote, key ${toHex(key)}`);
  const chain = new BlockChain({ db, genesis, engine: makeEngine(genesis.config, db), clock });
  if (toHex(chain.head.hash) !== facts.hashes[chain.head.number]) throw new Error("another head");
  const engine = () => makeEngine(genesis.config, memoryStore());
  const report = await verifyChain({ db, engine, clock, statesEvery: 1 });
  if (report.findingCount > 0) return "told";
  return chain.head.number === facts.hashes.length - 1 ? "unharmed" : "shorter";
}

for await (const copy of createInterface({ input: process.stdin })) {
  const said = await outcome(copy).then(
    (result) => ({ result }),
    (error) => {
      const { code, exitCode, blame } = error instanceof GlimError ? error : {};
      return { error: { code, exitCode, blame, text: String(error) } };
    },
  );
  console.log(JSON.stringify(said));
}
