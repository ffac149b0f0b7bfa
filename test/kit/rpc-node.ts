// The node a client suite talks to: a full node, or a light node beside it that reads everything from it over les.
import { LesServer, LightEthereum } from "#les";
import { Ethereum } from "#eth";
import { type Config, Node } from "#node";
import type { RpcClient } from "#rpc";
import { equalBytes } from "#util";
import { type FullBackend, fullBackend, ipcName } from "./full-backend.ts";

export interface RpcNode extends AsyncDisposable {
  readonly kind: "full" | "light";
  readonly client: RpcClient;
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** The socket's path. */
  readonly ipcPath: string;
  /** The full node: this one, or the one it reads from. */
  readonly full: FullBackend;
  /** Seals a block of what waits in the full node's pool; resolves when this node has it as its head. */
  mine(): Promise<void>;
  /** Resolves when this node's head is the full node's. */
  follow(): Promise<void>;
}

/** Both kinds behave alike to a client; the suites run over each. */
export async function rpcNode(kind: "full" | "light", options: RpcNodeOptions = {}): Promise<RpcNode> {
  return kind === "full" ? ofFull(await fullBackend(options.accounts)) : lightNode(options);
}

export interface RpcNodeOptions {
  /** How this node guards its accounts; new keys are cheap to open. */
  readonly accounts?: Pick<Config, "insecureUnlockAllowed"> | undefined;
  /** Blocks back from the head whose state is served to the light node; default all. */
  readonly recentState?: number | undefined;
}

function ofFull(full: FullBackend): RpcNode {
  const { client, httpUrl, wsUrl, ipcPath } = full;
  const mine = async () => void (await full.mine());
  const follow = async () => {};
  const dispose = () => full[Symbol.asyncDispose]();
  return {
    kind: "full",
    full,
    client,
    httpUrl,
    wsUrl,
    ipcPath,
    mine,
    follow,
    [Symbol.asyncDispose]: dispose,
  };
}

async function lightNode({ recentState = 0, accounts = {} }: RpcNodeOptions): Promise<RpcNode> {
  const full = await fullBackend(
    { p2p: { maxPeers: 10, noDiscovery: true, listenAddr: "127.0.0.1:0" } },
    (node) =>
      node.register(
        (context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 100, recentState }),
      ),
  );
  await full.mine(); // a server without blocks has nothing to announce
  const enode = full.node.server?.self.enode;
  if (enode === undefined) throw new Error("the full node does not listen");
  const node = new Node({
    name: "light-backend",
    useLightweightKdf: true,
    ...accounts,
    p2p: { maxPeers: 5, noDiscovery: true, staticNodes: [enode] },
    http: { host: "127.0.0.1", port: 0 },
    ws: { host: "127.0.0.1" },
    ipcPath: ipcName("light"),
  });
  node.register((context) => new LightEthereum(context, { genesis: full.genesis }));
  await node.start();
  const light = node.service(LightEthereum);
  await light.synced({ signal: AbortSignal.timeout(60_000) });
  const follow = async () => {
    const arrived = new AbortController();
    const heads = light.headEvents.stream({ signal: arrived.signal });
    const { hash } = full.ethereum.head();
    if (!equalBytes(light.head.hash, hash))
      for await (const { header } of heads) if (equalBytes(header.hash, hash)) break;
    arrived.abort();
  };
  const mine = async () => {
    await full.mine();
    await follow();
  };
  return {
    ...{ kind: "light", full, mine, follow },
    client: node.attach(),
    httpUrl: `http://${node.httpEndpoint}`,
    wsUrl: `ws://${node.wsEndpoint}`,
    ipcPath: node.ipcEndpoint,
    [Symbol.asyncDispose]: async () => {
      await node.stop();
      if (full.node.isRunning) await full[Symbol.asyncDispose]();
    },
  };
}
