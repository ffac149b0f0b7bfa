// How long a block and a transaction take to the other side, in each direction: glim and geth on one clique net, a block a second.
//   node bench/gossip.mjs [--geth 1.9.25] [--blocks 20] [--transactions 50]
import { loadavg } from "node:os";
import { checkLoad, cliqueGenesis, flags, median, minerKey, startGeth, until } from "./kit.mjs";

const options = flags(
  "node bench/gossip.mjs: milliseconds until a block or a transaction is on the other side",
  {
    geth: "1.9.25",
    blocks: 20,
    transactions: 50,
    busy: "no",
  },
);
checkLoad(options.busy);

const at = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const { startFullNode } = await import(new URL("dist/test/kit/full-node.js", import.meta.url).href);
const { keySigner } = await at("consensus/clique");
const { addressOf, generateKey, publicKeyOf } = await at("crypto");
const { signTransaction, encodeTransaction } = await at("core/types");
const { parseGenesis } = await at("params");
const { fromHex, toHex } = await at("util");

/** How often the other side is asked: what is measured is no finer than this. */
const EVERY_MS = 4;
const key = fromHex(`0x${minerKey}`);
const user = generateKey();
const bare = (of) => toHex(addressOf(publicKeyOf(of))).slice(2);
const rich = { balance: "0x100000000000000000000000" };
const genesis = cliqueGenesis(bare(key), { [bare(key)]: rich, [bare(user)]: rich });
const spec = parseGenesis(genesis);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** When `look` first gave something, by this machine's clock. */
async function firstSeen(look) {
  for (;;) {
    if (await look()) return performance.now();
    await pause(EVERY_MS);
  }
}

let nonce = 0n;
const transfer = () =>
  signTransaction(
    {
      ...{ type: 0, chainId: 1337n, nonce: nonce++, gasPrice: 2_000_000_000n, gas: 21_000n },
      ...{ to: new Uint8Array(20).fill(0xaa), value: 1n, input: new Uint8Array() },
    },
    user,
  );

/** Blocks and transactions both ways between a node of ours and a geth, of which one seals. */
async function measure(sealer) {
  const isOurs = sealer === "glim";
  const ours = await startFullNode({ spec, ...(isOurs ? { sealer: keySigner(key), period: 1 } : {}) });
  const role = isOurs ? "full" : "miner";
  const geth = await startGeth({ version: options.geth, role, genesis, peers: [ours.enode] });
  try {
    await until("both at block 3", async () => {
      const theirs = Number(await geth.rpc("eth_blockNumber"));
      return Math.min(theirs, ours.ethereum.chain.head.number) >= 3;
    });
    const blocks = await blockTimes(ours, geth, isOurs);
    const toGeth = await timesOf(options.transactions, (tx) => sendToGeth(ours, geth, tx));
    const toOurs = await timesOf(options.transactions, (tx) => sendToOurs(ours, geth, tx));
    return { blocks, toGeth, toOurs };
  } finally {
    await geth[Symbol.asyncDispose]();
    await ours[Symbol.asyncDispose]();
  }
}

async function blockTimes(ours, geth, isOurs) {
  const times = [];
  const { chain } = ours.ethereum;
  const first = chain.head.number + 1;
  for (let number = first; number < first + options.blocks; number++) {
    const here = firstSeen(() => chain.head.number >= number);
    const there = firstSeen(async () => Number(await geth.rpc("eth_blockNumber")) >= number);
    const [mine, theirs] = await Promise.all([here, there]);
    times.push(Math.max(0, isOurs ? theirs - mine : mine - theirs));
  }
  return times;
}

async function timesOf(count, send) {
  const times = [];
  for (let i = 0; i < count; i++) times.push(await send(transfer()));
  return times;
}

async function sendToGeth(ours, geth, tx) {
  const { txPool, chain } = ours.ethereum;
  await geth.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
  const from = performance.now();
  return (await firstSeen(() => txPool.has(tx.hash) || chain.transaction(tx.hash) !== undefined)) - from;
}

async function sendToOurs(ours, geth, tx) {
  await ours.rpc.request({ method: "eth_sendRawTransaction", params: [toHex(encodeTransaction(tx))] });
  const from = performance.now();
  const seen = firstSeen(async () => (await geth.rpc("eth_getTransactionByHash", [toHex(tx.hash)])) !== null);
  return (await seen) - from;
}

const show = (what, times) => {
  const worst = Math.max(...times).toFixed(0);
  console.log(
    `${what.padEnd(44)} median ${median(times).toFixed(0)} ms, worst ${worst} ms (${times.length})`,
  );
};
for (const sealer of ["glim", "geth"]) {
  nonce = 0n;
  const { blocks, toGeth, toOurs } = await measure(sealer);
  const [from, to] = sealer === "glim" ? ["glim", "geth"] : ["geth", "glim"];
  show(`block sealed by ${from} ${options.geth}, seen by ${to}`, blocks);
  show(`${sealer} seals: transaction sent to geth, in glim`, toGeth);
  show(`${sealer} seals: transaction sent to glim, in geth`, toOurs);
}
console.log(`load ${loadavg()[0].toFixed(1)}`);
process.exit(0);
