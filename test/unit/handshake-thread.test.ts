// RX-14 the thread for handshakes, of the built package: real threads, a real flood.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function run(script: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: root,
  });
  return JSON.parse(stdout);
}

test("RX-14 inbound handshakes are computed beside the main loop; the thread dies with the last server", async () => {
  const outcome = await run(`
    import { threadId } from "node:worker_threads";
    const { Server } = await import("./dist/p2p/index.js");
    const { nodeHost } = await import("./dist/host/node/index.js");
    const { generateKey } = await import("./dist/crypto/index.js");
    const threads = [];
    const real = nodeHost();
    // the real threads, watched
    const watched = {
      start(module, options) {
        const thread = { posted: 0, answered: 0 };
        threads.push(thread);
        const made = real.threads.start(module, {
          ...options, onMessage(message) { thread.answered++; options.onMessage(message); },
        });
        return { ...made, post(message) { thread.posted++; made.post(message); } };
      },
    };
    const serve = (config) => new Server({
      privateKey: generateKey(), name: "test", listenAddr: "127.0.0.1:0", ...config,
    }, { ...real, threads: watched });
    const met = (server, count) => new Promise((resolve) => {
      const look = () => server.peers.size >= count && resolve();
      server.peerEvents.subscribe(look);
      look();
    });
    const one = serve(), two = serve();
    await one.start();
    await two.start();
    const guests = Array.from({ length: 6 }, (_, i) =>
      serve({ listenAddr: "", staticNodes: [(i % 2 === 0 ? one : two).self.enode] }));
    for (const guest of guests) await guest.start();
    await Promise.all([met(one, 3), met(two, 3)]);
    for (const guest of guests) await guest.stop();
    await one.stop();
    await two.stop();
    console.log(JSON.stringify({ threads, left: process.getActiveResourcesInfo().filter((name) => name === "MessagePort") }));
  `);
  expect(outcome).toEqual({ threads: [{ posted: 6, answered: 6 }], left: [] });
});

test("RX-14 a process whose thread is idle may end", async () => {
  const outcome = await run(`
    const { shareHandshakes, HandshakeMachine } = await import("./dist/p2p/rlpx/index.js");
    const { nodeHost } = await import("./dist/host/node/index.js");
    const { generateKey, publicKeyOf, systemEntropy: entropy } = await import("./dist/crypto/index.js");
    const host = nodeHost();
    // a clock that never ends an idle thread: it must not keep the process
    const shared = shareHandshakes({ threads: host.threads, clock: { ...host.clock, after: () => ({ cancel() {} }) } });
    const key = generateKey();
    const auth = new HandshakeMachine({ key: generateKey(), entropy, remotePublicKey: publicKeyOf(key) }).start();
    const { job } = new HandshakeMachine({ key, entropy }).feed(auth);
    const alive = setTimeout(() => {}, 60_000);
    const outcome = await shared.run(job);
    clearTimeout(alive);
    console.log(JSON.stringify({ kind: outcome.kind, ack: outcome.ack.length > 200 }));`);
  expect(outcome).toEqual({ kind: "accept", ack: true });
});
