// A process that seals blocks into a LevelDB store until it is killed: node chain-writer.mjs FOLDER [GCMODE]
// Prints "number hash" each time a head is on disk for sure. Runs from dist, as a user's program would.
const room = (name) => import(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
const { BlockChain } = await room("core");
const { Clique, keySigner } = await room("consensus/clique");
const { signTransaction } = await room("core/types");
const { openLevelStore } = await room("ethdb");
const { DEV_ADDRESS, DEV_KEY, devGenesis } = await room("params");
const { toHex } = await room("util");

const [, , folder, gcMode] = process.argv;
const db = await openLevelStore(folder);
const genesis = devGenesis({ [toHex(DEV_ADDRESS)]: 1n << 120n });
const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };
const chain = new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock, gcMode });
await chain.recover();
const signer = keySigner(DEV_KEY);

for (let round = 0; ; round++) {
  for (let i = 0; i < 3; i++) {
    const nonce = (await chain.state(chain.head).account(DEV_ADDRESS)).nonce;
    const txs = Array.from({ length: 10 }, (_, at) => {
      const to = new Uint8Array(20).fill(1 + at + ((round + i) % 200));
      const fields = { type: 2, chainId: 1337n, nonce: nonce + BigInt(at), gas: 30_000n, to, value: 1n };
      const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n, accessList: [] };
      return signTransaction({ ...fields, ...fees, input: new Uint8Array(round % 40) }, DEV_KEY);
    });
    await chain.produceBlock(txs, { signer, time: chain.head.time + 1 });
  }
  await chain.persist();
  process.stdout.write(`${chain.head.number} ${toHex(chain.head.hash)}\n`);
}
