// A process that reorganises a chain again and again until it is killed: node reorg-writer.mjs DATADIR SEED [GCMODE]
// Prints "number hash" each time a head is on disk for sure. Runs from dist, as a user's program would.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const room = (name) => import(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
const { BlockChain } = await room("core");
const { Clique, keySigner } = await room("consensus/clique");
const { signTransaction } = await room("core/types");
const { openLevelStore } = await room("ethdb");
const { DEV_ADDRESS, DEV_KEY, devGenesis } = await room("params");
const { seededRand } = await room("host/sim");
const { toHex } = await room("util");

const [, , dataDir, seed, gcMode] = process.argv;
const folder = join(dataDir, "glim", "chaindata");
mkdirSync(folder, { recursive: true });
const db = await openLevelStore(folder);
const genesis = devGenesis({ [toHex(DEV_ADDRESS)]: 1n << 120n });
const clock = { unixSeconds: () => 2_000_000_000, now: () => performance.now(), sleep: async () => {} };
const chain = new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock, gcMode });
await chain.recover();
const signer = keySigner(DEV_KEY);
const rand = seededRand(Number(seed));

async function next(parent) {
  // pruned, or lost in the last kill
  if (!chain.hasState(parent)) await chain.regenerate(parent);
  const { nonce } = await chain.state(parent).account(DEV_ADDRESS);
  const txs = Array.from({ length: 1 + rand.int(8) }, (_, at) => {
    const to = new Uint8Array(20).fill(1 + rand.int(200));
    const fields = {
      type: 2,
      chainId: 1337n,
      nonce: nonce + BigInt(at),
      gas: 30_000n,
      to,
      value: BigInt(rand.int(1000)),
    };
    const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n, accessList: [] };
    return signTransaction({ ...fields, ...fees, input: new Uint8Array(rand.int(40)) }, DEV_KEY);
  });
  const { block } = await chain.buildBlock(parent, txs, { signer, time: parent.time + 1 });
  await chain.insertBlocks([block]);
  return block.header;
}

for (;;) {
  // back by up to 12 blocks, then further than the chain was: the branch wins at its last blocks
  const back = rand.int(Math.min(12, chain.head.number) + 1);
  let parent = chain.headerByNumber(chain.head.number - back);
  for (let i = 0; i < back + 1 + rand.int(3); i++) parent = await next(parent);
  await chain.persist();
  process.stdout.write(`${chain.head.number} ${toHex(chain.head.hash)}\n`);
}
