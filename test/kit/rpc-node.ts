// The node a client suite talks to: a full node, or a light node beside it that reads everything from it over les.
import { LesServer, LightEthereum } from "#les";
import { Ethereum } from "#eth";
import { Node } from "#node";
import type { RpcClient } from "#rpc";
import { equalBytes } from "#util";
import { type FullBackend, fullBackend } from "./full-backend.ts";

export interface RpcNode extends AsyncDisposable {
  readonly kind: "full" | "light";
  readonly client: RpcClient;
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** Seals a block of what waits in the full node's pool; resolves when this node has it as its head. */
  mine(): Promise<void>;
}

/** Both kinds behave alike to a client; the suites run over each. */
export async function rpcNode(kind: "full" | "light"): Promise<RpcNode> {
  return kind === "full" ? ofFull(await fullBackend()) : lightNode();
}

function ofFull(full: FullBackend): RpcNode {
  const { client, httpUrl, wsUrl } = full;
  const mine = async () => void (await full.mine());
  return {
    kind: "full",
    client,
    httpUrl,
    wsUrl,
    mine,
    [Symbol.asyncDispose]: () => full[Symbol.asyncDispose](),
  };
}

async function lightNode(): Promise<RpcNode> {
  const full = await fullBackend(
    { p2p: { maxPeers: 10, noDiscovery: true, listenAddr: "127.0.0.1:0" } },
    (node) =>
      node.register((context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 100 })),
  );
  await full.mine(); // a server without blocks has nothing to announce
  const enode = full.node.server?.self.enode;
  if (enode === undefined) throw new Error("the full node does not listen");
  const node = new Node({
    name: "light-backend",
    p2p: { maxPeers: 5, noDiscovery: true, staticNodes: [enode] },
    http: { host: "127.0.0.1", port: 0 },
    ws: { host: "127.0.0.1" },
  });
  node.register((context) => new LightEthereum(context, { genesis: full.genesis }));
  await node.start();
  const light = node.service(LightEthereum);
  await light.synced({ signal: AbortSignal.timeout(20_000) });
  const mine = async () => {
    const arrived = new AbortController();
    const heads = light.headEvents.stream({ signal: arrived.signal });
    const { block } = await full.mine();
    if (!equalBytes(light.head.hash, block.header.hash))
      for await (const { header } of heads) if (equalBytes(header.hash, block.header.hash)) break;
    arrived.abort();
  };
  return {
    ...{ kind: "light", mine },
    client: node.attach(),
    httpUrl: `http://${node.httpEndpoint}`,
    wsUrl: `ws://${node.wsEndpoint}`,
    [Symbol.asyncDispose]: async () => {
      await node.stop();
      await full[Symbol.asyncDispose]();
    },
  };
}
