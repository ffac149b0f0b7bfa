// Attacks on a real full node and a real light node, each beside honest work: reads over RPC, and proofs that the light node
// has from the full one. What attacks-and-faults.md calls A1, A3, A4 and A5: alive, served, the loop free, memory back.
// Attackers run at low priority on core 1; nodes and the honest client where the system puts them.
import { fork, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { cpus, loadavg, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { peer: peerAttacks, rpc: rpcAttacks } = JSON.parse(readFileSync(here("./attack-names.json"), "utf8"));
const defaults = {
  seconds: "8",
  victims: "full,light",
  attacks: [...peerAttacks, ...rpcAttacks].join(","),
  json: "no",
  main: here("../dist/cli/main.js"),
};
const { values } = parseArgs({
  options: {
    ...Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }])),
    help: { type: "boolean" },
  },
});
const options = { ...defaults, ...values };
if (options.help) {
  console.log("node bench/attacks.mjs: a full and a light node under attack, beside honest work");
  for (const [name, value] of Object.entries(defaults)) console.log(`  --${name.padEnd(10)} ${value}`);
  process.exit(0);
}
const say = (line) => (options.json === "yes" ? console.error(line) : console.log(line));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const MIB = 1 << 20;
const RATE_MS = 20;

const pin = (cpu, pid) => {
  if (process.platform === "linux" && cpus().length > 1)
    spawnSync("taskset", ["-a", "-c", "-p", String(cpu), String(pid)]);
};

/** A node of ours as a user starts it, with the probe in it. */
async function start(args) {
  const child = spawn(
    process.execPath,
    ["--expose-gc", "--import", here("./attack-probe.mjs"), options.main, ...args],
    { stdio: ["ignore", "pipe", "pipe", "ipc"] },
  );
  let out = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (out += chunk));
  let exit;
  child.on("exit", (code, signal) => (exit = code ?? signal));
  for (let i = 0; !/http:\/\/127\.0\.0\.1:\d+/.test(out); i++) {
    if (exit !== undefined || i > 600) throw new Error(`the node does not start:\n${out}`);
    await sleep(100);
  }
  const node = {
    url: out.match(/http:\/\/127\.0\.0\.1:\d+/)[0],
    exit: () => exit,
    /** Sends an order to the probe, which answers with its figures. */
    probe: (order) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the probe is silent")), 60_000);
        child.once("message", (figures) => {
          clearTimeout(timer);
          resolve(figures);
        });
        child.send(order);
      }),
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (exit !== undefined) return;
      child.kill("SIGKILL");
      await gone;
    },
  };
  const { enode } = await ask(node.url, "admin_nodeInfo");
  return { ...node, enode: enode.replace(/\?.*/, "") };
}

function ask(url, method, ...params) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const asking = request(url, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json" },
    });
    asking.setTimeout(10_000, () => asking.destroy(new Error("no answer within 10 s")));
    asking.on("error", reject);
    asking.on("response", (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => {
        try {
          const reply = JSON.parse(text);
          if (reply.error === undefined) resolve(reply.result);
          else reject(new Error(reply.error.message));
        } catch (error) {
          reject(error);
        }
      });
    });
    asking.end(body);
  });
}

let account = 0;
/** Asks every 20 ms, on a connection of its own each time, for an account never asked for before. */
async function honest(url, seconds) {
  const times = [];
  const failures = [];
  const running = [];
  const from = performance.now();
  for (let i = 0; performance.now() - from < seconds * 1000; i++) {
    const address = `0x${(++account).toString(16).padStart(40, "0")}`;
    const began = performance.now();
    running.push(
      ask(url, "eth_getBalance", address, "latest").then(
        () => times.push(performance.now() - began),
        (error) => failures.push(error.message),
      ),
    );
    await sleep(Math.max(0, from + (i + 1) * RATE_MS - performance.now()));
  }
  await Promise.all(running);
  times.sort((a, b) => a - b);
  const part = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return {
    count: times.length,
    p50: part(0.5),
    p99: part(0.99),
    max: part(1),
    failed: failures.length,
    why: failures[0],
  };
}

/** Before the collection after an attack, and before what it left is read. */
const REST_MS = 750;

