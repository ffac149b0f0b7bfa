// eth_getLogs over a long range, in process, with the bloom index and without it: a chain of empty blocks in memory, in which
// one block of a hundred has a log of a rare contract.
import { loadavg } from "node:os";

const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const [{ flags, median }, { Node }, { Ethereum }, { devEngine }, params, types, { toHex }] =
  await Promise.all([
    import("./kit.mjs"),
    ...["node", "eth", "consensus", "params", "core/types", "util"].map(room),
  ]);
const options = flags("node bench/get-logs.mjs: logs of a long range of blocks", {
  blocks: 21_000,
  rounds: 5,
});
const contract = new Uint8Array(20).fill(0xaa);
// LOG1 with the topic 7
const code = Uint8Array.of(0x60, 7, 0x60, 0, 0x60, 0, 0xa1);
const genesis = params.devGenesis(
  { [toHex(params.DEV_ADDRESS)]: 1n << 120n },
  { accounts: [{ address: contract, balance: 0n, nonce: 1n, code, storage: [] }] },
);

const node = new Node({
  name: "bench",
  dataDir: "",
  http: { host: "" },
  ws: { host: "" },
  p2p: { maxPeers: 0 },
});
let nonce = 0n;
const call = () =>
  types.signTransaction(
    {
      ...{ type: 2, chainId: genesis.config.chainId, nonce: nonce++, gas: 60_000n, to: contract, value: 0n },
      ...{ maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n, accessList: [], input: new Uint8Array(0) },
    },
    params.DEV_KEY,
  );
const prepare = async (chain) => {
  while (chain.head.number < options.blocks) {
    const txs = chain.head.number % 100 === 50 ? [call()] : [];
    await chain.produceBlock(txs, { time: chain.head.time + 1 });
  }
};
node.register((context) => new Ethereum(context, { genesis, engine: devEngine, gcMode: "full", prepare }));
const begun = performance.now();
await node.start();
console.log(`${options.blocks} blocks in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
const ethereum = node.service(Ethereum);
const rpc = node.attach();
const hex = (number) => `0x${number.toString(16)}`;

/** Milliseconds for the whole chain, in the ranges that are allowed. */
async function search(step) {
  const start = performance.now();
  let logs = 0;
  for (let from = 0; from <= options.blocks; from += step) {
    const to = Math.min(options.blocks, from + step - 1);
    const query = { address: toHex(contract), fromBlock: hex(from), toBlock: hex(to) };
    logs += (await rpc.request({ method: "eth_getLogs", params: [query] })).length;
  }
  return { logs, ms: performance.now() - start };
}

const rows = { indexed: [], plain: [] };
const { matchBlooms } = ethereum;
for (let round = 0; round < options.rounds; round++) {
  ethereum.matchBlooms = matchBlooms;
  rows.indexed.push(await search(options.blocks + 1));
  ethereum.matchBlooms = undefined;
  rows.plain.push(await search(10_000));
}
for (const [name, results] of Object.entries(rows))
  console.log(
    `${name.padEnd(8)} ${results[0].logs} logs of ${options.blocks} blocks in ${median(results.map(({ ms }) => ms)).toFixed(1)} ms  ` +
      `load ${loadavg()[0].toFixed(1)}`,
  );
await node.stop();
process.exit(0);
