// A full node of ours that serves light clients from a sealed chain, over real sockets on loopback.
import { keySigner } from "#consensus/clique";
import { Ethereum } from "#eth";
import { LesServer, type LesServerOptions } from "#les/server";
import { silentLogger, type Logger } from "#log";
import { Node } from "#node";
import type { RpcClient } from "#rpc";
import type { SealedChain } from "./chains.ts";

export interface LesNodeOptions {
  readonly chain: SealedChain;
  readonly les?: Omit<LesServerOptions, "eth">;
  /** Seals a block as soon as a transaction waits. Default true. */
  readonly seals?: boolean;
  readonly listenAddr?: string;
  readonly log?: Logger;
}

export interface LesNode extends AsyncDisposable {
  readonly node: Node;
  readonly ethereum: Ethereum;
  readonly les: LesServer;
  readonly enode: string;
  readonly rpc: RpcClient;
}

/** Starts the node with the whole chain imported. */
export async function startLesNode({
  chain,
  les = {},
  seals = true,
  listenAddr = "127.0.0.1:0",
  log = silentLogger,
}: LesNodeOptions): Promise<LesNode> {
  const node = new Node({ name: "glim-les", dataDir: "", logger: log, p2p: { listenAddr, maxPeers: 50 } });
  const sealer = seals ? keySigner(chain.key) : undefined;
  node.register((context) => new Ethereum(context, { genesis: chain.spec, sealer, period: 0 }));
  node.register((context) => new LesServer(context, { ...les, eth: context.service(Ethereum) }));
  await node.start();
  const ethereum = node.service(Ethereum);
  await ethereum.chain.insertBlocks(await chain.blocks());
  const { server } = node;
  if (server === undefined) throw new Error("the node has no p2p server");
  return {
    node,
    ethereum,
    les: node.service(LesServer),
    enode: server.self.enode,
    rpc: node.attach(),
    async [Symbol.asyncDispose]() {
      await node.stop();
    },
  };
}