/** Honest work for a while, with or without an attacker beside it. */
async function run(name, victim, nodes) {
  const node = nodes[victim];
  await node.probe("collect");
  const { rss: before } = await node.probe("reset");
  const told = new Map();
  // FL-01: "all" is every one of them at once
  const names = name === "all" ? [...peerAttacks, ...rpcAttacks] : name === undefined ? [] : [name];
  const attackers = names.map((one) => {
    const attacker = fork(here("./attack-programs.mjs"), [
      one,
      JSON.stringify({ url: node.url, enode: node.enode }),
    ]);
    attacker.on("message", (message) => told.set(one, message));
    return attacker;
  });
  if (attackers.length > 0) {
    // they load, at the priority of any program; those that attack have none
    for (let i = 0; told.size < attackers.length && i < 3_000; i++) await sleep(20);
    for (const { pid } of attackers) {
      pin(1, pid);
      setPriority(pid, 10);
    }
    await node.probe("reset");
  }
  // a full node's honest peer is the light node, whose every answer is a proof of the full node's
  const [reads, proofs] = await Promise.all([
    honest(node.url, options.seconds),
    honest(nodes.light.url, options.seconds),
  ]);
  const during = await node.probe("");
  for (const attacker of attackers) attacker.kill("SIGKILL");
  // The node sees its connections end and its calls with them; one collection; V8 gives its pages back from another thread.
  await sleep(REST_MS);
  await node.probe("collect");
  await sleep(REST_MS);
  let after = await node.probe("");
  const memory = { before, peak: during.peakRss, after: after.rss };
  for (let i = 0; i < 30 && after.rss > before + 16 * MIB; i++) {
    await sleep(1_000);
    after = await node.probe("collect");
  }
  memory.settled = after.rss;
  const { p99, max, rejections, exceptions } = during;
  const sum = (key) => [...told.values()].reduce((all, it) => all + it[key], 0);
  return {
    attack: name ?? "none",
    victim,
    told: { did: sum("did"), refused: sum("refused") },
    reads,
    proofs,
    loop: { p99, max },
    memory,
    rejections,
    exceptions,
    exit: node.exit() ?? null,
  };
}

const ms = (value) => value.toFixed(value < 10 ? 1 : 0).padStart(5);
const mib = (bytes) => (bytes / MIB).toFixed(0).padStart(4);

function print(result, base) {
  const { attack, victim, told, reads, proofs, loop, memory } = result;
  const ratio = (value, of) => `(×${(value / Math.max(1, of)).toFixed(1)})`.padStart(8);
  say(
    `${victim.padEnd(6)}${attack.padEnd(12)}${String(told.did).padStart(7)} done ${String(told.refused).padStart(6)} refused  ` +
      `reads p99 ${ms(reads.p99)} ${ratio(reads.p99, base.reads.p99)} failed ${reads.failed}  proofs p99 ${ms(proofs.p99)} failed ${proofs.failed}  ` +
      `loop p99 ${ms(loop.p99)} ${ratio(loop.p99, base.loop.p99)} max ${ms(loop.max)}  ` +
      `MiB ${mib(memory.before)} peak ${mib(memory.peak)} after ${mib(memory.after)} settled ${mib(memory.settled)}` +
      `${reads.why === undefined ? "" : `  ${reads.why}`}`,
  );
}

say(`load ${loadavg()[0].toFixed(2)} on ${cpus().length} cores, node ${process.version}`);
const folder = mkdtempSync(join(tmpdir(), "glim-attacks-"));
const nodes = {};
const results = [];
try {
  const common = [
    "--http.port",
    "0",
    "--port",
    "0",
    "--ipcdisable",
    "--nodiscover",
    "--verbosity",
    "1",
    "--http.api",
    "eth,net,web3,admin",
  ];
  const genesis = join(folder, "genesis.json");
  nodes.full = await start(["dev", ...common, "--genesis.out", genesis]);
  nodes.light = await start(["light", ...common, "--genesis", genesis, "--peer", nodes.full.enode]);
  for (let i = 0; (await ask(nodes.light.url, "net_peerCount")) === "0x0"; i++) {
    if (i > 100) throw new Error("the light node finds no server");
    await sleep(100);
  }
  for (const victim of options.victims.split(",")) {
    // what the first call loads for good (the EVM, about 12 MiB) is no growth under attack
    await ask(nodes[victim].url, "eth_call", { to: `0x${"77".repeat(20)}` }, "latest");
    await run(undefined, victim, nodes); // warm
    const base = await run(undefined, victim, nodes);
    results.push(base);
    print(base, base);
    for (const name of options.attacks.split(",")) {
      const result = await run(name, victim, nodes);
      results.push(result);
      print(result, base);
      if (result.exit !== null) throw new Error(`the node ended: ${result.exit}`);
    }
  }
} finally {
  for (const node of Object.values(nodes)) await node.stop();
  rmSync(folder, { recursive: true });
}
if (options.json === "yes") console.log(JSON.stringify(results));
