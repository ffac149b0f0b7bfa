// Reads of a full node's state, in process (method tables, no HTTP): the head's, which is flat, and the one before it, which
// is read from the tries. Chain of 100,000 accounts on LevelDB; no key is asked twice, so that every read but the first few
// goes to the database; then the same keys again, which are in memory.
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { cliqueChain, flags, median, read, shuffled, stateSize } from "./kit.mjs";

const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const [{ Node }, { Ethereum }, { importChain }, { parseGenesis }] = await Promise.all(
  ["node", "eth", "core", "params"].map(room),
);
const options = flags("node bench/state-reads.mjs: reads of a full node's state in process", {
  kinds: "balance,storage,call",
  reads: 4000,
  rounds: 5,
});
const { genesis: json, file } = cliqueChain();
const genesis = parseGenesis(json);
const dataDir = mkdtempSync(join(tmpdir(), "glim-state-reads-"));
process.once("exit", () => rmSync(dataDir, { recursive: true, force: true }));
const none = { host: "" };
const node = new Node({ name: "bench", dataDir, http: none, ws: none, p2p: { maxPeers: 0 } });
const prepare = (chain) => importChain(chain, createReadStream(file));
const begun = performance.now();
node.register((context) => new Ethereum(context, { genesis, prepare }));
await node.start();
const rpc = node.attach();
const { chain } = node.service(Ethereum);
await chain.maintain(); // the view is built by now
console.log(`chain of ${chain.head.number} blocks in ${((performance.now() - begun) / 1000).toFixed(0)} s`);

/** Microseconds of processor per read. */
async function measure(kind, keys, block) {
  const reads = keys.map((key) => read[kind](key));
  const start = process.cpuUsage();
  for (const { method, params, expect } of reads) {
    const found = await rpc.request({ method, params: [...params.slice(0, -1), block] });
    if (block === "latest" && BigInt(found) !== expect) throw new Error(`${kind} is ${found}, not ${expect}`);
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / reads.length;
}

const before = `0x${(chain.head.number - 1).toString(16)}`;
for (const kind of options.kinds.split(",")) {
  const rows = { "flat, new": [], "flat, again": [], "trie, new": [], "trie, again": [] };
  await measure(kind, shuffled(stateSize, 1).slice(0, options.reads), "latest");
  for (let round = 0; round < options.rounds; round++) {
    const keys = shuffled(stateSize, 10 + round).slice(0, options.reads);
    for (const [name, block] of [
      ["flat", "latest"],
      ["trie", before],
    ]) {
      rows[`${name}, new`].push(await measure(kind, keys, block));
      rows[`${name}, again`].push(await measure(kind, keys, block));
    }
  }
  for (const [name, micros] of Object.entries(rows))
    console.log(
      `${kind.padEnd(8)} ${name.padEnd(12)} ${median(micros).toFixed(0).padStart(4)} µs  load ${loadavg()[0].toFixed(1)}`,
    );
}
await node.stop();
process.exit(0);
