// Idle traffic: bytes per block, both directions, of a light client that is in sync and asked nothing, beside a
// geth that seals an empty block every second. Keepalive pings are in it.
import {
  checkLoad,
  cliqueGenesis,
  countedWire,
  flags,
  minerKey,
  parseClients,
  startGeth,
  synced,
  until,
} from "./kit.mjs";
import { minerAddress } from "./long-chain.mjs";

const options = flags("node bench/idle.mjs: bytes per block of an idle light client", {
  server: "1.11.6",
  clients: "geth:1.11.6,glim",
  glim: "dist/cli/main.js",
  blocks: 60,
  busy: "no",
});
const clients = parseClients(options.clients, options.glim);
checkLoad(options.busy);
const genesis = cliqueGenesis(minerAddress, {});
const server = await startGeth({ version: options.server, role: "miner", genesis, signerKey: minerKey });
await server.atBlock(5);
const height = async () => Number(await server.rpc("eth_blockNumber"));
for (const client of clients) {
  const wire = await countedWire(server.enode);
  const node = await synced(client, { enode: wire.enode, genesis }, await height());
  const settled = (await height()) + 5;
  await until(`block ${settled}`, async () => (await height()) >= settled);
  const [from, before] = [await height(), { ...wire }];
  const goal = from + options.blocks;
  await until(`block ${goal}`, async () => (await height()) >= goal, (options.blocks * 2 + 60) * 1_000);
  const count = (await height()) - from;
  const received = (wire.toClient - before.toClient) / count;
  const sent = (wire.toServer - before.toServer) / count;
  console.log(
    `${client.name.padEnd(12)} ${(received + sent).toFixed(0)} B per block (${received.toFixed(0)} in, ${sent.toFixed(0)} out), ` +
      `${count} blocks, ${(await node.rssMb()).toFixed(0)} MB resident`,
  );
  await node.stop();
  wire.close();
}
await server[Symbol.asyncDispose]();
process.exit(0);
