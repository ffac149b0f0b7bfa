// What an RPC request costs the server itself: eth_chainId over HTTP keep-alive, answered by our RpcServer, by a node:http
// server that only echoes a fixed reply (the floor of the platform), and by geth. Each server alone on core 0, the load
// (raw sockets, one request in flight each) on core 1; rounds alternate, ratios are medians of paired rounds.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { cpus, homedir, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const BODY = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}';
const REPLY = '{"jsonrpc":"2.0","id":1,"result":"0x539"}';

/** The servers under test, run as `node rpc-server.mjs --serve NAME`; each prints its port. */
const servers = {
  async glim() {
    const [{ RpcServer, HttpEndpoint, api, method, quantity }, { nodeHost }] = await Promise.all([
      import("glim/rpc"),
      import("glim/host/node"),
    ]);
    const host = nodeHost();
    const chainId = method({
      doc: "",
      params: [],
      result: quantity,
      isConcurrent: true,
      handle: () => 1337n,
    });
    const server = new RpcServer({ apis: [api({ namespace: "eth", methods: { chainId } })], host });
    const endpoint = await HttpEndpoint.open({
      host: "127.0.0.1",
      port: 0,
      http: { server },
      clock: host.clock,
    });
    return endpoint.address.port;
  },
  async echo() {
    const server = createServer((request, response) => {
      request.on("data", () => {});
      request.on("end", () => {
        response.writeHead(200, { "Content-Type": "application/json", "Content-Length": REPLY.length });
        response.end(REPLY);
      });
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server.address().port;
  },
};

const { values } = parseArgs({
  options: {
    serve: { type: "string" },
    help: { type: "boolean" },
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "20000" },
    connections: { type: "string", default: "1,16" },
    geth: { type: "string", default: join(homedir(), ".cache/glim/geth-1.11.6/geth") },
  },
});
if (values.help) {
  console.log("node bench/rpc-server.mjs [--rounds 5] [--requests 20000] [--connections 1,16] [--geth PATH]");
  process.exit(0);
}
if (values.serve !== undefined) {
  console.log(`port ${await servers[values.serve]()}`);
} else await main();

/** On core 0, alone. */
function start(command, args) {
  const [file, rest] =
    process.platform === "linux" ? ["taskset", ["-c", "0", command, ...args]] : [command, args];
  return spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"] });
}

async function startOurs(name) {
  const child = start(process.execPath, [fileURLToPath(import.meta.url), "--serve", name]);
  child.stderr.pipe(process.stderr);
  const port = await new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      const found = /port (\d+)/.exec(String(chunk));
      if (found) resolve(Number(found[1]));
    });
    child.on("exit", () => reject(new Error(`${name} ended`)));
  });
  return { name, port, stop: () => child.kill() };
}

async function startGeth(path) {
  const folder = mkdtempSync(join(tmpdir(), "glim-rpcbench-"));
  const args = [
    "--dev",
    "--datadir",
    folder,
    "--ipcdisable",
    "--nodiscover",
    "--port",
    "0",
    "--http",
    "--http.port",
    "0",
    "--http.api",
    "eth",
  ];
  const child = start(path, args);
  const port = await new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      const found = /HTTP server started.*endpoint=127\.0\.0\.1:(\d+)/.exec(String(chunk));
      if (found) resolve(Number(found[1]));
    });
    child.on("exit", () => reject(new Error("geth ended")));
  });
  const stop = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: "geth", port, stop };
}

/** Requests per second of `count` requests over `connections` sockets, each with one in flight. */
async function load(port, count, connections) {
  const request = `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  let left = count;
  const from = performance.now();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise((resolve, reject) => {
          const socket = connect(port, "127.0.0.1");
          const next = () => {
            if (left-- > 0) socket.write(request);
            else socket.end(resolve);
          };
          socket.setNoDelay(true);
          let got = "";
          socket.on("connect", next);
          socket.on("error", reject);
          socket.on("data", (chunk) => {
            got += chunk.latin1Slice();
            if (!got.trimEnd().endsWith("}")) return;
            if (!got.includes('"result":"0x539"')) reject(new Error(got));
            got = "";
            next();
          });
        }),
    ),
  );
  return (1000 * count) / (performance.now() - from);
}

function median(list) {
  return list.toSorted((a, b) => a - b)[(list.length - 1) >> 1];
}

async function main() {
  if (process.platform === "linux") spawnSync("taskset", ["-a", "-c", "-p", "1", String(process.pid)]);
  console.log(`load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores, node ${process.version}`);
  const running = [await startOurs("echo"), await startOurs("glim")];
  if (existsSync(values.geth)) running.push(await startGeth(values.geth));
  for (const { port } of running) await load(port, 5_000, 16);
  for (const connections of values.connections.split(",").map(Number)) {
    const rates = new Map(running.map(({ name }) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++)
      for (const { name, port } of round % 2 === 0 ? running : running.toReversed())
        rates.get(name).push(await load(port, Number(values.requests), connections));
    for (const { name } of running) {
      const own = rates.get(name);
      const ratio = (other) => median(own.map((rate, i) => rate / rates.get(other)[i])).toFixed(2);
      const against = running
        .filter((one) => one.name !== name)
        .map((one) => `x${ratio(one.name)} of ${one.name}`);
      console.log(
        `${name.padEnd(6)} ${String(connections).padStart(3)} connections  ${median(own).toFixed(0).padStart(6)} requests/s  ${against.join("  ")}`,
      );
    }
  }
  await Promise.all(running.map(async (one) => one.stop()));
  process.exit(0);
}
