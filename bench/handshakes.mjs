// RLPx handshakes per second. First the arithmetic alone, in this process and on one core: who dials and who answers, each timed
// by itself. Then what a handshake costs the process of a whole node that answers, `glim dev` against geth: a connection, auth,
// ack, and away. glim begins 50 a second at most (RX-14), so processor per handshake is compared and not the rate: geth as fast as it
// goes, when its caches are warm, and both at the pace that glim allows.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { cpus, homedir, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, flags, median, root } from "./kit.mjs";

const options = flags("node bench/handshakes.mjs: RLPx handshakes per second", {
  geth: "1.17.5",
  rounds: 5,
  handshakes: 300, // of the arithmetic, each round
  seconds: 4, // of the nodes, each round
  pace: 45, // handshakes a second that both get
});
const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { HandshakeMachine } = await at("p2p/rlpx/index.js");
const { generateKey, publicKeyOf, systemEntropy: entropy } = await at("crypto/index.js");
const { fromHex } = await at("util/index.js");

const micros = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Processor of one handshake, us: [who dials, who answers]. */
function arithmetic() {
  const spent = [0, 0];
  const timed = (who, work) => {
    const from = micros();
    const result = work();
    spent[who] += micros() - from;
    return result;
  };
  for (let i = 0; i < options.handshakes; i++) {
    const [mine, theirs] = [generateKey(), generateKey()];
    const remotePublicKey = publicKeyOf(theirs);
    const dialler = timed(0, () => new HandshakeMachine({ key: mine, entropy, remotePublicKey }));
    const auth = timed(0, () => dialler.start());
    const answerer = timed(1, () => new HandshakeMachine({ key: theirs, entropy }));
    const { send: reply } = timed(1, () => answerer.push(auth));
    if (timed(0, () => dialler.push(reply)) === undefined) throw new Error("no handshake");
  }
  return spent.map((all) => all / options.handshakes);
}

function start(command, args, pattern) {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  return new Promise((resolve, reject) => {
    const look = (chunk) => {
      out += chunk;
      const found = pattern.exec(out);
      if (found) resolve({ child, key: found[1], port: Number(found[2]) });
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("exit", () => reject(new Error(`it ended:\n${out}`)));
  });
}

/** One handshake with a node; true if its ack opened. */
function shake(port, remotePublicKey) {
  return new Promise((resolve) => {
    const machine = new HandshakeMachine({ key: generateKey(), entropy, remotePublicKey });
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const end = (isDone) => {
      socket.destroy();
      resolve(isDone);
    };
    socket.on("connect", () => socket.write(machine.start()));
    socket.on("error", () => end(false)).on("close", () => end(false));
    socket.on("data", (chunk) => {
      if (machine.push(chunk) !== undefined) end(true);
    });
  });
}

/** Processor of a handshake, us, when they come at the pace. */
async function paced({ child, key, port }) {
  const remotePublicKey = fromHex(`0x${key}`);
  const cpu = cpuSeconds(child.pid);
  const from = performance.now();
  const all = [];
  for (let now = 0; now < options.seconds * 1000; now = performance.now() - from) {
    while (all.length < (now * options.pace) / 1000) all.push(shake(port, remotePublicKey));
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  const done = (await Promise.all(all)).filter(Boolean).length;
  return (1e6 * (cpuSeconds(child.pid) - cpu)) / done;
}

async function node({ child, key, port }) {
  const remotePublicKey = fromHex(`0x${key}`);
  const cpu = cpuSeconds(child.pid);
  const from = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (performance.now() - from < options.seconds * 1000)
        if (await shake(port, remotePublicKey)) done++;
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  return { rate: done / seconds, micros: (1e6 * (cpuSeconds(child.pid) - cpu)) / done };
}

console.log(`load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores, node ${process.version}`);
arithmetic();
const alone = Array.from({ length: options.rounds }, arithmetic);
for (const [who, name] of ["dials", "answers"].entries()) {
  const cost = median(alone.map((it) => it[who]));
  console.log(
    `glim, who ${name.padEnd(8)} ${(1e6 / cost).toFixed(0)} a second and core (${cost.toFixed(0)} us of processor)`,
  );
}
const folder = mkdtempSync(join(tmpdir(), "glim-handshakes-"));
const enode = /enode:\/\/([0-9a-f]{128})@[^:\s]+:(\d+)/;
const nodes = [];
try {
  const geth = join(homedir(), ".cache/glim", `geth-${options.geth}`, "geth");
  const gethFlags = [
    "--networkid",
    "1337",
    "--datadir",
    folder,
    "--ipcdisable",
    "--nodiscover",
    "--authrpc.port",
    "0",
  ];
  nodes.push([`geth ${options.geth}`, await start(geth, [...gethFlags, "--port", "30999"], enode)]);
  const glimFlags = [
    "dist/cli/main.js",
    "dev",
    "--dev.period",
    "3600",
    "--no-http",
    "--ipcdisable",
    "--port",
    "0",
  ];
  nodes.push(["glim", await start(process.execPath, glimFlags, enode)]);
  for (const [, one] of nodes) await node(one);
  const results = nodes.map(() => []);
  for (let round = 0; round < options.rounds; round++)
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) results[i].push(await node(nodes[i][1]));
  for (const [i, [name]] of nodes.entries()) {
    const of = (key) => median(results[i].map((it) => it[key])).toFixed(0);
    console.log(`${name.padEnd(12)} answered ${of("rate")} a second, ${of("micros")} us of processor each`);
  }
  const atPace = nodes.map(() => []);
  for (let round = 0; round < options.rounds; round++)
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) atPace[i].push(await paced(nodes[i][1]));
  const [geths, ours] = atPace.map((list) => median(list));
  const times = median(atPace[1].map((it, i) => it / atPace[0][i])).toFixed(2);
  console.log(
    `at ${options.pace} a second: geth ${geths.toFixed(0)}, glim ${ours.toFixed(0)} us of processor each: ${times} x geth's`,
  );
  const ratio = median(results[1].map((it, i) => results[0][i].micros / it.micros));
  console.log(`for the same processor glim answers ${ratio.toFixed(2)} x as many`);
} finally {
  for (const [, { child }] of nodes) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
