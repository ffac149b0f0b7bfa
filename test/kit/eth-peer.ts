// One end of the eth protocol over real sockets on loopback: a chain that is served, and peers to ask.
import { Clique } from "#consensus/clique";
import { BlockChain } from "#core";
import type { Transaction } from "#core/types";
import { generateKey } from "#crypto";
import { type EthHandlers, EthPeer, type EthVersion, ethTable } from "#eth/protocols";
import { memoryStore } from "#ethdb";
import { nodeHost } from "#host/node";
import type { Genesis } from "#params";
import { type Protocol, Server } from "#p2p";
import type { SealedChain } from "./chains.ts";
import { until } from "./until.ts";

export interface EthEnd extends AsyncDisposable {
  readonly server: Server;
  readonly enode: string;
  /** Peers after the handshake, while they are connected. */
  readonly peers: ReadonlySet<EthPeer>;
  /** The first peer there is. */
  connected(): Promise<EthPeer>;
  /** Why connections ended, newest last. */
  readonly ends: readonly unknown[];
}

const idle: EthHandlers = {
  newBlockHashes() {},
  newBlock() {},
  transactions() {},
  newPooledTransactionHashes() {},
};

/** A chain in memory, of that genesis. */
export function chainInMemory(spec: Genesis): BlockChain {
  const db = memoryStore();
  if (spec.config.clique === undefined) throw new Error("not a clique genesis");
  return new BlockChain({
    db,
    genesis: spec,
    engine: new Clique(spec.config.clique, db),
    clock: nodeHost().clock,
  });
}

/** The whole of a sealed chain in memory. */
export async function importedChain(chain: SealedChain): Promise<BlockChain> {
  const blocks = chainInMemory(chain.spec);
  await blocks.insertBlocks(await chain.blocks());
  return blocks;
}

/** Speaks eth in the given versions for a chain. */
export async function startEthEnd(options: {
  readonly chain: BlockChain;
  readonly versions: readonly EthVersion[];
  readonly handlers?: Partial<EthHandlers>;
  readonly pool?: { get(hash: Uint8Array): Transaction | undefined };
}): Promise<EthEnd> {
  const { chain, versions, handlers = {}, pool = { get: () => undefined } } = options;
  const host = nodeHost();
  const peers = new Set<EthPeer>();
  const ends: unknown[] = [];
  const protocols = versions.map((version): Protocol => {
    const { name, length, maxMessageBytes } = ethTable(version);
    return {
      ...{ name, version, length, maxMessageBytes },
      async run(peer, rw, signal) {
        const eth = new EthPeer({ peer, rw, version, clock: host.clock, backend: { chain, pool } });
        try {
          await eth.handshake(chain.config.chainId);
          peers.add(eth);
          await eth.run({ ...idle, ...handlers }, signal);
        } catch (error) {
          ends.push(error);
          throw error;
        } finally {
          peers.delete(eth);
        }
      },
      nodeInfo: () => ({ network: Number(chain.config.chainId) }),
      peerInfo: () => ({ version }),
    };
  });
  const server = new Server({
    ...{
      privateKey: generateKey(),
      name: "glim/eth-end",
      listenAddr: "127.0.0.1:0",
      maxPeers: 20,
      protocols,
    },
  });
  await server.start();
  return {
    ...{ server, enode: server.self.enode, peers, ends },
    connected: () => until("a peer after the handshake", () => [...peers][0]),
    async [Symbol.asyncDispose]() {
      await server.stop();
    },
  };
}
