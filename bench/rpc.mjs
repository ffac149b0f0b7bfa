// JSON-RPC requests per second over HTTP, no proofs in it: what the server itself costs, glim against geth. Node on
// core 0, generator on core 1. `eth_chainId`, so that neither side does any work.
import {
  checkLoad,
  cliqueChain,
  flags,
  load,
  median,
  parseClients,
  pinMyself,
  startGeth,
  synced,
} from "./kit.mjs";

const options = flags("node bench/rpc.mjs: JSON-RPC requests per second over HTTP", {
  clients: "geth:1.11.6,glim",
  glim: "dist/cli/main.js",
  connections: "1,16",
  rounds: 5,
  requests: 10_000,
  busy: "no",
});
const chain = cliqueChain();
if (chain === undefined) throw new Error("the clique chain is not in this checkout");
const clients = parseClients(options.clients, options.glim);
const levels = options.connections.split(",").map(Number);
checkLoad(options.busy);
pinMyself(1);
const { genesis, file, head } = chain;
const server = await startGeth({ version: "1.11.6", role: "lightServer", genesis, importFile: file });
const nodes = [];
for (const client of clients)
  nodes.push({
    name: client.name,
    node: await synced(client, { enode: server.enode, genesis, cpu: 0 }, head),
    rates: {},
  });
const question = { method: "eth_chainId", params: [], expect: 1337n };
for (let round = 0; round < options.rounds; round++)
  for (const { node, rates } of round % 2 === 0 ? nodes : [...nodes].reverse())
    for (const level of levels) {
      const { rate } = await load(node.url, Array(options.requests).fill(question), level);
      (rates[level] ??= []).push(rate);
    }
for (const level of levels)
  for (const { name, rates } of nodes) {
    const ratio = median(rates[level].map((rate, i) => rate / nodes[0].rates[level][i]));
    console.log(
      `${name.padEnd(12)} ${String(level).padStart(2)} connections  ${median(rates[level]).toFixed(0)} requests/s, ` +
        `${ratio.toFixed(2)} × ${nodes[0].name}`,
    );
  }
for (const { node } of nodes) await node.stop();
await server[Symbol.asyncDispose]();
process.exit(0);
