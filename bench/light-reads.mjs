// Cold proven reads through a light client's HTTP RPC: glim against geth's own light client, on the same geth
// server. Server on core 0; client under test and load generator on core 1. Never the same key twice, a fresh
// client database per round, rounds interleaved, the median of the rounds' ratios.
import {
  checkLoad,
  cliqueChain,
  countedWire,
  flags,
  load,
  median,
  parseClients,
  pinMyself,
  read,
  shuffled,
  startGeth,
  stateSize,
  synced,
} from "./kit.mjs";

const options = flags("node bench/light-reads.mjs: cold proven reads per second, bytes, memory, disk", {
  server: "1.11.6",
  clients: "geth:1.11.6,glim",
  glim: "dist/cli/main.js",
  kind: "balance",
  connections: "1,16",
  rounds: 5,
  reads: 4_000,
  warmup: 2_000, // reads of a fresh client before any is measured, on one connection; their rate is told too
  "byte-reads": 1_000,
  "memory-reads": 10_000,
  "disk-reads": 0,
  busy: "no",
});
const chain = cliqueChain();
if (chain === undefined) throw new Error("the chain of 100,000 accounts is not in this checkout");
const clients = parseClients(options.clients, options.glim);
const levels = options.connections.split(",").map(Number);
const question = read[options.kind];
checkLoad(options.busy);
pinMyself(1);

const { genesis, file, head } = chain;
const server = await startGeth({
  version: options.server,
  role: "lightServer",
  genesis,
  importFile: file,
  cpu: 0,
});
console.log(
  `server geth ${options.server}, ${options.kind} reads, ${options.rounds} rounds of ${options.reads}`,
);

const perRead = (before) => {
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / options.reads).toFixed(0);
};

/** rates[client][level] = one figure per round */
const rates = new Map(clients.map((client) => [client.name, new Map(levels.map((level) => [level, []]))]));
for (let round = 0; round < options.rounds; round++) {
  const keys = shuffled(stateSize, round + 1);
  for (const client of round % 2 === 0 ? clients : [...clients].reverse()) {
    const node = await synced(client, { enode: server.enode, genesis, cpu: 1 }, head);
    try {
      let from = options.warmup;
      const first = await load(node.url, keys.slice(0, from).map(question), 1);
      console.log(
        `round ${round + 1}  ${client.name.padEnd(12)}  its first ${from} reads: ${first.rate.toFixed(0)}/s`,
      );
      for (const level of levels) {
        const cpu = node.cpuSeconds();
        const own = process.cpuUsage();
        const result = await load(node.url, keys.slice(from, (from += options.reads)).map(question), level);
        rates.get(client.name).get(level).push(result.rate);
        const { rate, p50, p99 } = result;
        console.log(
          `round ${round + 1}  ${client.name.padEnd(12)} ${String(level).padStart(2)} connections  ` +
            `${rate.toFixed(0).padStart(6)} reads/s  p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms  ` +
            `client CPU ${(((node.cpuSeconds() - cpu) / options.reads) * 1e6).toFixed(0)} µs per read, generator ${perRead(own)} µs`,
        );
      }
    } catch (error) {
      console.error(node.log());
      throw error;
    } finally {
      await node.stop();
    }
  }
}

const [rival, ...others] = clients;
for (const level of levels) {
  const base = rates.get(rival.name).get(level);
  console.log(`${rival.name} at ${level}: median ${median(base).toFixed(0)} reads/s`);
  for (const { name } of others) {
    const mine = rates.get(name).get(level);
    const ratio = median(mine.map((rate, i) => rate / base[i]));
    console.log(
      `${name} at ${level}: median ${median(mine).toFixed(0)} reads/s, ${ratio.toFixed(2)} × ${rival.name}`,
    );
  }
}

for (const client of clients) {
  const keys = shuffled(stateSize, 77);
  const wire = await countedWire(server.enode);
  const node = await synced(client, { enode: wire.enode, genesis, cpu: 1 }, head);
  try {
    let from = 0;
    for (const level of levels) {
      if (options["byte-reads"] === 0) break;
      const before = { ...wire };
      await load(node.url, keys.slice(from, (from += options["byte-reads"])).map(question), level);
      const each = (now, then) => ((now - then) / options["byte-reads"]).toFixed(0);
      const received = each(wire.toClient, before.toClient);
      const sent = each(wire.toServer, before.toServer);
      console.log(`${client.name} at ${level}: ${received} B in, ${sent} B out per read`);
    }
    for (const [what, count] of [
      ["memory", options["memory-reads"]],
      ["disk", options["disk-reads"]],
    ]) {
      if (count <= from) continue;
      await load(node.url, keys.slice(from, count).map(question), Math.max(...levels));
      from = count;
      const [rss, db] = [await node.rssMb(), node.dbMb()];
      console.log(
        `${client.name} after ${count} reads (${what}): ${rss.toFixed(0)} MB resident, ${db.toFixed(1)} MB database`,
      );
    }
  } finally {
    const left = await node.stop();
    if (left !== undefined) console.log(`${client.name} after its end: ${left.toFixed(1)} MB database`);
    wire.close();
  }
}
await server[Symbol.asyncDispose]();
process.exit(0);
