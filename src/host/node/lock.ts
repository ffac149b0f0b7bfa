import { createHash } from "node:crypto";
import { mkdir, readFile, realpath, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HostError } from "#host";

/** Longest path a unix socket takes on every system we run on. */
const LONGEST_SOCKET_PATH = 100;

/** A take-over needs some 100 ms; one that is older than this was never finished. */
const TAKE_OVER_MS = 5_000;
const POLL_MS = 20;
const LOOK_AGAIN_MS = 50;

/** Folders locked by this process: a second lock in the same process must fail like one in another (ND-01). */
const held = new Set<string>();

function socketPathOf(folder: string): string {
  const digest = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  if (process.platform === "win32") return `\\\\.\\pipe\\glim-lock-${digest}`;
  const path = join(folder, "LOCK.sock");
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH ? path : join(tmpdir(), `glim-lock-${digest}.sock`);
}

/** Whoever cannot be asked (busy, another user's) counts as alive: only a refused connection tells that nobody listens. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}

function listen(path: string): Promise<Server | "taken"> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve("taken") : reject(error),
    );
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function holderOf(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, "LOCK"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

async function hasMade(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Puts our socket in the place of one that was left behind. One process at a time may do it: of two that see the same dead
 * socket, the second would delete the first one's. The folder `guard` says so; it is forgotten if its maker died on the way.
 */
async function takeOver(path: string, guard: string): Promise<Server | "taken"> {
  while (!(await hasMade(guard))) {
    const { mtimeMs } = await stat(guard).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > TAKE_OVER_MS) await rmdir(guard).catch(() => {});
    else await sleep(POLL_MS);
  }
  try {
    for (let looks = 0; looks < 2; looks++) {
      if (await isAlive(path)) return "taken";
      await sleep(LOOK_AGAIN_MS); // a socket that is bound refuses until it listens
    }
    await rm(path, { force: true });
    return await listen(path);
  } finally {
    await rmdir(guard).catch(() => {});
  }
}

/**
 * The data-directory lock: a listening unix socket, which the kernel frees when the process dies; connecting tells a
 * live holder from a socket that was left behind. `LOCK` beside it holds pid and start time for the message.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const real = await realpath(folder);
  if (held.has(real)) throw HostError("LOCKED", { folder, pid: process.pid });
  held.add(real);
  try {
    const path = socketPathOf(real);
    let server = await listen(path);
    if (server === "taken" && !(await isAlive(path)))
      server = await takeOver(path, join(real, "LOCK.takeover"));
    if (server === "taken") throw HostError("LOCKED", { folder, pid: await holderOf(real) });
    const listening = server;
    await writeFile(join(real, "LOCK"), `${process.pid} ${new Date().toISOString()}\n`, { mode: 0o600 });
    return {
      async [Symbol.asyncDispose]() {
        if (!held.delete(real)) return;
        await new Promise<void>((resolve) => listening.close(() => resolve()));
      },
    };
  } catch (error) {
    held.delete(real);
    throw error;
  }
}
