// JSON-RPC of full nodes: reads per second and CPU per read of our full node (Node with Ethereum, LevelDB on disk) and of
// geth's, both with the chain of 100,000 accounts imported. Server on core 0, load on core 1, rounds alternate; no key is
// asked twice in a round. Ours also tells how long its event loop was blocked while it answered.
import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [, , mode, ...serveArgs] = process.argv;
if (mode === "--serve") await serve(...serveArgs);
else await main();

/** Our full node, as a process of its own: a line "ready URL", then "stats …" for each line it reads. */
async function serve(genesisFile, chainFile, dataDir) {
  const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
  const [{ Node }, { Ethereum }, { importChain }, { parseGenesis }] = await Promise.all(
    ["node", "eth", "core", "params"].map(room),
  );
  const genesis = parseGenesis(JSON.parse(readFileSync(genesisFile, "utf8")));
  const node = new Node({ name: "bench", dataDir, http: { host: "127.0.0.1", port: 0, modules: ["eth"] } });
  const prepare = (chain) => importChain(chain, createReadStream(chainFile));
  node.register((context) => new Ethereum(context, { genesis, prepare }));
  await node.start();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  console.log(`ready ${node.httpEndpoint.replace(/^(?!http)/, "http://")}`);
  for await (const _ of createInterface({ input: process.stdin })) {
    const ms = (nanos) => (nanos / 1e6).toFixed(1);
    console.log(
      `stats p50 ${ms(delay.percentile(50))} p99 ${ms(delay.percentile(99))} max ${ms(delay.max)} ms`,
    );
    delay.reset();
  }
  await node.stop();
  process.exit(0);
}

async function main() {
  const kit = await import("./kit.mjs");
  const options = kit.flags("node bench/full-rpc.mjs: JSON-RPC reads per second of full nodes", {
    geth: "1.11.6",
    kinds: "balance,call,block",
    connections: "1,16",
    rounds: 5,
    reads: 4000,
    warmup: 4000,
    busy: "no",
  });
  const chain = kit.cliqueChain();
  if (chain === undefined) throw new Error("the clique chain is not in this checkout");
  kit.checkLoad(options.busy);
  kit.pinMyself(1);
  const home = mkdtempSync(join(tmpdir(), "glim-full-rpc-"));
  process.once("exit", () => rmSync(home, { recursive: true, force: true }));
  const nodes = [];
  if (options.geth !== "none") nodes.push(await gethNode(kit, chain, options.geth));
  nodes.push(await ourNode(kit, chain, home));
  const block = (i) => {
    const number = `0x${(i % chain.head).toString(16)}`;
    return {
      method: "eth_getBlockByNumber",
      params: [number, false],
      expect: (found) => found.number === number,
    };
  };
  const kinds = { balance: kit.read.balance, storage: kit.read.storage, call: kit.read.call, block };
  for (const kind of options.kinds.split(",")) {
    const make = kinds[kind];
    for (const node of nodes) await kit.load(node.url, order(kit, options.warmup, 7).map(make), 16);
    for (const connections of options.connections.split(",").map(Number)) {
      const rows = nodes.map((node) => ({ node, rates: [], micros: [], p99: [] }));
      await rows.at(-1).node.stats?.();
      for (let round = 0; round < options.rounds; round++)
        for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
          const reads = order(kit, options.reads, round + 100).map(make);
          const cpu = row.node.cpuSeconds();
          const result = await kit.load(row.node.url, reads, connections);
          row.micros.push(((row.node.cpuSeconds() - cpu) * 1e6) / reads.length);
          row.rates.push(result.rate);
          row.p99.push(result.p99);
        }
      const [first] = rows;
      for (const { node, rates, micros, p99 } of rows) {
        const ratio = kit.median(rates.map((rate, i) => rate / first.rates[i]));
        const loop = node.stats === undefined ? "" : `  event loop ${await node.stats()}`;
        console.log(
          `${kind.padEnd(8)} ${String(connections).padStart(2)} connections  ${node.name.padEnd(12)} ` +
            `${kit.median(rates).toFixed(0).padStart(6)}/s  ${kit.median(micros).toFixed(0).padStart(4)} µs CPU  ` +
            `p99 ${kit.median(p99).toFixed(1)} ms  ${ratio.toFixed(2)} × ${first.node.name}${loop}  load ${loadavg()[0].toFixed(1)}`,
        );
      }
    }
  }
  for (const node of nodes) console.log(`${node.name}: resident ${kit.rssMb(node.pid).toFixed(0)} MB`);
  for (const node of nodes) await node.stop();
  process.exit(0);
}

/** As many of the 100,000 keys, none twice. */
function order(kit, count, seed) {
  return kit.shuffled(kit.stateSize, seed).slice(0, count);
}

async function gethNode(kit, { genesis, file }, version) {
  const node = await kit.startGeth({ version, role: "full", genesis, importFile: file, cpu: 0 });
  return {
    name: `geth ${version}`,
    url: node.httpUrl,
    pid: node.pid,
    cpuSeconds: () => kit.cpuSeconds(node.pid),
    stop: () => node[Symbol.asyncDispose](),
  };
}

async function ourNode(kit, { genesis, file }, home) {
  const genesisFile = join(home, "genesis.json");
  writeFileSync(genesisFile, JSON.stringify(genesis));
  const flags = (process.env.GLIM_NODE_FLAGS ?? "").split(" ").filter((flag) => flag !== ""); // e.g. --cpu-prof
  const args = [...flags, fileURLToPath(import.meta.url), "--serve", genesisFile, file, join(home, "data")];
  const [command, rest] = kit.pinned(0, process.execPath, args);
  const child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  process.once("exit", () => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (word) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("our node ended");
      if (value.startsWith(word)) return value.slice(word.length + 1);
    }
  };
  return {
    name: "glim",
    url: await line("ready"),
    pid: child.pid,
    cpuSeconds: () => kit.cpuSeconds(child.pid),
    stats: () => {
      child.stdin.write("\n");
      return line("stats");
    },
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
}
