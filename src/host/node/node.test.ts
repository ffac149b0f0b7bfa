import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CLOSED_PORT } from "../../../test/kit/rpc.ts";
import { nodeHost } from "./index.ts";

const host = nodeHost();
const root = await mkdtemp(join(tmpdir(), "glim höst "));
afterAll(() => rm(root, { recursive: true, force: true }));

test("a file is written whole, with its mode, and replaced whole", async () => {
  const path = join(root, "file");
  expect(await host.files.readFile(path)).toBeUndefined();
  await host.files.writeFileAtomic(path, Uint8Array.of(1, 2));
  await host.files.writeFileAtomic(path, Uint8Array.of(3));
  expect(await host.files.readFile(path)).toEqual(Uint8Array.of(3));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await host.files.list(root)).toEqual(["file"]);
});

test("a folder is made with its parents, 0700; twice is fine", async () => {
  const folder = join(root, "a", "b", "c");
  await host.files.mkdir(folder);
  await host.files.mkdir(folder);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  await host.files.writeFileAtomic(join(folder, "file"), Uint8Array.of(1));
  await expect(host.files.mkdir(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(host.files.mkdir(join(folder, "file", "x"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test.runIf(process.platform === "linux")(
  "a folder where none can be made is refused, and at once",
  async () => {
    await expect(host.files.mkdir("/proc/x/glim")).rejects.toMatchObject({ code: "ENOENT" });
  },
);

test("ND-01 a folder is locked once in a process, and free again after release", async () => {
  const folder = join(root, "locked");
  await host.files.mkdir(folder);
  const lock = await host.files.lock(folder);
  await expect(host.files.lock(folder)).rejects.toMatchObject({
    code: "HOST_LOCKED",
    exitCode: 3,
    data: { pid: process.pid },
  });
  await lock[Symbol.asyncDispose]();
  await using again = await host.files.lock(folder);
  expect(again).toBeDefined();
});

test("ND-01 a folder locked by a live process is refused; one left by a killed process is taken over", async () => {
  const folder = join(root, "other process");
  await mkdir(folder);
  const socketPath =
    Buffer.byteLength(join(folder, "LOCK.sock")) <= 100 ? join(folder, "LOCK.sock") : undefined;
  if (socketPath === undefined) throw new Error("the temporary folder's path is too long for this test");
  const child = spawn(process.execPath, [
    "-e",
    `require("node:net").createServer((s) => s.destroy()).listen(process.argv[1], () => console.log("listening"))`,
    socketPath,
  ]);
  await once(child.stdout, "data");
  await writeFile(join(folder, "LOCK"), `${child.pid} then\n`);
  await expect(host.files.lock(folder)).rejects.toMatchObject({
    code: "HOST_LOCKED",
    message: `datadir already used by another process (pid ${child.pid})`,
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  await using lock = await host.files.lock(folder);
  expect(lock).toBeDefined();
  expect(await readFile(join(folder, "LOCK"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
});

test("a folder whose path is too long for a socket is locked too", async () => {
  const folder = join(root, "long".repeat(30));
  await mkdir(folder);
  await using lock = await host.files.lock(folder);
  await expect(host.files.lock(folder)).rejects.toMatchObject({ code: "HOST_LOCKED" });
  expect(lock).toBeDefined();
});

test("TCP both ways, and a refused dial by name", async () => {
  const received: number[] = [];
  const listener = await host.net.listenTcp({ host: "127.0.0.1", port: 0 }, (socket) => {
    socket.onData((chunk) => {
      socket.write(chunk.map((byte) => byte + 1));
      socket.end();
    });
    socket.onClose(() => {});
  });
  const socket = await host.net.dialTcp(listener.local);
  const closed = new Promise<Error | undefined>((resolve) => socket.onClose(resolve));
  socket.onData((chunk) => received.push(...chunk));
  socket.write(Uint8Array.of(1, 2, 3));
  expect(await closed).toBeUndefined();
  expect(received).toEqual([2, 3, 4]);
  await listener.close();
  const refused = await host.net.dialTcp(listener.local).then(
    (late) => new Promise<unknown>((resolve) => late.onClose(resolve)),
    (error: unknown) => error,
  );
  expect(String(refused)).toMatch(CLOSED_PORT);
});

test("UDP both ways on one address and on all, a port that is taken, and nothing after the end", async () => {
  const one = await host.net.bindUdp({ host: "127.0.0.1", port: 0 });
  const all = await host.net.bindUdp({ host: "", port: 0 });
  const answered = new Promise<{ bytes: Uint8Array; from: unknown }>((resolve) => {
    one.onMessage((bytes, from) => resolve({ bytes, from }));
  });
  all.onMessage((bytes, from) =>
    all.send(
      bytes.map((byte) => byte + 1),
      from,
    ),
  );
  one.send(Uint8Array.of(1, 2), { host: "127.0.0.1", port: all.local.port });
  expect(await answered).toEqual({
    bytes: Uint8Array.of(2, 3),
    from: { host: "127.0.0.1", port: all.local.port },
  });
  await expect(host.net.bindUdp(one.local)).rejects.toMatchObject({
    code: "HOST_LISTEN_FAILED",
    data: { why: "EADDRINUSE" },
  });
  one.send(Uint8Array.of(1), { host: "2001:db8::1", port: 0 });
  await Promise.all([one.close(), one.close(), all.close()]);
  one.send(Uint8Array.of(1), all.local);
});

test("F38 a port that is taken is an error with its exit code", async () => {
  const first = await host.net.listenTcp({ host: "127.0.0.1", port: 0 }, () => {});
  await expect(host.net.listenTcp(first.local, () => {})).rejects.toMatchObject({
    code: "HOST_LISTEN_FAILED",
    exitCode: 6,
  });
  await first.close();
});

test("sleep ends early with its signal's reason", async () => {
  const stopping = new AbortController();
  const sleeping = host.clock.sleep(1_000_000, { signal: stopping.signal });
  stopping.abort(new Error("enough"));
  await expect(sleeping).rejects.toThrow("enough");
});

test("JS-04 a delay past what timers hold does not fire at once", () => {
  let fired = false;
  const timer = host.clock.after(2 ** 40, () => {
    fired = true;
  });
  timer.cancel();
  expect(fired).toBe(false);
});
