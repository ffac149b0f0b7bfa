// RLPx over loopback: megabytes per second of 16 KiB messages one way, and round trips of a 100-byte request with a
// 2 KiB answer, 1 and 16 in flight; glim's p2p (dist/) against @ethereumjs/devp2p. Both ends of a pair live in this one
// process, on one core, so a figure is the cost of sending and receiving together.
import { RLPx } from "@ethereumjs/devp2p";
import { Common, Mainnet } from "@ethereumjs/common";
import { randomBytes } from "node:crypto";
import snappy from "snappyjs";
import { checkLoad, flags, freePort, median, pinMyself } from "./kit.mjs";

const options = flags("node bench/rlpx.mjs: RLPx bulk and request/response rates", {
  rounds: 5,
  megabytes: 16,
  requests: 5_000,
  busy: "no",
});
checkLoad(options.busy);
pinMyself(1);

// Half of it compresses, as real payloads do.
const message = (size) => Buffer.concat([randomBytes(size / 2), Buffer.alloc(size / 2, 7)]);
const bulk = message(16_384);
const ask = message(100);
const answer = message(2_048);

/** Two connected ends: { send(code, payload), onMessage } each. */
async function glimPair() {
  const { Server } = await import("../dist/p2p/index.js");
  const ends = [];
  const both = deferred();
  const protocol = () => {
    const end = { onMessage: () => undefined, send: undefined };
    return {
      name: "bench",
      version: 1,
      length: 4,
      async run(_peer, rw) {
        end.send = (code, payload) => rw.writeMsg(code, payload);
        if (ends.push(end) === 2) both.resolve();
        for await (const { code, payload } of rw) end.onMessage(code, payload);
      },
    };
  };
  const server = () =>
    new Server({
      privateKey: randomBytes(32),
      name: "bench",
      listenAddr: "127.0.0.1:0",
      protocols: [protocol()],
    });
  const [one, two] = [server(), server()];
  await one.start();
  await two.start();
  one.addPeer(two.self.enode);
  await both.promise;
  const close = async () => {
    await one.stop();
    await two.stop();
  };
  return { ends, close };
}

async function devp2pPair() {
  const ends = [];
  const both = deferred();
  class Bench {
    constructor(_version, peer, send) {
      // It does not do so itself, and then a round trip waits 90 ms for Nagle and delayed acknowledgements: not the
      // comparison that is meant.
      peer._socket.setNoDelay(true);
      this.onMessage = () => undefined;
      // Its protocols compress and uncompress themselves, by this library.
      this.send = (code, payload) => send(code, snappy.compress(payload));
      if (ends.push(this) === 2) both.resolve();
    }
    _handleMessage(code, payload) {
      this.onMessage(code, payload);
    }
  }
  const common = new Common({ chain: Mainnet });
  const capabilities = [{ name: "bench", version: 1, length: 4, constructor: Bench }];
  const port = await freePort();
  const node = (listenPort) =>
    new RLPx(randomBytes(32), { capabilities, common, listenPort, timeout: 60_000 });
  const [one, two] = [node(null), node(port)];
  await new Promise((resolve) => {
    two.events.once("listening", resolve);
    two.listen(port, "127.0.0.1");
  });
  await one.connect({ id: two.id, address: "127.0.0.1", tcpPort: port, udpPort: port });
  await both.promise;
  const close = async () => {
    one.destroy();
    two.destroy();
  };
  return { ends, close };
}

async function bulkRate({ ends: [from, to] }) {
  const count = Math.ceil((options.megabytes * 1e6) / bulk.length);
  const done = deferred();
  let got = 0;
  to.onMessage = () => ++got === count && done.resolve();
  const begin = process.hrtime.bigint();
  for (let sent = 0; sent < count; sent++) {
    await from.send(1, bulk);
    // Never more than 64 on the way: devp2p itself knows no back-pressure and would only pile up.
    while (sent - got > 64) await new Promise(setImmediate);
  }
  await done.promise;
  return (count * bulk.length) / 1e6 / (Number(process.hrtime.bigint() - begin) / 1e9);
}

async function requestRate({ ends: [from, to] }, width) {
  to.onMessage = () => void to.send(2, answer);
  const done = deferred();
  let [sent, got] = [0, 0];
  from.onMessage = () => {
    if (++got === options.requests) done.resolve();
    else if (sent < options.requests) next();
  };
  const next = () => {
    sent++;
    void from.send(1, ask);
  };
  const begin = process.hrtime.bigint();
  for (let i = 0; i < width; i++) next();
  await done.promise;
  return options.requests / (Number(process.hrtime.bigint() - begin) / 1e9);
}

const rows = [
  { what: "bulk", unit: "MB/s", measure: bulkRate },
  { what: "requests, 1 in flight", unit: "/s", measure: (pair) => requestRate(pair, 1) },
  { what: "requests, 16 in flight", unit: "/s", measure: (pair) => requestRate(pair, 16) },
];
const rivals = [
  ["@ethereumjs/devp2p", devp2pPair],
  ["glim", glimPair],
];
const figures = rows.map(() => new Map(rivals.map(([name]) => [name, []])));
for (let round = 0; round < options.rounds; round++)
  for (const [name, makePair] of round % 2 === 0 ? rivals : [...rivals].reverse()) {
    const pair = await makePair();
    for (const [i, { measure }] of rows.entries()) figures[i].get(name).push(await measure(pair));
    await pair.close();
  }
for (const [i, { what, unit }] of rows.entries()) {
  const [theirs, ours] = rivals.map(([name]) => figures[i].get(name));
  const ratio = median(ours.map((value, round) => value / theirs[round]));
  console.log(
    `${what.padEnd(24)} glim ${median(ours).toFixed(0)} ${unit}, devp2p ${median(theirs).toFixed(0)} ${unit}: ${ratio.toFixed(2)} ×`,
  );
}
process.exit(0);

function deferred() {
  let resolve;
  const promise = new Promise((resolve_) => {
    resolve = resolve_;
  });
  return { promise, resolve };
}
