import { genesisBlock } from "#core/state";
import {
  type Genesis,
  mainnetBootnodes,
  mainnetGenesisHash,
  sepoliaBootnodes,
  sepoliaGenesisHash,
} from "#params";
import { equalBytes } from "#util";

const networks = [
  { chainId: 1n, genesisHash: mainnetGenesisHash, bootnodes: mainnetBootnodes },
  { chainId: 11_155_111n, genesisHash: sepoliaGenesisHash, bootnodes: sepoliaBootnodes },
];

/** Boot nodes of the network a genesis begins; none for one we do not know. A private network of the same chain id asks nobody. */
export function knownBootnodes(genesis: Genesis): readonly string[] {
  const network = networks.find(({ chainId }) => chainId === genesis.config.chainId);
  if (network === undefined) return [];
  return equalBytes(genesisBlock(genesis).header.hash, network.genesisHash) ? network.bootnodes : [];
}
