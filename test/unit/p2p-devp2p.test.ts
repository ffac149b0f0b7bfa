// A third implementation on the other end: @ethereumjs/devp2p, dialled by us and dialling us.
import { randomBytes } from "node:crypto";
import { Common, Mainnet } from "@ethereumjs/common";
import { RLPx } from "@ethereumjs/devp2p";
import { generateKey, systemEntropy } from "#crypto";
import { type MsgReadWriter, type Protocol, Server } from "#p2p";
import { compress } from "#p2p/rlpx";
import { deferred, equalBytes, toHex } from "#util";
import { expect, test } from "vitest";
import { until } from "../kit/until.ts";

const sizes = [0, 1, 15, 16, 17, 1_000, 70_000, 1_000_000];
const messages = sizes.map((size) => systemEntropy.bytes(size));

/** Sends every message and expects each back, one higher in code. */
function asker(done: (echoes: number) => void): Protocol {
  return {
    ...{ name: "echo", version: 3, length: 6 },
    async run(_peer, rw: MsgReadWriter, signal) {
      let echoes = 0;
      for (const message of messages) {
        await rw.writeMsg(4, message);
        const { code, payload } = await rw.readMsg();
        if (code === 5 && equalBytes(payload, message)) echoes++;
      }
      done(echoes);
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
}

/** The library's end: it uncompresses for its protocols, but leaves compressing to them. */
class Echo {
  readonly #send: (code: number, payload: Uint8Array) => void;
  constructor(_version: number, _peer: unknown, send: (code: number, payload: Uint8Array) => void) {
    this.#send = send;
  }
  _handleMessage(code: number, payload: Uint8Array): void {
    if (code === 4) this.#send(5, Buffer.from(compress(payload)));
  }
}

/** Its port is not public. */
class Listening extends RLPx {
  get port(): number {
    const address = this._server?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }
}

function library(listenPort: number | null): Listening {
  const capability = (version: number, length: number) => ({
    name: "echo",
    version,
    length,
    constructor: Echo as never,
  }); // its own Protocol class is eth's or snap's
  return new Listening(randomBytes(32), {
    ...{
      capabilities: [capability(2, 3), capability(3, 6)],
      common: new Common({ chain: Mainnet }),
      listenPort,
      timeout: 20_000,
    },
    clientId: new TextEncoder().encode("devp2p-js/1"),
  });
}

async function ours(): Promise<{ server: Server; echoes: Promise<number> }> {
  const { promise, resolve } = deferred<number>();
  const lower: Protocol = {
    name: "echo",
    version: 2,
    length: 3,
    run: () => Promise.reject(new Error("the higher version runs")),
  };
  const server = new Server({
    privateKey: generateKey(),
    name: "glim/test",
    listenAddr: "127.0.0.1:0",
    protocols: [lower, asker(resolve)],
  });
  await server.start();
  return { server, echoes: promise };
}

test("it dials us: hello, highest version, offsets, snappy, messages up to a megabyte", async () => {
  const { server, echoes } = await ours();
  const other = library(null);
  other.events.on("error", () => {});
  await other.connect({
    id: server.self.node.publicKey,
    address: "127.0.0.1",
    tcpPort: server.self.node.tcp,
    udpPort: 0,
  });
  expect(await echoes).toBe(sizes.length);
  expect(server.peersInfo()).toMatchObject([
    { name: "devp2p-js/1", caps: ["echo/2", "echo/3"], network: { inbound: true } },
  ]);
  other.destroy();
  await until("the drop", () => server.peers.size === 0);
  await server.stop();
});

test("we dial it", async () => {
  const other = library(0);
  other.events.on("error", () => {});
  const { server, echoes } = await ours();
  await new Promise<void>((resolve) => {
    other.events.once("listening", () => resolve());
    other.listen(0, "127.0.0.1");
  });
  server.addPeer(`enode://${toHex(other.id).slice(2)}@127.0.0.1:${other.port}`);
  expect(await echoes).toBe(sizes.length);
  await server.stop();
  other.destroy();
});
