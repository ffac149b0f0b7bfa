// Proofs served per second over RLPx: our LES server, and geth's, asked by one bare client that obeys their flow control.
// Server on core 0, client on core 1; a state of 100,000 accounts; never the same key twice from one server.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { checkLoad, flags, median, pinMyself, pinned, shuffled, startGeth } from "./kit.mjs";

const at = (room) => import(new URL(`../dist/${room}/index.js`, import.meta.url).href);
const { devGenesis, formatGenesis } = await at("params");
const { genesisBlock } = await at("core/state");
const { forkIdAt } = await at("core/forkid");
const { generateKey, keccak256 } = await at("crypto");
const { verifyProof } = await at("trie");
const { bigintToBytes, toHex } = await at("util");

const accounts = 100_000;
const options = flags("node bench/les-serve.mjs: proofs served per second over RLPx", {
  servers: "glim,geth:1.11.6",
  rounds: 5,
  proofs: 6_000,
  warm: 4_000,
  items: "1,16,64",
  flight: 4,
  version: 0,
  serve: "",
  busy: "no",
});
const signer = "0x5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f";
const addressOf = (i) => keccak256(bigintToBytes(BigInt(i), 32)).slice(12);
const genesis = devGenesis(
  Object.fromEntries(Array.from({ length: accounts }, (_, i) => [toHex(addressOf(i)), 1n])),
  { signers: [signer], timestamp: 1_600_000_000 },
);

if (options.serve !== "") await serve();
else await measure();

/** The child: a full node with a LES server; prints its enode. */
async function serve() {
  const { Node } = await at("node");
  const { Ethereum } = await at("eth");
  const { LesServer } = await at("les");
  const node = new Node({ name: "bench-les", p2p: { listenAddr: "127.0.0.1:0" } });
  node.register((context) => new Ethereum(context, { genesis }));
  node.register((context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 100 }));
  await node.start();
  console.log(`serving ${node.server.self.enode}`);
  process.on("SIGTERM", () => process.exit(0));
}

function startGlim() {
  const [command, args] = pinned(0, process.execPath, [fileURLToPath(import.meta.url), "--serve", "yes"]);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the server ended")));
    child.stdout.on("data", (text) => {
      const enode = /serving (\S+)/.exec(text)?.[1];
      if (enode !== undefined) resolve({ enode, stop: async () => void child.kill() });
    });
  });
}

async function startRival(version) {
  const server = await startGeth({ version, role: "lightServer", genesis: formatGenesis(genesis), cpu: 0 });
  return { enode: server.enode, stop: () => server[Symbol.asyncDispose]() };
}

