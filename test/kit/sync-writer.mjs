// A process that synchronises a chain into a LevelDB store from a peer within it, until it is killed or done:
//   node sync-writer.mjs FOLDER SOURCE GENESIS full|fast
// SOURCE is a store with the whole chain, GENESIS geth's genesis.json. Prints a line for each answer of the peer, one
// for each change of head, and "done" at the end. Runs from dist, as a user's program would.
import { readFileSync } from "node:fs";

const room = (name) => import(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
const { BlockChain } = await room("core");
const { Clique } = await room("consensus/clique");
const { Downloader } = await room("eth/downloader");
const { openLevelStore } = await room("ethdb");
const { nodeHost } = await room("host/node");
const { parseGenesis } = await room("params");

const [folder, source, genesisFile, mode] = process.argv.slice(2);
const host = nodeHost();
const genesis = parseGenesis(JSON.parse(readFileSync(genesisFile, "utf8")));
const open = async (path) => {
  const db = await openLevelStore(path);
  return new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock: host.clock });
};
const from = await open(source);
const chain = await open(folder);

const answer = async (items) => {
  await host.clock.sleep(3);
  process.stdout.write("step\n");
  return items;
};
const byHash = (hashes, read) =>
  hashes.flatMap((hash) => {
    const header = from.headerByHash(hash);
    return header === undefined ? [] : [read(header)];
  });
const downloader = new Downloader({
  chain,
  clock: host.clock,
  rand: host.rand,
  // small answers, so that there are many moments to be killed at
  limits: {
    bodiesPerRequest: 8,
    receiptsPerRequest: 8,
    nodesPerRequest: 16,
    blocksPerInsert: 8,
    stateBatchBytes: 4096,
  },
});
downloader.register({
  id: "self",
  head: { hash: from.head.hash, td: from.td(from.head.hash) },
  requestHeaders({ origin, amount, skip, reverse }) {
    const start = typeof origin === "number" ? origin : from.headerByHash(origin)?.number;
    const numbers = Array.from({ length: amount }, (_, i) => start + (reverse ? -1 : 1) * i * (skip + 1));
    return answer(numbers.flatMap((number) => from.headerByNumber(number) ?? []));
  },
  requestBodies: (hashes) => answer(byHash(hashes, (header) => from.body(header))),
  requestReceipts: (hashes) => answer(byHash(hashes, (header) => from.receipts(header))),
  requestNodeData: (hashes) =>
    answer(hashes.flatMap((hash) => from.nodes.get(hash) ?? from.codes.get(hash) ?? [])),
  drop(error) {
    throw error;
  },
});
chain.headEvents.subscribe(() => process.stdout.write("step\n"));
process.stdout.write("ready\n");
await downloader.synchronise("self", { mode });
await chain.flush();
process.stdout.write("done\n");
process.exit(0);
