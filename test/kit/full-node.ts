// A full node of ours over real sockets on loopback.
import type { Signer } from "#consensus";
import type { Block } from "#core/types";
import { Ethereum } from "#eth";
import type { EthVersion } from "#eth/protocols";
import { type Logger, silentLogger } from "#log";
import { Node } from "#node";
import type { Genesis } from "#params";
import type { RpcClient } from "#rpc";
import { until } from "./until.ts";

export interface FullNodeOptions {
  readonly spec: Genesis;
  readonly blocks?: readonly Block[];
  /** Seals with it. */
  readonly sealer?: Signer;
  /** Seconds; default the genesis' own. 0: a block as soon as a transaction waits. */
  readonly period?: number;
  readonly peers?: readonly string[];
  readonly syncMode?: "full" | "fast";
  /** Versions of eth that it offers, of those that its chain asks for. Default all. */
  readonly versions?: readonly EthVersion[];
  readonly dataDir?: string;
  /** Nodes it begins its search at; without them it does not search. */
  readonly bootnodes?: readonly string[];
  /** By which version of discovery it searches. Default v4. */
  readonly discovery?: "v4" | "v5";
  readonly log?: Logger;
}

export interface FullNode extends AsyncDisposable {
  readonly node: Node;
  readonly ethereum: Ethereum;
  readonly enode: string;
  readonly rpc: RpcClient;
  addPeer(enode: string): void;
  /** Waits until its head is at least `number`. */
  atBlock(number: number, timeoutMs?: number): Promise<void>;
}

export async function startFullNode(options: FullNodeOptions): Promise<FullNode> {
  const {
    spec,
    blocks = [],
    sealer,
    period,
    peers = [],
    syncMode,
    dataDir = "",
    log = silentLogger,
  } = options;
  const { bootnodes, discovery = "v4", versions } = options;
  const version = { noDiscovery: discovery !== "v4", discoveryV5: discovery === "v5" };
  const search = bootnodes === undefined ? {} : { ...version, bootstrapNodes: bootnodes };
  const p2p = { listenAddr: "127.0.0.1:0", maxPeers: 50, ...search };
  const node = new Node({ name: "glim-full", dataDir, logger: log, p2p });
  node.register((context) => {
    const ethereum = new Ethereum(context, {
      ...{ genesis: spec, sealer, period, syncMode },
      prepare: async (chain) => void (await chain.insertBlocks(blocks)),
    });
    const offered = ethereum.protocols.filter((one) => versions?.some((v) => v === one.version) ?? true);
    return Object.assign(ethereum, { protocols: offered });
  });
  await node.start();
  const { server } = node;
  if (server === undefined) throw new Error("the node has no p2p server");
  for (const peer of peers) server.addPeer(peer);
  const ethereum = node.service(Ethereum);
  return {
    ...{ node, ethereum, enode: server.self.enode, rpc: node.attach() },
    addPeer: (enode) => server.addPeer(enode),
    async atBlock(number, timeoutMs) {
      await until(`block ${number} on our node`, () => ethereum.chain.head.number >= number, timeoutMs);
    },
    async [Symbol.asyncDispose]() {
      await node.stop();
    },
  };
}
