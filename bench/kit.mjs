// What the benches share: the interop kit (compiled on the way in), flags, a byte-counting wire, a cheap load
// generator, memory and disk figures, medians.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { WebSocket } from "ws";

export const root = fileURLToPath(new URL("../", import.meta.url));
const compiled = spawnSync("npx", ["tsc", "-p", "bench/tsconfig.json"], { cwd: root, encoding: "utf8" });
if (compiled.status !== 0)
  throw new Error(`the interop kit does not compile:\n${compiled.stdout}${compiled.stderr}`);
const kit = (name) => import(new URL(`dist/test/kit/${name}.js`, import.meta.url).href);
export const { startGeth, gethBinary, cliqueGenesis, cacheFolder, minerKey } = await kit("geth");
export const { cliqueChain, stateContract, stateSize } = await kit("shared-data");
export const { until } = await kit("until");
export const { jsonRpc } = await kit("json-rpc");

/** `--name value` flags with defaults; numbers where the default is one; `--help` prints them. */
export function flags(about, defaults) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options: { ...options, help: { type: "boolean" } } });
  if (values.help) {
    console.log(about);
    for (const [name, value] of Object.entries(defaults)) console.log(`  --${name.padEnd(16)} ${value}`);
    process.exit(0);
  }
  const typed = (name, value) => (typeof defaults[name] === "number" ? Number(value) : value);
  return Object.fromEntries(
    Object.keys(defaults).map((name) => [name, typed(name, values[name] ?? defaults[name])]),
  );
}

/** Numbers of a busy machine mean nothing: says so, and refuses unless told otherwise. */
export function checkLoad(allowed) {
  const [load] = loadavg();
  console.log(`load ${load.toFixed(2)} on ${cpus().length} cores, node ${process.version}`);
  if (load > cpus().length && allowed !== "yes") {
    console.error("the machine is busy: these would not be measurements (--busy yes to run all the same)");
    process.exit(1);
  }
}

/** Pins this process (and what it starts without saying otherwise) to one core. */
export function pinMyself(cpu) {
  if (process.platform === "linux")
    spawnSync("taskset", ["-a", "-c", "-p", String(cpu), String(process.pid)]);
}

export const pinned = (cpu, command, args) =>
  process.platform === "linux" ? ["taskset", ["-c", String(cpu), command, ...args]] : [command, args];

const toHex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;
const word = (i) => Buffer.from(i.toString(16).padStart(64, "0"), "hex");

/** Keys of the 100,000-account chain: account i is keccak(i)'s low 20 bytes and holds 1 wei; slot i holds i + 1. */
export const read = {
  balance: (i) => ({
    method: "eth_getBalance",
    params: [toHex(keccak_256(word(i)).subarray(12)), "latest"],
    expect: 1n,
  }),
  storage: (i) => ({
    method: "eth_getStorageAt",
    params: [stateContract, toHex(word(i)), "latest"],
    expect: BigInt(i + 1),
  }),
  call: (i) => ({
    method: "eth_call",
    params: [{ to: stateContract, data: toHex(word(i)) }, "latest"],
    expect: BigInt(i + 1),
  }),
};

/** The numbers 0 … n-1 in an order that a seed decides. */
export function shuffled(n, seed) {
  const order = Array.from({ length: n }, (_, i) => i);
  let state = seed >>> 0 || 1;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * Sends the reads over `connections` keep-alive HTTP connections, one read in flight on each; every answer is
 * compared with what it must be. Raw sockets: the generator shares a core with what it measures.
 */
export async function load(url, reads, connections) {
  const { hostname, port } = new URL(url);
  const times = [];
  let next = 0;
  const begin = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: Math.min(connections, reads.length) }, async () => {
      const ask = await httpConnection(hostname, Number(port));
      try {
        while (next < reads.length) {
          const id = next++;
          const { method, params, expect } = reads[id];
          const from = process.hrtime.bigint();
          const reply = JSON.parse(await ask(JSON.stringify({ jsonrpc: "2.0", id, method, params })));
          times.push(Number(process.hrtime.bigint() - from) / 1e6);
          if (reply.error !== undefined) throw new Error(`${method} ${params[0]}: ${reply.error.message}`);
          const isRight =
            typeof expect === "function" ? expect(reply.result) : BigInt(reply.result) === expect;
          if (!isRight) throw new Error(`${method} ${params}: ${reply.result}, not ${expect}`);
        }
      } finally {
        ask.close();
      }
    }),
  );
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
  return { rate: reads.length / seconds, p50: at(0.5), p99: at(0.99), seconds };
}

function httpConnection(host, port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    let pending;
    let got = Buffer.alloc(0);
    const fail = (error) => (pending === undefined ? reject(error) : pending.reject(error));
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the node closed the connection")));
    socket.on("data", (chunk) => {
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
      const end = got.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = got.toString("latin1", 0, end);
      const length = /content-length: *(\d+)/i.exec(head)?.[1];
      if (length === undefined) return fail(new Error(`a reply without content-length:\n${head}`));
      if (got.length < end + 4 + Number(length)) return;
      const body = got.toString("utf8", end + 4, end + 4 + Number(length));
      got = got.subarray(end + 4 + Number(length));
      if (head.startsWith("HTTP/1.1 200")) pending?.resolve(body);
      else fail(new Error(`${head.slice(0, 60)}: ${body.slice(0, 200)}`));
    });
    const ask = (body) =>
      new Promise((resolve_, reject_) => {
        pending = { resolve: resolve_, reject: reject_ };
        const size = Buffer.byteLength(body);
        const head = `POST / HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\n`;
        socket.write(`${head}Content-Length: ${size}\r\n\r\n${body}`);
      });
    ask.close = () => {
      pending = undefined;
      socket.removeAllListeners("close");
      socket.destroy();
    };
    socket.once("connect", () => resolve(ask));
  });
}