/** One connection to a server, after the handshake. */
async function connect(enode) {
  const { Server } = await at("p2p");
  const { nodeHost } = await at("host/node");
  const les = await at("les/protocol");
  const { ClientEstimate } = await at("les/flowcontrol");
  const { header } = genesisBlock(genesis);
  const terms = {
    networkId: genesis.config.chainId,
    genesisHash: header.hash,
    checkForkId: () => undefined,
  };
  const place = { config: genesis.config, genesisHash: header.hash, genesisTime: header.time };
  const waiting = new Map();
  const run = (version, ready) => async (peer, rw) => {
    const table = les.lesTable(version);
    const write = (name, body, ids) => {
      const { code, payload } = table.encode(name, body, ids);
      return rw.writeMsg(code, payload);
    };
    const told = { protocolVersion: version, headTd: 0n, headHash: new Uint8Array(32), headNumber: 0 };
    const forkId = version >= 4 ? forkIdAt(place, header) : undefined;
    await write("status", les.clientStatusEntries({ ...told, ...terms, forkId, announceType: 1 }));
    const { body } = table.decode(await rw.readMsg());
    const status = les.readServerStatus(body, { ...terms, version });
    ready({ write, status, flow: new ClientEstimate(status, performance.now()), peer });
    for (;;) {
      const msg = await rw.readMsg();
      const message = table.decode(msg);
      if (message.name === "stop") throw new Error("the server stopped us");
      if (message.name === "proofsV2") waiting.get(Number(message.reqId))?.(message);
    }
  };
  const link = await new Promise((resolve, reject) => {
    const versions = options.version === 0 ? les.lesVersions : [options.version];
    const protocols = versions.map((version) => {
      const { name, length } = les.lesTable(version);
      return { name, version, length: version === 2 ? 22 : length, run: run(version, resolve) };
    });
    const server = new Server(
      { privateKey: generateKey(), name: "bench", protocols, staticNodes: [enode], listenAddr: "" },
      nodeHost(),
    );
    server.start().then(() => {}, reject);
    setTimeout(() => reject(new Error("no connection within 20 s")), 20_000).unref();
    connect.server = server;
  });
  let id = 0;
  const ask = async (keys) => {
    const { bufferLimit } = link.status;
    const cost = les.requestCost(link.status.costs, "getProofsV2", keys.length, bufferLimit);
    for (;;) {
      const wait = link.flow.waitMs(cost, performance.now());
      if (wait === 0) break;
      await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(1, wait), 20)));
    }
    const reqId = ++id;
    const body = keys.map((key) => ({
      blockHash: header.hash,
      accountKey: new Uint8Array(0),
      key,
      fromLevel: 0n,
    }));
    const reply = new Promise((resolve) => waiting.set(reqId, resolve));
    link.flow.sent(reqId, cost, performance.now());
    await link.write("getProofsV2", body, { reqId: BigInt(reqId) });
    const message = await reply;
    waiting.delete(reqId);
    link.flow.replied(reqId, Number(message.bv), performance.now());
    return message;
  };
  return { ask, root: header.stateRoot, peer: link.peer, stop: () => connect.server.stop() };
}

/** Asks for the proofs of `keys`, `items` to a message, `flight` messages at once; one in fifty is checked. */
async function load(link, keys, items) {
  let next = 0;
  const from = performance.now();
  await Promise.all(
    Array.from({ length: options.flight }, async () => {
      while (next < keys.length) {
        const mine = keys.slice(next, (next += items));
        const { body } = await link.ask(mine);
        if (next % 50 < items && verifyProof(link.root, mine[0], body) === undefined)
          throw new Error("a proof that proves nothing");
      }
    }),
  );
  return keys.length / ((performance.now() - from) / 1000);
}

async function measure() {
  checkLoad(options.busy);
  pinMyself(1);
  const sizes = options.items.split(",").map(Number);
  const names = options.servers.split(",");
  const rates = new Map();
  for (let round = 0; round < options.rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const server = name === "glim" ? await startGlim() : await startRival(name.slice(5));
      const link = await connect(server.enode);
      try {
        const keys = shuffled(accounts, round + 1).map((i) => keccak256(addressOf(i)));
        let at = 0;
        // both ends are warm before anything counts
        await load(link, keys.slice(at, (at += options.warm)), 1);
        await load(link, keys.slice(at, (at += options.warm)), 16);
        for (const items of sizes) {
          const before = link.peer.traffic.bytesIn;
          const rate = await load(link, keys.slice(at, (at += options.proofs)), items);
          const bytes = (link.peer.traffic.bytesIn - before) / options.proofs;
          const label = `${name} at ${items}`;
          rates.set(label, [...(rates.get(label) ?? []), rate]);
          console.log(
            `round ${round + 1}  ${label.padEnd(20)} ${rate.toFixed(0).padStart(7)} proofs/s  ${bytes.toFixed(0)} B each`,
          );
        }
      } finally {
        await link.stop();
        await server.stop();
      }
    }
  }
  for (const [label, values] of rates)
    console.log(`${label.padEnd(20)} median ${median(values).toFixed(0)} proofs/s`);
  process.exit(0);
}
