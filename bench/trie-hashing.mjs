// The tries of a large block in place, a slice at a time, and by the thread for them: the main loop's processor time, wall clock, the delay of
// the event loop beside it, and bytes hashed a second. One block of --accounts and --slots on a state of --state each, in memory.
import { deepStrictEqual } from "node:assert";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";

const numbers = { accounts: 5000, slots: 5000, state: 100_000, rounds: 7 };
const { values } = parseArgs({
  options: Object.fromEntries(Object.keys(numbers).map((name) => [name, { type: "string" }])),
});
const options = Object.fromEntries(
  Object.entries(numbers).map(([name, n]) => [name, Number(values[name] ?? n)]),
);
const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const { applyDiff, applyDiffPaced, TriesThread } = await room("core/state");
const { emptyCodeHash, emptyTxRoot } = await room("core/types");
const { ByteMap } = await room("util");
const { turnsOf } = await room("host");
const { nodeHost } = await room("host/node");
const { keccak256 } = await room("crypto");
const { clock, threads } = nodeHost();

const bytesOf = (n, length) => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
};
const row = (n, balance, storageRoot, storage) => ({
  address: bytesOf(n, 20),
  account: { nonce: 1n, balance, codeHash: emptyCodeHash },
  ...{ storageRoot, storageCleared: false, storage },
});
const slotsOf = (count, step, value) =>
  Array.from({ length: count }, (_, i) => [bytesOf(i * step, 32), Uint8Array.of(1 + (i % 200), value)]);

const nodes = new ByteMap();
const accounts = Array.from({ length: options.state }, (_, n) =>
  row(n, 10n ** 18n + BigInt(n), undefined, n === 0 ? slotsOf(options.state, 1, 1) : []),
);
const before = applyDiff(nodes, emptyTxRoot, { accounts });
for (const [hash, node] of before.nodes) nodes.set(hash, node);
const contract = before.changes[0].account.storageRoot;

function block(round) {
  const step = Math.floor(options.state / Math.max(options.accounts, options.slots));
  return {
    accounts: Array.from({ length: options.accounts }, (_, i) =>
      i === 0
        ? row(0, 1n, contract, slotsOf(options.slots, step, round + 2))
        : row(i * step, BigInt(round), undefined, []),
    ),
  };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function measured(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpuUsage = (before) => process.cpuUsage(before);
  delay.enable();
  const [cpu, loop, from] = [cpuUsage(), performance.eventLoopUtilization(), performance.now()];
  const result = await work();
  const wall = performance.now() - from;
  const { user, system } = cpuUsage(cpu);
  const { active } = performance.eventLoopUtilization(loop);
  delay.disable();
  const [p99, most] = [delay.percentile(99) / 1e6, delay.max / 1e6];
  return { result, wall, active, cpu: (user + system) / 1000, p99, most };
}

const pace = () => {
  const slice = turnsOf(clock).slice();
  return () => slice.giveWay();
};
const thread = new TriesThread({ clock, threads });
const ways = {
  "in place, in one go": async (diff) => applyDiff(nodes, before.root, diff),
  "in place, in slices": (diff) => applyDiffPaced(nodes, before.root, diff, pace()),
  "by the thread": (diff) => thread.update(nodes, before.root, diff, { pace: pace() }),
};
const rows = Object.entries(ways).map(([name, work]) => ({ name, work, results: [] }));
let made;
for (let round = -2; round < options.rounds; round++)
  for (const { work, results } of round % 2 === 0 ? rows : rows.toReversed()) {
    const diff = block(round + 2);
    const { result, ...figures } = await measured(() => work(diff));
    if (round === -2) deepStrictEqual(result, applyDiff(nodes, before.root, diff));
    else if (round >= 0) results.push(figures); // the first two warm up
    made = result?.nodes ?? made;
  }
const size = made.reduce((sum, [, node]) => sum + node.length, 0);
const from = performance.now();
for (const [, node] of made) keccak256(node);
const ms = performance.now() - from;
console.log(
  `${made.length} new nodes, ${(size / 1e6).toFixed(1)} MB; hashing alone ${ms.toFixed(0)} ms, ` +
    `${(size / 1e3 / ms).toFixed(0)} MB/s, ${(made.length / ms).toFixed(0)} nodes a ms`,
);
for (const { name, results } of rows) {
  const of = (field) => median(results.map((one) => one[field])).toFixed(0);
  console.log(
    `${name.padEnd(20)} main loop ${of("active")} ms  wall ${of("wall")} ms  CPU of all threads ${of("cpu")} ms  ` +
      `loop delay p99 ${of("p99")} ms, most ${of("most")} ms`,
  );
}
await thread[Symbol.asyncDispose]();
