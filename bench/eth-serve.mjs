// Headers, bodies and receipts a full node serves per second over the eth protocol, ours and geth's, to one bare client that asks for as much as
// old peers do (192, 128, 256 items a message). Server on core 0, client on core 1; every answer is counted, its hashes are not checked.
//   node bench/eth-serve.mjs [--servers glim,geth:1.9.25,geth:1.11.6] [--seconds 4] [--flight 4]
import { spawn } from "node:child_process";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { checkLoad, cpuSeconds, flags, median, pinMyself, pinned, startGeth } from "./kit.mjs";

const options = flags("node bench/eth-serve.mjs: headers, bodies and receipts served per second", {
  servers: "glim,geth:1.9.25,geth:1.11.6",
  blocks: 2000,
  transactions: 10,
  seconds: 4,
  flight: 4,
  rounds: 1,
  serve: "",
  busy: "no",
});
const kit = (name) => import(new URL(`dist/test/kit/${name}.js`, import.meta.url).href);
const { sealedChain } = await kit("chains");
const { blocks, transactions } = options;
const served = await sealedChain({ blocks, transactions, accounts: 2000, forks: "istanbul" });

if (options.serve !== "") await serve();
else await measureAll();

/** The child: a full node of the chain; prints its enode. */
async function serve() {
  const { startFullNode } = await kit("full-node");
  const node = await startFullNode({ spec: served.spec, blocks: await served.blocks() });
  console.log(`serving ${node.enode}`);
  process.on("SIGTERM", () => process.exit(0));
}

function startGlim() {
  const [command, args] = pinned(0, process.execPath, [
    ...[fileURLToPath(import.meta.url), "--serve", "yes"],
    ...["--blocks", String(blocks), "--transactions", String(transactions)],
  ]);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the server ended")));
    child.stdout.on("data", (text) => {
      const enode = /serving (\S+)/.exec(text)?.[1];
      if (enode !== undefined) resolve({ enode, pid: child.pid, stop: async () => void child.kill() });
    });
  });
}

async function startServer(name) {
  if (name === "glim") return await startGlim();
  const version = name.split(":")[1];
  const geth = await startGeth({
    version,
    role: "full",
    genesis: served.genesis,
    importFile: served.file,
    cpu: 0,
  });
  return { enode: geth.enode, pid: geth.pid, stop: () => geth[Symbol.asyncDispose]() };
}

/** Items a second of one kind, with `flight` messages under way, and the server's processor time for each. */
async function rate(peer, pid, ask) {
  const until = performance.now() + options.seconds * 1000;
  const from = { at: performance.now(), cpu: cpuSeconds(pid) };
  let items = 0;
  let at = 0;
  const worker = async () => {
    while (performance.now() < until) items += (await ask(peer, at++)).length;
  };
  await Promise.all(Array.from({ length: options.flight }, worker));
  const seconds = (performance.now() - from.at) / 1000;
  return { perSecond: items / seconds, cpuUs: ((cpuSeconds(pid) - from.cpu) * 1e6) / Math.max(1, items) };
}

async function measure(name) {
  const { startEthEnd, chainInMemory } = await kit("eth-peer");
  const server = await startServer(name);
  const end = await startEthEnd({ chain: chainInMemory(served.spec), versions: [66, 65] });
  try {
    end.server.addPeer(server.enode);
    const peer = await end.connected();
    const hashes = (await served.blocks()).map(({ header }) => header.hash);
    const some = (at, count) =>
      hashes.slice((at * count) % (hashes.length - count), ((at * count) % (hashes.length - count)) + count);
    return {
      headers: await rate(peer, server.pid, (p, at) =>
        p.requestHeaders({ origin: 1 + ((at * 192) % 1700), amount: 192 }),
      ),
      bodies: await rate(peer, server.pid, (p, at) => p.requestBodies(some(at, 128))),
      receipts: await rate(peer, server.pid, (p, at) => p.requestReceipts(some(at, 256))),
    };
  } finally {
    await end[Symbol.asyncDispose]();
    await server.stop();
  }
}

async function measureAll() {
  checkLoad(options.busy);
  pinMyself(1);
  const names = options.servers.split(",");
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++)
    for (const name of names) results[name].push(await measure(name));
  for (const name of names) {
    const of = (kind, field) => median(results[name].map((one) => one[kind][field]));
    const column = (kind) =>
      `${kind} ${of(kind, "perSecond").toFixed(0)}/s (${of(kind, "cpuUs").toFixed(1)} µs)`;
    console.log(
      `${name.padEnd(12)} ${["headers", "bodies", "receipts"].map(column).join("  ")}  load ${loadavg()[0].toFixed(1)}`,
    );
  }
  process.exit(0);
}
