// Faults of attacks-and-faults §4.2 on the built command line: descriptors and threads that run out, an abort, a lock left behind, a full log disk.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { generateKey, systemEntropy } from "#crypto";
import { HandshakeMachine } from "#p2p/rlpx";
import { fromHex } from "#util";
import { SECONDS_MS, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MAIN = join("dist", "cli", "main.js");
const dev = (datadir: string, ...more: string[]) => [
  MAIN,
  ...["dev", "--datadir", join(folder, datadir), "--http.port", "0", "--port", "0", ...more],
];
const HTTP = /^JSON-RPC\s+(http:\S+)$/m;

async function ask(url: string, method: string, ...params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(20_000),
  });
  return ((await response.json()) as { result: unknown }).result;
}

/** Seconds of processor that a process has had, user and system. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;

describe("F10 descriptors run out", () => {
  test.runIf(hasPrlimit)("RPC and p2p go on afterwards; meanwhile nothing spins", async () => {
    await using node = startProgram(dev("descriptors", "--verbosity", "2"));
    const [, url = ""] = await node.prints(HTTP);
    const [, enode = ""] = await node.prints(/^p2p\s+(\S+)$/m);
    await ask(url, "eth_chainId");
    const ports = [Number(new URL(url).port), Number(/:(\d+)(?:\?|$)/.exec(enode)?.[1])];
    const open = readFileSync(`/proc/${node.pid}/limits`, "utf8");
    expect(open).toContain("Max open files");
    const { length } = spawnSync("ls", [`/proc/${node.pid}/fd`], { encoding: "utf8" })
      .stdout.trim()
      .split("\n");
    spawnSync("prlimit", [`--pid=${node.pid}`, `--nofile=${length + 10}:${length + 10}`]);
    const sockets: Socket[] = [];
    for (let i = 0; i < 100; i++) {
      const socket = connect(ports[i % 2] ?? 0, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
    }
    const fails = (): Promise<boolean> =>
      ask(url, "eth_chainId").then(
        () => false,
        () => true,
      );
    await until("the limit to be met", fails);
    const before = cpuSeconds(node.pid);
    const from = performance.now();
    await until("two seconds of it", () => performance.now() - from > 2_000);
    const share = (cpuSeconds(node.pid) - before) / ((performance.now() - from) / 1000);
    expect(share).toBeLessThan(0.2);
    for (const socket of sockets) socket.destroy();
    await until("an answer", () => ask(url, "eth_chainId")).catch((error: unknown) => {
      throw new Error(`no answer: ${node.output()}`, { cause: error });
    });
    expect((await node.stop("SIGTERM")).code).toBe(0);
  });
});

/** Nobody's else's: the limit counts the threads of a user. */
const USER = 64_321;
const asUser = `
  process.setgroups([]); process.setgid(${USER}); process.setuid(${USER});
  process.argv.splice(1, 0, "glim");
  await import(${JSON.stringify(pathToFileURL(resolve(MAIN)).href)});`;

/** One handshake with a node; false if it closed before its ack opened. */
function shake(enode: string): Promise<boolean> {
  const [, key = "", port = ""] = /enode:\/\/([0-9a-f]{128})@[^:]+:(\d+)/.exec(enode) ?? [];
  const machine = new HandshakeMachine({
    ...{ key: generateKey(), entropy: systemEntropy, remotePublicKey: fromHex(`0x${key}`) },
  });
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(machine.start() ?? ""));
    socket.on("error", () => {}).on("close", () => resolve(false));
    socket.on("data", (chunk) => {
      if (machine.push(chunk) === undefined) return;
      resolve(true);
      socket.destroy();
    });
  });
}

test.runIf(hasPrlimit && process.getuid?.() === 0)(
  "F11 no thread more can be made: strangers are answered, precompiles run, the node ends in order",
  async ({ skip }) => {
    const args = ["--input-type=module", "-e", asUser, "--", "dev", "--http.port", "0", "--port", "0"];
    await using node = startProgram([...args, "--ipcdisable", "--verbosity", "2"], { HOME: tmpdir() });
    const [, url = ""] = await node.prints(HTTP).catch((error: unknown) => {
      if (String(error).includes("EACCES")) skip("another user may not read this folder");
      throw error;
    });
    const [, enode = ""] = await node.prints(/^p2p\s+(\S+)$/m);
    await ask(url, "eth_chainId");
    const { length } = readdirSync(`/proc/${node.pid}/task`);
    const limit = [`--pid=${node.pid}`, `--nproc=${length}:${length}`];
    expect(spawnSync("prlimit", limit, { uid: USER, gid: USER }).status).toBe(0);
    for (let i = 0; i < 3; i++) expect(await shake(enode), node.output()).toBe(true);
    const rounds = "000f4240"; // BLAKE2F of a million: longer than what is done in place where there are threads
    const blake = { to: `0x${"00".repeat(19)}09`, data: `0x${rounds}${"00".repeat(208)}01` };
    expect(await ask(url, "eth_call", blake, "latest")).toMatch(/^0x[0-9a-f]{128}$/);
    expect(readdirSync(`/proc/${node.pid}/task`).length).toBeLessThanOrEqual(length);
    const { code } = await node.stop("SIGTERM");
    // Node.js 24 itself aborts at the end, where it can make no thread
    if (Number.parseInt(process.versions.node, 10) < 22) expect(code).toBe(0);
  },
);

