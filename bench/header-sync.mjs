// Header sync: headers per second from genesis, glim's light client against geth's, on the same geth server.
// Start-up and dialling count: it is the time from starting the client to its RPC naming the server's head.
import { checkLoad, countedWire, flags, median, parseClients, pinMyself, startGeth, synced } from "./kit.mjs";
import { longChain } from "./long-chain.mjs";

const options = flags("node bench/header-sync.mjs: header sync per second", {
  server: "1.11.6",
  clients: "geth:1.11.6,glim",
  glim: "dist/cli/main.js",
  blocks: 20_000,
  rounds: 3,
  busy: "no",
});
const clients = parseClients(options.clients, options.glim);
checkLoad(options.busy);
const { genesis, file, head } = await longChain(options.blocks);
pinMyself(1);
const server = await startGeth({
  version: options.server,
  role: "lightServer",
  genesis,
  importFile: file,
  cpu: 0,
});
const rates = new Map(clients.map(({ name }) => [name, []]));
for (let round = 0; round < options.rounds; round++)
  for (const client of round % 2 === 0 ? clients : [...clients].reverse()) {
    const wire = await countedWire(server.enode);
    // The last blocks may wait for the server's next announcement or a sync tick; they are not what is measured.
    const node = await synced(client, { enode: wire.enode, genesis, cpu: 1 }, head - 192);
    const rate = (head - 192) / node.syncSeconds;
    rates.get(client.name).push(rate);
    console.log(
      `round ${round + 1}  ${client.name.padEnd(12)} ${rate.toFixed(0).padStart(6)} headers/s  ` +
        `${node.syncSeconds.toFixed(1)} s  ${(wire.toClient / head).toFixed(0)} B per header  ${(await node.rssMb()).toFixed(0)} MB`,
    );
    await node.stop();
    wire.close();
  }
const [rival, ...others] = clients;
console.log(`${rival.name}: median ${median(rates.get(rival.name)).toFixed(0)} headers/s`);
for (const { name } of others) {
  const ratios = rates.get(name).map((rate, i) => rate / rates.get(rival.name)[i]);
  console.log(
    `${name}: median ${median(rates.get(name)).toFixed(0)} headers/s, ${median(ratios).toFixed(2)} × ${rival.name}`,
  );
}
await server[Symbol.asyncDispose]();
process.exit(0);
