// A whole full node for tests above it: Node, Ethereum, a clique chain in memory, RPC in process, over HTTP and WebSocket.
// Blocks come when the test says so (`mine`), with times of the chain's own, so that nothing here waits for a clock.
import { threadId } from "node:worker_threads";
import { keySigner } from "#consensus/clique";
import type { BuiltBlock } from "#core";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { Ethereum } from "#eth";
import { type Config, Node } from "#node";
import { devGenesis, type Genesis, type GenesisAccount } from "#params";
import type { RpcClient } from "#rpc";
import { fromHex, toHex } from "#util";
import { namedKey } from "./clique.ts";
import { probeCode } from "./contract.ts";

/** Where the contract of contract.ts lies in the genesis. */
export const probeAddress = "0xc0de0000000000000000000000000000000000aa";

export interface FullBackend extends AsyncDisposable {
  readonly node: Node;
  readonly ethereum: Ethereum;
  readonly genesis: Genesis;
  readonly client: RpcClient;
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** The socket's path. */
  readonly ipcPath: string;
  /** Seals a block of what waits in the pool, and inserts it. */
  mine(): Promise<BuiltBlock>;
  /** Seals a branch of empty blocks on top of an older block, long enough to become the chain. */
  reorg(from: number): Promise<void>;
}

/** Funded accounts: 2^80 wei each. */
export const users: readonly {
  readonly key: PrivateKey;
  readonly hexKey: `0x${string}`;
  readonly address: `0x${string}`;
}[] = ["alice", "bob", "carol"].map((name) => {
  const key = namedKey(name);
  return { key, hexKey: toHex(key), address: toHex(addressOf(publicKeyOf(key))) };
});

/** The genesis: signer, users, and the contract with a few slots. */
export function probeGenesis(signerAddress: Uint8Array): Genesis {
  const slot = (n: number) => new Uint8Array(32).fill(n, 31);
  const contract: GenesisAccount = {
    address: fromHex(probeAddress),
    balance: 5n,
    nonce: 1n,
    code: probeCode,
    storage: [
      [slot(0), new Uint8Array([42])],
      [slot(1), new Uint8Array([0xab])],
    ],
  };
  const balances = Object.fromEntries(users.map(({ address }) => [address, 1n << 80n]));
  return devGenesis(balances, {
    signers: [signerAddress],
    period: 0,
    timestamp: 1_600_000_000,
    accounts: [contract],
  });
}

let sockets = 0;
/** A bare name that no other test has: the socket lies in the system's temporary folder. */
export const ipcName = (kind: string): string => `glim-${kind}-${process.pid}-${threadId}-${sockets++}.ipc`;

/** Starts it; `more` may register what stands on it. */
export async function fullBackend(
  config: Config = {},
  more: (node: Node) => void = () => {},
): Promise<FullBackend> {
  const signer = keySigner(namedKey("signer"));
  const genesis = probeGenesis(signer.address);
  const node = new Node({
    name: "full-backend",
    useLightweightKdf: true,
    p2p: { maxPeers: 0, noDiscovery: true },
    http: { host: "127.0.0.1", port: 0 },
    ws: { host: "127.0.0.1" },
    ipcPath: ipcName("full"),
    ...config,
  });
  node.register((context) => new Ethereum(context, { genesis }));
  more(node);
  await node.start();
  const ethereum = node.service(Ethereum);
  const { chain } = ethereum;
  const mine = async (): Promise<BuiltBlock> => {
    const { head } = chain;
    const waiting = ethereum.pendingTransactions();
    const built = await chain.produceBlock(waiting, { signer, time: head.time + 1 });
    ethereum.protocolManager.broadcastMined(built.block); // as its own sealer would
    return built;
  };
  return {
    ...{ node, ethereum, genesis, mine },
    client: node.attach(),
    httpUrl: `http://${node.httpEndpoint}`,
    wsUrl: `ws://${node.wsEndpoint}`,
    ipcPath: node.ipcEndpoint,
    reorg: async (from) => {
      const until = chain.head.number + 1;
      let parent = chain.headerByNumber(from);
      while (parent !== undefined && parent.number < until) {
        // another time than the first branch had, so that the blocks differ
        const { block } = await chain.buildBlock(parent, [], { signer, time: parent.time + 2 });
        await chain.insertBlocks([block]);
        parent = block.header;
      }
    },
    [Symbol.asyncDispose]: () => node.stop(),
  };
}
