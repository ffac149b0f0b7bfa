// JSON-RPC over HTTP of whole nodes in one run: single requests and batches of 100, `glim dev` against geth's dev mode. Server on
// core 0, raw sockets on core 1, one request in flight on each; rounds alternate, ratios are medians of paired rounds. CPU per
// call is the server's own, which a busy machine does not distort.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { cpus, homedir, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, flags, median, root } from "./kit.mjs";

const options = flags("node bench/rpc-batch.mjs: single requests and batches per second, glim against geth", {
  geth: "1.17.5",
  seconds: 2,
  rounds: 5,
  batch: 100,
});
spawnSync("taskset", ["-a", "-c", "-p", "1", String(process.pid)]);

async function start(name, command, args, pattern) {
  const child = spawn("taskset", ["-c", "0", command, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const port = await new Promise((resolve, reject) => {
    let out = "";
    const look = (chunk) => {
      out += chunk;
      const found = pattern.exec(out);
      if (found) resolve(Number(found[1]));
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("exit", () => reject(new Error(`${name} ended:\n${out}`)));
  });
  const stop = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await gone;
  };
  return { name, port, pid: child.pid, stop };
}

const call = (method, params) => ({ jsonrpc: "2.0", id: 1, method, params });
const questions = {
  eth_chainId: call("eth_chainId", []),
  eth_getBlockByNumber: call("eth_getBlockByNumber", ["0x0", false]),
  eth_getBalance: call("eth_getBalance", [`0x${"11".repeat(20)}`, "latest"]),
};

/** Calls answered a second and server CPU per call, with `width` sockets that each send `body`, of `count` calls. */
async function load({ port, pid }, body, count, width) {
  const text = JSON.stringify(body);
  const request = `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const from = performance.now();
  const cpu = cpuSeconds(pid);
  let done = 0;
  await Promise.all(
    Array.from(
      { length: width },
      () =>
        new Promise((resolve, reject) => {
          const socket = connect({ port, host: "127.0.0.1", noDelay: true });
          let got = "";
          const next = () => {
            if (performance.now() - from > options.seconds * 1000) socket.end(resolve);
            else socket.write(request);
          };
          socket.on("connect", next).on("error", reject);
          socket.on("data", (chunk) => {
            got += chunk.latin1Slice();
            const end = got.indexOf("\r\n\r\n");
            if (end < 0) return;
            const length = /content-length: *(\d+)/i.exec(got.slice(0, end))?.[1];
            const whole =
              length === undefined ? got.endsWith("0\r\n\r\n") : got.length >= end + 4 + Number(length);
            if (!whole) return;
            const replies = got.split('"result":').length - 1;
            if (replies !== count || got.includes('"error"')) return reject(new Error(got.slice(0, 400)));
            done += replies;
            got = "";
            next();
          });
        }),
    ),
  );
  const seconds = (performance.now() - from) / 1000;
  return { rate: done / seconds, micros: (1e6 * (cpuSeconds(pid) - cpu)) / done };
}

console.log(`load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores, node ${process.version}`);
const folder = mkdtempSync(join(tmpdir(), "glim-rpcbatch-"));
const nodes = [
  await start(
    `geth ${options.geth}`,
    join(homedir(), ".cache/glim", `geth-${options.geth}`, "geth"),
    [
      ...["--dev", "--datadir", folder, "--ipcdisable", "--nodiscover", "--port", "0", "--authrpc.port", "0"],
      ...["--http", "--http.port", "0", "--http.api", "eth"],
    ],
    /HTTP server started.*endpoint=127\.0\.0\.1:(\d+) auth=false/,
  ),
  await start(
    "glim",
    process.execPath,
    ["dist/cli/main.js", "dev", "--ipcdisable", "--port", "0", "--http.port", "0", "--verbosity", "1"],
    /JSON-RPC +http:\/\/127\.0\.0\.1:(\d+)/,
  ),
];
try {
  for (const node of nodes) for (const body of Object.values(questions)) await load(node, body, 1, 16);
  for (const [name, one] of Object.entries(questions)) {
    const batch = Array.from({ length: options.batch }, (_, id) => ({ ...one, id }));
    const rows = [
      ["single, 1 connection", one, 1, 1],
      ["single, 16 connections", one, 1, 16],
      [`batches of ${options.batch}, 4 connections`, batch, options.batch, 4],
    ];
    for (const [what, body, count, width] of rows) {
      const results = nodes.map(() => []);
      for (let round = 0; round < options.rounds; round++)
        for (const i of round % 2 === 0 ? [0, 1] : [1, 0])
          results[i].push(await load(nodes[i], body, count, width));
      const [theirs, ours] = results;
      const of = (list, key) => median(list.map((it) => it[key])).toFixed(key === "rate" ? 0 : 1);
      const ratio = median(ours.map(({ rate }, i) => rate / theirs[i].rate));
      console.log(
        `${name.padEnd(21)} ${what.padEnd(30)} ${nodes[0].name} ${of(theirs, "rate")}/s ${of(theirs, "micros")} us CPU, ` +
          `glim ${of(ours, "rate")}/s ${of(ours, "micros")} us CPU: ${ratio.toFixed(2)} x`,
      );
    }
  }
} finally {
  for (const node of nodes) await node.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