/** A wire to the enode that counts: `enode` to dial instead, `toServer` and `toClient` in bytes. */
export async function countedWire(enode) {
  const [, key, port] = /^enode:\/\/([0-9a-f]+)@127\.0\.0\.1:(\d+)/.exec(enode);
  const wire = { toServer: 0, toClient: 0, enode: "", close: () => undefined };
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (client) => {
    const peer = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
    for (const [from, to, count] of [
      [client, peer, (n) => (wire.toServer += n)],
      [peer, client, (n) => (wire.toClient += n)],
    ]) {
      sockets.add(from);
      from.on("data", (chunk) => {
        count(chunk.length);
        to.write(chunk);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  wire.enode = `enode://${key}@127.0.0.1:${server.address().port}`;
  wire.close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return wire;
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** geth's own light client, as a client under test. */
export const gethClient = (version) => ({
  name: `geth ${version}`,
  async start({ enode, genesis, cpu }) {
    const node = await startGeth({ version, role: "light", genesis, cpu, peers: [enode] });
    return {
      url: node.httpUrl,
      rssMb: () => rssMb(node.pid),
      cpuSeconds: () => cpuSeconds(node.pid),
      dbMb: () => folderMb(join(node.datadir, "geth", "lightchaindata")),
      log: () => node.log(),
      stop: () => node[Symbol.asyncDispose](),
    };
  },
});

/** `glim light` by its command line, as a client under test. */
const nodeFlags = (process.env.GLIM_NODE_FLAGS ?? "").split(" ").filter((flag) => flag !== ""); // e.g. --cpu-prof
export const glimClient = (command) => ({
  name: "glim",
  async start({ enode, genesis, cpu }) {
    const home = mkdtempSync(join(tmpdir(), "glim-bench-"));
    const genesisFile = join(home, "genesis.json");
    writeFileSync(genesisFile, JSON.stringify(genesis));
    const port = await freePort();
    const args = [
      "--inspect-port=127.0.0.1:0",
      ...nodeFlags,
      ...command.split(" "),
      "light",
      "--genesis",
      genesisFile,
    ];
    args.push("--peer", enode, "--datadir", join(home, "data"), "--http.port", String(port), "--port", "0");
    const [program, programArgs] =
      cpu === undefined ? [process.execPath, args] : pinned(cpu, process.execPath, args);
    const child = spawn(program, programArgs, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (d) => (log = (log + d).slice(-20_000)));
    const ended = new Promise((resolve) => child.once("close", resolve));
    const killer = () => child.kill("SIGKILL");
    process.once("exit", killer);
    return {
      url: `http://127.0.0.1:${port}`,
      rssMb: async () => {
        await collectGarbage(child.pid, () => log);
        return rssMb(child.pid);
      },
      cpuSeconds: () => cpuSeconds(child.pid),
      dbMb: () => folderMb(join(home, "data")),
      log: () => log,
      exited: () => child.exitCode !== null || child.signalCode !== null,
      stop: async () => {
        child.kill("SIGINT");
        const late = setTimeout(killer, 10_000);
        await ended;
        clearTimeout(late);
        process.off("exit", killer);
        const left = folderMb(join(home, "data")); // what it kept in memory until its end is in it
        rmSync(home, { recursive: true, force: true });
        return left;
      },
    };
  },
});

/** Opens the inspector of a running Node.js process by signal and has it collect: as a forced collection would. */
async function collectGarbage(pid, log) {
  process.kill(pid, "SIGUSR1");
  const address = await until(
    "the inspector",
    () => /Debugger listening on (ws:\S+)/.exec(log())?.[1],
    10_000,
  );
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () => socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" })));
    socket.on("message", resolve);
  });
  socket.close();
}

/** Starts the client and waits until it stands at block `head`; gives how long that took. */
export async function synced(client, options, head) {
  const from = process.hrtime.bigint();
  const node = await client.start(options);
  const rpc = jsonRpc(node.url, 1);
  try {
    await until(
      `${client.name} at block ${head}`,
      async () => {
        if (node.exited?.()) return true;
        return Number(await rpc("eth_blockNumber")) >= head;
      },
      120_000,
    );
    if (node.exited?.()) throw new Error(`${client.name} ended`);
  } catch (error) {
    console.error(node.log());
    await node.stop();
    throw error;
  } finally {
    rpc[Symbol.dispose]();
  }
  return Object.assign(node, { syncSeconds: Number(process.hrtime.bigint() - from) / 1e9 });
}

export function rssMb(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** CPU seconds, user and system, that a process has used: what a busy machine does not distort. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function folderMb(folder) {
  if (!existsSync(folder)) return Number.NaN;
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? folderMb(path) * 1e6 : statSync(path).size;
  }
  return bytes / 1e6;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function parseClients(list, glimCommand) {
  return list.split(",").map((name) => {
    if (name === "glim") return glimClient(glimCommand);
    if (name.startsWith("geth:")) return gethClient(name.slice(5));
    throw new Error(`no client ${name}: glim or geth:<version>`);
  });
}
