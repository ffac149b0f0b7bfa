// Discovery under a flood: what a full node of ours receives and looks at while its RPC answers. Of v4 three kinds of packets:
// noise, packets with a right hash and a wrong signature, pings signed by a thousand keys; of v5.1, beside v4 on one socket as in
// a node, three more: noise again, messages of nobody (each is a challenge to send) and handshakes of nobody. They come from loopback, whose
// addresses have no rate of their own, so all that protects the node is the order of its questions and its budget.
// The node runs on core 0, the flood and the honest client on core 1.
import { fork, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { Agent, request } from "node:http";
import { cpus, loadavg, setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const defaults = {
  rate: "50000",
  seconds: "10",
  kinds: "none,noise,hash,signed,v5noise,v5message,v5handshake",
  limit: "250",
  busy: "no",
};
const { values } = parseArgs({
  options: {
    ...Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }])),
    ...{
      role: { type: "string" },
      port: { type: "string" },
      id: { type: "string" },
      help: { type: "boolean" },
    },
  },
});
const options = { ...defaults, ...values };
const self = fileURLToPath(import.meta.url);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const roles = {
  /** A full node with discovery on; tells its ports, then its counts whenever it is asked. */
  async node() {
    const [{ Node }, { Ethereum }, { devGenesis }] = await Promise.all([
      import("glim/node"),
      import("glim/eth"),
      import("glim/params"),
    ]);
    const node = new Node({
      name: "bench",
      http: { host: "127.0.0.1", modules: ["eth"] },
      p2p: { listenAddr: "127.0.0.1:0", noDiscovery: false, discoveryV5: options.kinds.startsWith("v5") },
    });
    node.register((context) => new Ethereum(context, { genesis: devGenesis({}) }));
    await node.start();
    const { udp, id } = node.server.self.node;
    process.send({ url: node.httpEndpoint, udp, id });
    process.on("message", () => {
      const { user, system } = process.cpuUsage();
      const { received, recovered, sent } = node.server.discv4.counts;
      const v5 = node.server.discv5?.counts ?? { sent: 0, challenged: 0, limited: 0 };
      const looked = options.kinds.startsWith("v5") ? v5.challenged : recovered;
      process.send({ received, looked, sent: sent + v5.sent, cpuMs: (user + system) / 1000 });
    });
    process.on("disconnect", () => process.exit(0));
  },

  /** Sends packets of one kind at a rate; tells how many it sent and how long that took. */
  async flood() {
    const pool = await makePackets(options.kinds);
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.connect(Number(options.port), "127.0.0.1", resolve));
    const perMs = Number(options.rate) / 1000;
    process.send("ready");
    await new Promise((resolve) => process.once("message", resolve));
    const started = performance.now();
    const end = started + Number(options.seconds) * 1000;
    let sent = 0;
    for (let now = started; now < end; now = performance.now()) {
      const due = Math.min((now - started) * perMs - sent, 2000);
      for (let i = 0; i < due; i++) socket.send(pool[sent++ % pool.length], () => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.send({ sent, ms: performance.now() - started });
    process.disconnect();
    socket.close();
  },
};

async function makePackets(kind) {
  const { createCipheriv, randomBytes } = await import("node:crypto");
  const hexOf = (text) => Buffer.from(text, "hex");
  if (kind === "v5message" || kind === "v5handshake") {
    const isMessage = kind === "v5message";
    return Array.from({ length: 1000 }, () => {
      // masking-iv ‖ masked(protocol-id ‖ version ‖ flag ‖ nonce ‖ authdata-size ‖ authdata) ‖ message; devp2p discv5-wire.md
      const auth = isMessage ? 32 : 34 + 64 + 33;
      const header = Buffer.concat([
        Buffer.from("discv5"),
        Buffer.of(0, 1, isMessage ? 0 : 2),
        randomBytes(12),
        Buffer.of(0, auth),
        randomBytes(auth),
      ]);
      if (!isMessage) header.set([64, 33], 23 + 32);
      const iv = randomBytes(16);
      const masked = createCipheriv("aes-128-ctr", hexOf(options.id).subarray(0, 16), iv).update(header);
      return Buffer.concat([iv, masked, randomBytes(44)]);
    });
  }
  if (kind === "noise" || kind === "v5noise")
    return Array.from({ length: 1000 }, (_, i) => randomBytes(100 + (i % 400)));
  const [{ sealPacket }, { generateKey, keccak256 }] = await Promise.all([
    import("glim/p2p/discv4"),
    import("glim/crypto"),
  ]);
  const endpoint = { ip: Uint8Array.of(127, 0, 0, 1), udp: 30303, tcp: 30303 };
  const expiration = BigInt(Math.floor(Date.now() / 1000) + 3600);
  return Array.from({ length: 1000 }, () => {
    const body = { version: 4, from: endpoint, to: endpoint, expiration };
    const { packet } = sealPacket("ping", body, generateKey());
    if (kind === "hash") {
      packet.set(randomBytes(64), 32); // no signature of anybody
      packet.set(keccak256(packet.subarray(32)));
    }
    return packet;
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const BODY = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}';

/** One call over a connection that is kept; ms. */
function call(url) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": BODY.length };
    const req = request(`http://${url}`, { method: "POST", agent, headers }, (res) => {
      res.resume();
      res.on("end", () => resolve(performance.now() - started));
    });
    req.on("error", reject);
    req.end(BODY);
  });
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const pin = (cpu, pid) => {
  if (process.platform === "linux" && cpus().length > 1)
    spawnSync("taskset", ["-a", "-c", "-p", String(cpu), String(pid)]);
};
const ask = (child, message) =>
  new Promise((resolve) => {
    child.once("message", resolve);
    if (message !== undefined) child.send(message);
  });

async function measure(kind) {
  const node = fork(self, ["--role", "node", "--kinds", kind]);
  const { url, udp, id } = await ask(node);
  pin(0, node.pid);
  let flood;
  if (kind !== "none") {
    const { rate, seconds } = options;
    flood = fork(self, [
      "--role",
      "flood",
      "--kinds",
      kind,
      "--port",
      String(udp),
      "--id",
      id,
      "--rate",
      rate,
      "--seconds",
      seconds,
    ]);
    await ask(flood);
    pin(1, flood.pid);
    setPriority(flood.pid, 10); // the honest client shares its core
  }
  for (let i = 0; i < 200; i++) await call(url);
  const before = await ask(node, "counts");
  const times = [];
  let isOver = false;
  const flooding =
    flood === undefined
      ? sleep(Number(options.seconds) * 1000).then(() => ({ sent: 0, ms: options.seconds * 1000 }))
      : ask(flood, "go");
  void flooding.then(() => (isOver = true));
  while (!isOver) {
    times.push(await call(url));
    await sleep(2);
  }
  const { sent, ms } = await flooding;
  const after = await ask(node, "counts");
  node.disconnect();
  times.sort((a, b) => a - b);
  const perSecond = (name) => Math.round((after[name] - before[name]) / (ms / 1000));
  return {
    kind,
    offered: Math.round(sent / (ms / 1000)),
    received: perSecond("received"),
    looked: perSecond("looked"),
    answers: perSecond("sent"),
    core: `${Math.round(((after.cpuMs - before.cpuMs) / ms) * 100)} %`,
    calls: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    worst: times.at(-1) ?? 0,
  };
}

if (options.help) {
  console.log("node bench/discovery.mjs: a flood of discovery packets beside RPC");
  for (const [name, value] of Object.entries(defaults)) console.log(`  --${name.padEnd(8)} ${value}`);
} else if (options.role !== undefined) await roles[options.role]();
else {
  const [load] = loadavg();
  console.log(`load ${load.toFixed(2)} on ${cpus().length} cores, node ${process.version}`);
  if (load > cpus().length && options.busy !== "yes")
    console.log("the machine is busy: what follows is no measurement of an idle one");
  pin(1, process.pid);
  let isWithin = true;
  for (const kind of options.kinds.split(",")) {
    const row = await measure(kind);
    const ms = (value) => `${value.toFixed(1)} ms`;
    isWithin &&= row.p99 <= Number(options.limit);
    console.log(
      `${row.kind.padEnd(11)} offered ${row.offered}/s, received ${row.received}/s, ${row.kind.startsWith("v5") ? "challenged" : "signers looked for"} ${row.looked}/s, packets sent ${row.answers}/s, core ${row.core}; ` +
        `RPC p50 ${ms(row.p50)}, p99 ${ms(row.p99)}, worst ${ms(row.worst)} of ${row.calls} calls`,
    );
  }
  console.log(`RPC p99 under ${options.limit} ms at the packets received: ${isWithin ? "yes" : "NO"}`);
  process.exit(isWithin ? 0 : 1);
}
