// A light node, and viem on top of it. Run it beside examples/les-server.ts: it takes that server's enode URL.
import { createPublicClient, custom, defineChain, formatEther } from "viem";
import { devGenesis, LightEthereum, Node } from "glim";

const account = "0x71562b71999873db5b286df957af199ec94617f7";
const genesis = devGenesis({ [account]: 10n ** 24n });
const chain = defineChain({
  id: Number(genesis.config.chainId),
  name: "dev",
  rpcUrls: { default: { http: [] } },
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
});

await using node = new Node({
  name: "light",
  dataDir: process.env["LIGHT_DATA"] ?? "./light-data",
  p2p: { maxPeers: 25, staticNodes: process.argv.slice(2) }, // a LES server's enode
});
node.register((context) => new LightEthereum(context, { genesis }));
await node.start();

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());
const light = node.service(LightEthereum);
await light.synced({ signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(60_000)]) });

// RpcClient is an EIP-1193 provider: nothing leaves the process, every answer is proven against `light.head`.
const client = createPublicClient({ chain, transport: custom(node.attach()) });
const balance = await client.getBalance({ address: account });
console.log(`${formatEther(balance)} ether at block ${light.head.number}`);

const unwatch = client.watchBlockNumber({ onBlockNumber: (number) => console.log(`head ${number}`) });
if (!stopping.signal.aborted)
  await new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
unwatch();