test("F34 native code aborts: the next start takes the same folder within 5 s, its head no lower", async () => {
  const began = startProgram(dev("abort", "--dev.period", "1", "--verbosity", "2"));
  const [, url = ""] = await began.prints(HTTP);
  await until("a block", async () => Number(await ask(url, "eth_blockNumber")) >= 1);
  const head = Number(await ask(url, "eth_blockNumber"));
  expect((await began.stop("SIGABRT")).code).toBeNull(); // by the signal, as abort(3) ends a process
  const from = performance.now();
  await using again = startProgram(dev("abort", "--dev.period", "1", "--verbosity", "2"));
  const [, next = ""] = await again.prints(HTTP);
  expect(performance.now() - from).toBeLessThan(SECONDS_MS);
  expect(Number(await ask(next, "eth_blockNumber"))).toBeGreaterThanOrEqual(head);
  expect((await again.stop("SIGTERM")).code).toBe(0);
});

test("F39 a lock left behind whose process number is another program's now: the start goes on", async () => {
  const instance = join(folder, "lock", "glim-dev");
  mkdirSync(instance, { recursive: true, mode: 0o700 });
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    // a holder that was killed leaves both: the socket file without a listener, and its number
    const script = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    await once(
      spawn(process.execPath, ["-e", script, join(instance, "LOCK.sock")], { stdio: "ignore" }),
      "exit",
    );
    writeFileSync(join(instance, "LOCK"), `${other.pid} 2020-01-01T00:00:00.000Z\n`);
    await using node = startProgram(dev("lock", "--verbosity", "0"));
    await node.prints(HTTP);
    expect(readFileSync(join(instance, "LOCK"), "utf8")).toMatch(new RegExp(`^${node.pid} `));
    expect((await node.stop("SIGTERM")).code).toBe(0);
    expect(other.exitCode).toBeNull(); // it was nobody's business
  } finally {
    other.kill("SIGKILL");
  }
});

test("F44 only the disk of the log is full: the node runs on, and ends in order", ({ skip }) => {
  const disk = join(folder, "log disk");
  mkdirSync(disk);
  const shell = (script: string) =>
    spawnSync(
      "unshare",
      ["-Urm", "sh", "-c", `mount -t tmpfs -o size=64k tmpfs "$DISK" || exit 99\n${script}`],
      {
        encoding: "utf8",
        env: { ...process.env, DISK: disk, NODE: process.execPath, DATA: join(folder, "logs") },
      },
    );
  if (shell("true").status !== 0) skip("no tmpfs in a namespace of our own");
  const { stdout, stderr } = shell(`
    dd if=/dev/zero of="$DISK/ballast" bs=1k count=64 2>/dev/null
    "$NODE" ${MAIN} dev --datadir "$DATA" --http.port 0 --port 0 --dev.period 1 --verbosity 5 --log.file "$DISK/glim.log" > "$DATA.out" 2> "$DATA.err" &
    for i in $(seq 600); do grep -q "^JSON-RPC" "$DATA.out" && break; sleep 0.1; done
    url=$(sed -n 's/^JSON-RPC *//p' "$DATA.out")
    "$NODE" -e '
      const ask = async () => (await (await fetch(process.argv[1], { method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_blockNumber", params: [] }) })).json()).result;
      const from = await ask();
      while ((await ask()) === from) await new Promise((resolve) => setTimeout(resolve, 100));
      console.log("blocks go on");
    ' --input-type=module "$url"
    kill -TERM $!; wait $!; echo "exit $?"
  `);
  expect(`${stdout}${stderr}`).toContain("blocks go on");
  expect(stdout).toMatch(/^exit 0$/m);
});
