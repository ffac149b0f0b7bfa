// Headers and blocks per second of our own chains, from the compiled rooms: the part of a sync that is not network.
//   node bench/chain.mjs [--headers 20000] [--blocks 500] [--transactions 20] [--rounds 3]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const { BlockChain, HeaderChain, importChain, exportChain } = await room("core");
const { Clique, keySigner, sealHash, extraSeal } = await room("consensus/clique");
const { makeHeader, signTransaction, emptyTxRoot, emptyUnclesHash } = await room("core/types");
const { addressOf, keccak256, publicKeyOf } = await room("crypto");
const { memoryStore, openLevelStore } = await room("ethdb");
const { devForks, devGenesis, parseGenesis, DEV_KEY, DEV_ADDRESS } = await room("params");
const { concatBytes, numberToBytes, toHex } = await room("util");

const { values } = parseArgs({
  options: Object.fromEntries(
    ["headers", "blocks", "transactions", "rounds"].map((name) => [name, { type: "string" }]),
  ),
});
// one epoch is 30,000: the headers made here list no signers
const size = { headers: 20_000, blocks: 500, transactions: 20, rounds: 3 };
for (const name of Object.keys(size)) size[name] = Number(values[name] ?? size[name]);

const clock = { unixSeconds: () => 4e9, now: () => performance.now(), sleep: async () => {} };
const signer = keySigner(DEV_KEY);
const users = Array.from({ length: 50 }, (_, i) => keccak256(numberToBytes(i + 1)));
const balances = Object.fromEntries(users.map((key) => [toHex(addressOf(publicKeyOf(key))), 1n << 100n]));
const { berlinBlock: _b, londonBlock: _l, ...forks } = devForks;
const genesis = devGenesis(balances, { forks, signers: [DEV_ADDRESS] });

function sealedHeaders(parent, count) {
  const headers = [];
  for (let at = parent; headers.length < count; headers.push(at)) {
    const extra = new Uint8Array(97);
    const fields = {
      ...at,
      parentHash: at.hash,
      number: at.number + 1,
      time: at.time + 1,
      difficulty: 2n,
      unclesHash: emptyUnclesHash,
      txRoot: emptyTxRoot,
      receiptRoot: emptyTxRoot,
      extra,
    };
    at = makeHeader({
      ...fields,
      extra: concatBytes(extra.slice(0, -extraSeal), signer.sign(sealHash(fields))),
    });
  }
  return headers;
}

async function withStore(kind, work) {
  if (kind === "memory") return work(memoryStore());
  const folder = mkdtempSync(join(tmpdir(), "glim-chain-bench-"));
  const store = await openLevelStore(join(folder, "db"));
  try {
    return await work(store);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of the wall clock and of all threads of this process. */
async function timed(work) {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: performance.now() - start, cpu: (user + system) / 1000 };
}

/** Best of the rounds: what the machine can do when nobody disturbs it. */
async function best(work) {
  const times = [];
  for (let round = 0; round < size.rounds; round++) times.push(await work());
  return { wall: Math.min(...times.map((t) => t.wall)), cpu: Math.min(...times.map((t) => t.cpu)) };
}

const rate = (count, ms) => String(Math.round((count * 1000) / ms)).padStart(8);
const report = (name, count, { wall, cpu }, unit) =>
  console.log(`${name.padEnd(48)} ${rate(count, wall)} ${unit}/s ${rate(count, cpu)} per second of CPU`);

console.log(`node ${process.version}, load ${loadavg()[0].toFixed(2)}, best of ${size.rounds}`);

const origin = new BlockChain({
  db: memoryStore(),
  genesis,
  engine: new Clique(genesis.config.clique, memoryStore()),
  clock,
});
const headers = sealedHeaders(origin.genesis, size.headers);
for (const kind of ["memory", "level"]) {
  const times = await best(() =>
    withStore(kind, async (db) => {
      const engine = new Clique(genesis.config.clique, db);
      const chain = new HeaderChain({ db, config: genesis.config, engine, genesis: origin.genesis, clock });
      return timed(async () => {
        for (let i = 0; i < headers.length; i += 192) {
          chain.insert(headers.slice(i, i + 192));
          await new Promise(setImmediate); // as between two replies of a server: the disk gets its turn
        }
        await db.flush();
      });
    }),
  );
  report(`headers verified and stored, ${kind}`, headers.length, times, "headers");
}

const nonces = users.map(() => 0n);
for (let number = 1; number <= size.blocks; number++) {
  const txs = Array.from({ length: size.transactions }, (_, i) => {
    const user = (number + i) % users.length;
    const to = keccak256(numberToBytes(number * 1000 + i)).slice(0, 20);
    const fields = {
      type: 0,
      chainId: genesis.config.chainId,
      nonce: nonces[user]++,
      gasPrice: 10n ** 9n,
      gas: 21_000n,
    };
    return signTransaction({ ...fields, to, value: 1n, input: new Uint8Array(0) }, users[user]);
  });
  const built = await origin.buildBlock(origin.head, txs, { signer, time: origin.head.time + 1 });
  await origin.insertBlocks([built.block]);
}
const file = [...exportChain(origin)];
for (const kind of ["memory", "level"]) {
  const times = await best(() =>
    withStore(kind, async (db) => {
      const chain = new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock });
      return timed(() => importChain(chain, file));
    }),
  );
  report(`blocks of ${size.transactions} transfers imported, ${kind}`, size.blocks, times, "blocks");
  report("", size.blocks * size.transactions, times, "transactions");
}

const folder = new URL("../test/vectors/geth-1.8/", import.meta.url);
const old = parseGenesis(JSON.parse(readFileSync(new URL("genesis-1.8-clique.json", folder), "utf8")));
await withStore("level", async (db) => {
  const chain = new BlockChain({ db, genesis: old, engine: new Clique(old.config.clique, db), clock });
  const times = await timed(() =>
    importChain(chain, [readFileSync(new URL("chain-1.8-clique.rlp", folder))]),
  );
  report("accounts and slots filled (geth 1.8's chain)", 100_000, times, "pairs");
});
console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
