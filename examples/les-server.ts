// A LES server: a full node that seals a dev chain and serves light nodes. It prints its enode URL.
import { Ethereum, LesServer, Node, devGenesis } from "glim";
import { keySigner } from "glim/consensus/clique";
import { parsePrivateKey } from "glim/crypto";
import { DEV_KEY } from "glim/params";

await using node = new Node({
  name: "les-server",
  dataDir: process.env["SERVER_DATA"] ?? "./server-data",
  p2p: { maxPeers: 50, listenAddr: process.env["SERVER_LISTEN"] ?? ":30303" },
  http: {
    host: "127.0.0.1",
    port: Number(process.env["SERVER_HTTP_PORT"] ?? 8545),
    modules: ["eth", "net", "les"],
  },
});

const genesis = devGenesis({ "0x71562b71999873db5b286df957af199ec94617f7": 10n ** 24n });
node.register(
  (context) =>
    new Ethereum(context, {
      genesis,
      syncMode: "full",
      engine: "clique",
      sealer: keySigner(parsePrivateKey(DEV_KEY)),
    }),
);
node.register(
  (context) =>
    new LesServer(context, {
      eth: context.service(Ethereum), // registration order is dependency order
      lightServ: 50, // percent of one core spent on light clients
      lightPeers: 20, // of p2p.maxPeers, kept for light clients
      flow: { bufferLimit: 300_000_000, minRecharge: 50_000 }, // cost units; units per millisecond
    }),
);
await node.start();
console.log(node.server?.self.enode);

const les = node.service(LesServer);
const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());
for await (const event of les.clientEvents.stream({
  signal: stopping.signal,
  capacity: 64,
  overflow: "drop-oldest",
})) {
  if (event.type === "frozen") console.warn("client overran its buffer", event.peer, event.buffer);
  else console.log("client", event.type, event.peer.slice(0, 16));
}
