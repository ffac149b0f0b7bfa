import { createHash } from "node:crypto";
import { readFile, realpath, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostError } from "#host";

/** Longest path a unix socket takes on every system we run on. */
const LONGEST_SOCKET_PATH = 100;

/** Folders locked by this process: a second lock in the same process must fail like one in another (ND-01). */
const held = new Set<string>();

function socketPathOf(folder: string): string {
  const digest = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  if (process.platform === "win32") return `\\\\.\\pipe\\glim-lock-${digest}`;
  const path = join(folder, "LOCK.sock");
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH ? path : join(tmpdir(), `glim-lock-${digest}.sock`);
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
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
    if (server === "taken") {
      if (await isAlive(path)) throw HostError("LOCKED", { folder, pid: await holderOf(real) });
      await rm(path, { force: true });
      server = await listen(path);
      if (server === "taken") throw HostError("LOCKED", { folder, pid: await holderOf(real) });
    }
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
