// Blocks per second of a synchronisation over a real connection: glim and geth, from the same geth, one after the other.
//   node bench/sync.mjs [--blocks 2000] [--transactions 10] [--server 1.9.25] [--clients glim:full,glim:fast,geth:1.9.25]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { checkLoad, flags, median, pinMyself, startGeth } from "./kit.mjs";

const options = flags("node bench/sync.mjs: blocks per second of full and fast sync", {
  blocks: 2000,
  transactions: 10,
  server: "1.9.25",
  clients: "glim:full,glim:fast,geth:1.9.25",
  rounds: 1,
  busy: "no",
});
checkLoad(options.busy);
pinMyself(1);

const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const { sealedChain } = await import(new URL("dist/test/kit/chains.js", import.meta.url).href);
const { Node } = await room("node");
const { Ethereum } = await room("eth");

const { blocks, transactions } = options;
const served = await sealedChain({ blocks, transactions, accounts: 2000, forks: "istanbul" });
const server = await startGeth({
  version: options.server,
  role: "full",
  genesis: served.genesis,
  importFile: served.file,
  cpu: 0,
});

/** Seconds of processor time of a process so far (Linux; geth's own). */
function cpuOf(pid) {
  if (process.platform !== "linux") return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Seconds from the first block to the last, processor time of the client, and how many blocks lie between: the wait for
 * a first round is nobody's.
 */
async function measure(headOf, expected, cpu) {
  let first;
  const since = Date.now();
  for (;;) {
    const number = await headOf();
    const now = Date.now();
    if (number > 0) first ??= { number, now, cpu: cpu() };
    if (number >= expected) {
      const count = number - first.number;
      return { count, seconds: (now - first.now) / 1000, cpuMs: ((cpu() - first.cpu) * 1000) / count };
    }
    if (now - since > 300_000) throw new Error(`stuck at block ${number}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Processor time (threads included) that passes between two turns of the event loop: how long the loop kept others waiting, on a machine
 * so busy that the clock only tells how long it waited for a core itself.
 */
function turnCosts() {
  const costs = [];
  let last;
  const look = () => {
    const { user, system } = process.cpuUsage();
    if (last !== undefined) costs.push((user + system - last) / 1000);
    last = user + system;
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    costs.sort((a, b) => a - b);
    return costs[Math.floor(costs.length * 0.99)] ?? 0;
  };
}

async function glim(mode) {
  const dataDir = mkdtempSync(join(tmpdir(), "glim-bench-sync-"));
  const node = new Node({ name: "bench", dataDir, p2p: { listenAddr: "127.0.0.1:0", maxPeers: 5 } });
  node.register((context) => new Ethereum(context, { genesis: served.spec, syncMode: mode }));
  await node.start();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let turns;
  try {
    node.server.addPeer(server.enode);
    const { chain } = node.service(Ethereum);
    const quarters = [0, 0, 0, 0]; // most resident memory in each quarter of the chain: flat or not
    const result = await measure(
      () => {
        if (chain.head.number + chain.fast.head.number > 0) {
          delay.enable();
          turns ??= turnCosts();
        }
        const number = Math.max(chain.head.number, chain.fast.head.number);
        const quarter = Math.min(3, Math.floor((4 * number) / blocks));
        quarters[quarter] = Math.max(quarters[quarter], process.memoryUsage.rss());
        return number;
      },
      blocks,
      () => cpuOf(process.pid),
    );
    delay.disable();
    const pivot = mode === "fast" ? `, pivot ${chain.fast.pivot}` : "";
    const p99 = (delay.percentile(99) / 1e6 - 5).toFixed(0);
    return {
      ...result,
      note: `event loop p99 ${p99} ms (${(turns?.() ?? 0).toFixed(0)} ms of processor), rss by quarters ${quarters.map((rss) => (rss / 2 ** 20).toFixed(0)).join(", ")} MB${pivot}`,
    };
  } finally {
    await node.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function geth(version) {
  const peers = [server.enode];
  const node = await startGeth({ version, role: "full", genesis: served.genesis, peers, cpu: 1 });
  const headOf = async () => Number(await node.rpc("eth_blockNumber"));
  try {
    return { ...(await measure(headOf, blocks, () => cpuOf(node.pid))), note: "archive" };
  } finally {
    await node[Symbol.asyncDispose]();
  }
}

const clients = options.clients.split(",");
const rates = Object.fromEntries(clients.map((client) => [client, []]));
try {
  for (let round = 0; round < options.rounds; round++)
    for (const client of clients) {
      const [kind, what] = client.split(":");
      const { count, seconds, cpuMs, note } = await (kind === "glim" ? glim(what) : geth(what));
      rates[client].push(count / seconds);
      const rate = `${(count / seconds).toFixed(0)} blocks/s, ${((count * transactions) / seconds).toFixed(0)} tx/s`;
      console.log(
        `${client.padEnd(12)} ${rate} (${seconds.toFixed(1)} s, ${cpuMs.toFixed(1)} ms of processor a block, ${note}; load ${loadavg()[0].toFixed(1)})`,
      );
    }
} finally {
  await server[Symbol.asyncDispose]();
}
for (const client of clients)
  console.log(`${client.padEnd(12)} median ${median(rates[client]).toFixed(0)} blocks/s`);
process.exit(0);
