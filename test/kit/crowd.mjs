// Many connections from one process, so that a node under test has its own descriptors: node crowd.mjs KIND PORT COUNT SECONDS
//
//   silent       connects, says nothing, stays                    handshakes  COUNT a second: an auth of noise, then away
//   headers      half of a request's head, then a byte a second   bodies      a head, and of its body a byte a second
//   readers      asks for an answer of megabytes, reads nothing
//
// Prints "open N" when all were tried (those that are still open then), then a line "closed N" every second.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const [, , kind, port, countText, secondsText] = process.argv;
const count = Number(countText);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sockets = new Set();
let made = 0;
let closed = 0;

const open = () => {
  made++;
  const localAddress = `127.0.0.${1 + (made % 64)}`; // 64 addresses: one has too few ports
  const socket = connect({ host: "127.0.0.1", port: Number(port), localAddress });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed++;
    sockets.delete(socket);
  });
  sockets.add(socket);
  return socket;
};

const HEAD = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
const body = JSON.stringify(
  Array.from({ length: 900 }, (_, id) => ({ jsonrpc: "2.0", id, method: "rpc_modules", params: [] })),
);
const begins = {
  silent: "",
  headers: "POST / HTTP/1.1\r\nHost: local",
  bodies: `${HEAD}Content-Length: 5000\r\n\r\n[`,
  readers: `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`,
};

async function crowd(begin) {
  while (made < count) {
    for (let i = 0; i < 50 && made < count; i++) {
      const socket = open();
      socket.on("connect", () => socket.write(begin));
      if (kind !== "readers") socket.resume(); // what is not read hides the end that comes after it
    }
    await sleep(10);
  }
  for (let before = -1; before !== sockets.size; await sleep(500)) before = sockets.size; // refusals on the way
  console.log(`open ${sockets.size}`);
  for (let second = 0; second < Number(secondsText); second++) {
    await sleep(1_000);
    if (kind === "headers" || kind === "bodies") for (const socket of sockets) socket.write("1");
    console.log(`closed ${closed}`);
  }
}

/** As many a second as are wanted, or as this machine can make. */
async function handshakes() {
  const noise = Array.from({ length: 64 }, () => {
    const packet = randomBytes(402);
    packet.writeUInt16BE(400);
    packet[2] = 4;
    return packet;
  });
  const began = performance.now();
  for (let now = 0; now < Number(secondsText) * 1000; now = performance.now() - began) {
    const due = Math.min((now / 1000) * count - made, 200);
    for (let i = 0; i < due; i++) {
      const socket = open();
      socket.on("connect", () => socket.end(noise[made % noise.length]));
    }
    await sleep(5);
  }
  console.log(`open ${made}`);
}

await (kind === "handshakes" ? handshakes() : crowd(begins[kind]));
process.exit(0);
