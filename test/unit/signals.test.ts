// Signals and a terminal that goes away: how a node ends, and when it does not (attacks-and-faults §4.2, F32, F35 to F38).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { SECONDS_MS, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = await mkdtemp(join(tmpdir(), "glim signals "));
afterAll(() => rm(folder, { recursive: true, force: true }));

const MAIN = join("dist", "cli", "main.js");
const dev = (datadir: string, ...more: string[]) => [
  MAIN,
  ...[
    "dev",
    "--datadir",
    join(folder, datadir),
    "--http.port",
    "0",
    "--port",
    "0",
    "--verbosity",
    "0",
    ...more,
  ],
];

async function ask(url: string, method: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] });
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body,
  });
  return ((await response.json()) as { result: unknown }).result;
}

describe("F35 SIGTERM", () => {
  test("at idle: exit 0, the socket and the mark of a run are gone, the data directory is free and opens", async () => {
    for (let round = 0; round < 2; round++) {
      await using node = startProgram(dev("idle"));
      const [, ipc = ""] = await node.prints(/^IPC\s+(.+)$/m);
      expect(existsSync(ipc)).toBe(true);
      const { code, tookMs } = await node.stop("SIGTERM");
      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(SECONDS_MS);
      expect(existsSync(ipc)).toBe(false);
      expect(existsSync(join(folder, "idle", "glim-dev", "running"))).toBe(false);
      expect(node.output()).not.toContain("did not end in order");
    }
  });

  test("in the start: it ends in order all the same", async () => {
    await using node = startProgram(dev("starting"));
    await until("the lock", () => existsSync(join(folder, "starting", "glim-dev", "LOCK")));
    expect((await node.stop("SIGTERM")).code).toBe(0);
    expect(existsSync(join(folder, "starting", "glim-dev", "running"))).toBe(false);
  });

  test("with a request half sent and a connection open: they are closed, exit 0", async () => {
    await using node = startProgram(dev("rpc"));
    const [, port = ""] = await node.prints(/^JSON-RPC\s+http:\/\/127\.0\.0\.1:(\d+)$/m);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => {}); // a reset is a close too
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    );
    const { code, tookMs } = await node.stop("SIGTERM");
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(SECONDS_MS);
    await closed;
  });
});

test("F36 a second SIGINT skips what a stop waits for; after it the data directory opens", async () => {
  const args = dev("twice");
  {
    await using node = startProgram(args);
    await node.prints(/Ctrl-C stops/);
    process.kill(node.pid, "SIGINT");
    process.kill(node.pid, "SIGINT");
    expect(await node.ended()).toBe(0);
  }
  await using again = startProgram(args);
  await again.prints(/Ctrl-C stops/);
  expect((await again.stop()).code).toBe(0);
});

test("F36 a third ends it at once with 130; the data directory opens afterwards", async () => {
  const args = dev("thrice");
  {
    await using node = startProgram(args);
    await node.prints(/Ctrl-C stops/);
    for (let n = 0; n < 50; n++) process.kill(node.pid, "SIGINT");
    expect([0, 130]).toContain(await node.ended()); // signals that come together may count as one
  }
  await using again = startProgram(args);
  await again.prints(/Ctrl-C stops/);
  expect((await again.stop()).code).toBe(0);
});

test("F32 a rejection nobody handles: said where, ended in short within 5 s with 70, told at the next start, which works", async () => {
  const script = join(folder, "fault.js");
  await writeFile(script, "Promise.reject(new Error('injected')); await new Promise(() => {});");
  const args = ["--datadir", join(folder, "fault"), "--http.port", "0", "--port", "0", "--verbosity", "3"];
  await using node = startProgram([MAIN, "--dev", ...args, "js", script]);
  expect(await node.ended()).toBe(70);
  expect(node.output()).toMatch(/glim: internal fault: Error: injected\n\s+at /);
  expect(node.output()).toContain("node stopped");
  await using again = startProgram([MAIN, "dev", ...args]);
  await again.prints(/Ctrl-C stops/);
  expect(again.output()).toContain("the last run did not end in order");
  expect((await again.stop()).code).toBe(0);
});

test("F37 the terminal goes away: SIGHUP and closed streams change nothing", async () => {
  const child = spawn(process.execPath, dev("hangup", "--dev.period", "1"), {
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    const url = await until("the address", () => /^JSON-RPC\s+(http:\S+)$/m.exec(out)?.[1]);
    child.stdout.destroy();
    child.stderr.destroy();
    child.kill("SIGHUP");
    const before = await ask(url, "eth_blockNumber");
    await until("a further block", async () => (await ask(url, "eth_blockNumber")) !== before);
  } finally {
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  }
});

test("F38 a second node: the same data directory is exit 3, the same port exit 6; the first is unharmed", async () => {
  await using first = startProgram(dev("double"));
  const [, url = ""] = await first.prints(/^JSON-RPC\s+(http:\S+)$/m);
  await using second = startProgram(dev("double"));
  expect(await second.ended()).toBe(3);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  for (const flag of ["--http.port", "--port", "--metrics.port"]) {
    await using third = startProgram(dev(`port${flag}`, "--metrics", flag, String(port)));
    expect(await third.ended()).toBe(6);
    expect(third.output()).toContain(flag);
  }
  taken.close();
  expect(await ask(url, "web3_clientVersion")).toMatch(/^glim-dev\//);
});
