// A node with a service of your own: an RPC namespace `census` with a method and a subscription, over HTTP and in process.
//
//   node service.js      prints how many peers there are, then stays up: curl it, or attach to it; Ctrl-C ends it
import { Node, type Service, type ServiceContext } from "glim/node";
import type { Server } from "glim/p2p";
import { api, method, quantity, subscription, text } from "glim/rpc";

class Census implements Service {
  readonly protocols = [];
  readonly apis = [
    api({
      namespace: "census",
      methods: {
        peers: method({
          doc: "Peers connected now.",
          params: [],
          result: quantity,
          handle: () => this.#count(),
        }),
      },
      subscriptions: {
        joins: subscription({
          doc: "Peers as they join.",
          params: [],
          item: text,
          open: (_, ctx) => this.#joins(ctx.signal),
        }),
      },
    }),
  ];
  readonly #log: ServiceContext["log"];
  #server: Server | undefined;

  constructor({ log }: ServiceContext) {
    this.#log = log;
  }

  async start(server: Server) {
    this.#log.info("census ready", { enode: server.self.enode });
    this.#server = server;
  }

  async stop() {}

  #count() {
    return BigInt(this.#server?.peers.size ?? 0);
  }

  async *#joins(signal: AbortSignal) {
    if (this.#server === undefined) return;
    for await (const event of this.#server.peerEvents.stream({ signal }))
      if (event.type === "add") yield event.peer;
  }
}

const port = Number(process.argv[2] ?? 8545);
await using node = new Node({ name: "demo", http: { host: "127.0.0.1", port, modules: ["census"] } });
node.register((context) => new Census(context));
await node.start();
process.once("SIGINT", () => void node.stop());

console.log(
  await node.attach().request({ method: "census_peers" }),
  `peers; ask at http://${node.httpEndpoint}`,
);
await node.wait();
