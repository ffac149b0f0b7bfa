// What a node costs that does nothing: seconds from the start of its process until HTTP answers, resident memory a while later,
// and the processor it had until then. `glim node` and `glim light` against geth, fresh data directories, one at a time, rounds
// interleaved. No option forces a collection: it is what `ps` shows.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, loadavg, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, flags, freePort, median, root, rssMb } from "./kit.mjs";

const options = flags("node bench/footprint.mjs: start time and idle memory, glim against geth", {
  programs: "geth:1.11.6,geth:1.17.5,glim:node,glim:light",
  idle: 10, // seconds after the first answer
  rounds: 3,
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const genesis = {
  config: {
    chainId: 1337,
    ...{ homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0 },
    ...{ constantinopleBlock: 0, petersburgBlock: 0, istanbulBlock: 0, berlinBlock: 0, londonBlock: 0 },
    ...{
      terminalTotalDifficulty: 0,
      terminalTotalDifficultyPassed: true,
      clique: { period: 15, epoch: 30000 },
    },
  },
  extraData: `0x${"00".repeat(32)}${"11".repeat(20)}${"00".repeat(65)}`,
  difficulty: "0x1",
  gasLimit: "0x1c9c380",
  alloc: {},
};

/** A light node wants a server's name; nobody is there, so it only waits. */
const nobody = `enode://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8@127.0.0.1:9`;

/** The command of a program by its name, on a data directory made anew. */
async function commandOf(name, home) {
  const file = join(home, "genesis.json");
  writeFileSync(file, JSON.stringify(genesis));
  const data = join(home, "data");
  const [http, auth] = [await freePort(), await freePort()];
  const common = [
    "--datadir",
    data,
    "--nodiscover",
    "--port",
    "0",
    "--ipcdisable",
    "--http.port",
    String(http),
  ];
  const [kind, version] = name.split(":");
  if (kind === "glim") {
    const args = ["dist/cli/main.js", version, "--genesis", file, "--verbosity", "2", ...common];
    if (version === "light") args.push("--peer", nobody);
    return { http, command: process.execPath, args };
  }
  const command = join(homedir(), ".cache/glim", `geth-${version}`, "geth");
  const made = spawnSync(command, ["--datadir", data, "init", file], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  const args = ["--networkid", "1337", "--http", "--authrpc.port", String(auth), ...common];
  return { http, command, args };
}

async function answers(port) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json", connection: "close" };
  try {
    const reply = await fetch(`http://127.0.0.1:${port}`, { method: "POST", headers, body });
    return (await reply.json()).result === "0x539";
  } catch {
    return false;
  }
}

async function measure(name) {
  const home = mkdtempSync(join(tmpdir(), "glim-footprint-"));
  const { http, command, args } = await commandOf(name, home);
  const from = performance.now();
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-4_000)));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  try {
    while (!(await answers(http))) {
      if (child.exitCode !== null || performance.now() - from > 60_000)
        throw new Error(`${name} does not answer:\n${log}`);
      await sleep(10);
    }
    const startSeconds = (performance.now() - from) / 1000;
    const startCpu = cpuSeconds(child.pid);
    await sleep(options.idle * 1000);
    const idleCpu = (cpuSeconds(child.pid) - startCpu) / options.idle;
    return { startSeconds, startCpu, rss: rssMb(child.pid), idleCpu };
  } finally {
    child.kill("SIGTERM");
    await gone;
    rmSync(home, { recursive: true, force: true });
  }
}

console.log(`load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores, node ${process.version}`);
const names = options.programs.split(",");
const found = new Map(names.map((name) => [name, []]));
for (let round = 0; round < options.rounds; round++)
  for (const name of round % 2 === 0 ? names : names.toReversed()) found.get(name).push(await measure(name));
for (const [name, list] of found) {
  const of = (key) => median(list.map((it) => it[key]));
  console.log(
    `${name.padEnd(12)} answers after ${of("startSeconds").toFixed(2)} s (${of("startCpu").toFixed(2)} s of processor), ` +
      `${of("rss").toFixed(0)} MB resident after ${options.idle} s idle, ${(100 * of("idleCpu")).toFixed(1)} % of a core meanwhile`,
  );
}
process.exit(0);
