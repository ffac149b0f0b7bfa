import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeHost } from "#host/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { call, ipcLine } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { IpcEndpoint } from "./ipc.ts";
import type { RpcLimits } from "./limits.ts";
import { RpcServer } from "./server.ts";

let folder = "";
const open: IpcEndpoint[] = [];
const server = new RpcServer({ apis: new TestService().apis, host: nodeHost() });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-ipc-"));
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await rm(folder, { recursive: true, force: true });
});

async function listen(name = "glim.ipc", limits: Partial<RpcLimits> = {}) {
  const endpoint = await IpcEndpoint.open({ path: join(folder, name), server, limits });
  open.push(endpoint);
  return endpoint;
}

async function answers(path: string): Promise<boolean> {
  const line = await ipcLine(path);
  line.send(call(1, "nftest_echo", [1]));
  const reply = await line.next();
  line.close();
  return reply === '{"jsonrpc":"2.0","id":1,"result":1}';
}

describe("RP-21 the socket", () => {
  test("is 0600 in a 0700 folder, and nothing else is left beside it", async () => {
    const { path } = await listen(join("new", "folder", "glim.ipc"));
    expect(await answers(path)).toBe(true);
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect((await lstat(join(folder, "new"))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, "new", "folder"))).toEqual(["glim.ipc"]);
  });

  test("is never wider than 0600: it is bound in a private folder and renamed", async () => {
    const modes = new Set<number>();
    let isOver = false;
    const watch = (async () => {
      while (!isOver) {
        for (const name of await readdir(folder)) {
          const there = await lstat(join(folder, name)).catch(() => undefined);
          if (there?.isSocket() === true) modes.add(there.mode & 0o777);
          if (there?.isDirectory() === true) modes.add(there.mode & 0o077); // what others could reach through it
        }
      }
    })();
    for (let i = 0; i < 20; i++) {
      const endpoint = await IpcEndpoint.open({ path: join(folder, `s${i}`), server });
      await endpoint.close();
    }
    isOver = true;
    await watch;
    modes.delete(0o600);
    modes.delete(0);
    expect([...modes]).toEqual([]);
  });

  test("a live one is left alone", async () => {
    const { path } = await listen();
    await expect(listen()).rejects.toMatchObject({ code: "RPC_IPC_TAKEN", data: { path }, exitCode: 3 });
    expect(await answers(path)).toBe(true);
  });

  test("a dead one of ours is replaced", async () => {
    const path = join(folder, "glim.ipc");
    const dead = createServer().listen(path);
    await new Promise<void>((resolve) => dead.once("listening", () => resolve()));
    await new Promise<void>((resolve) => {
      // closing would unlink it: keep the file under another name and put it back
      void import("node:fs/promises").then(async ({ link }) => {
        await link(path, `${path}.kept`);
        dead.close(() => resolve());
      });
    });
    const { rename } = await import("node:fs/promises");
    await rename(`${path}.kept`, path);
    expect((await lstat(path)).isSocket()).toBe(true);
    await listen();
    expect(await answers(path)).toBe(true);
  });

  test("a symbolic link, a file, a folder at its path are refused and left as they are", async () => {
    const target = join(folder, "target");
    await writeFile(target, "precious");
    await symlink(target, join(folder, "link.ipc"));
    await writeFile(join(folder, "file.ipc"), "precious");
    await mkdir(join(folder, "dir.ipc"));
    for (const name of ["link.ipc", "file.ipc", "dir.ipc"])
      await expect(listen(name)).rejects.toMatchObject({ code: "RPC_IPC_REFUSED", exitCode: 2 });
    expect((await lstat(join(folder, "link.ipc"))).isSymbolicLink()).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(["dir.ipc", "file.ipc", "link.ipc", "target"]);
  });

  test("a path longer than the system takes is refused with the number", async () => {
    await expect(listen("x".repeat(120))).rejects.toMatchObject({
      code: "RPC_IPC_REFUSED",
      message: expect.stringContaining("107") as string,
    });
  });

  test("a folder nobody may write to is a clear error", async () => {
    if (process.getuid?.() === 0) return; // root may
    await mkdir(join(folder, "ro"));
    await chmod(join(folder, "ro"), 0o500);
    await expect(listen(join("ro", "glim.ipc"))).rejects.toMatchObject({ code: "EACCES" });
  });

  test("is removed at the end, unless somebody else's is there by then", async () => {
    const { path } = await listen();
    for (const one of open.splice(0)) await one.close();
    expect(await readdir(folder)).toEqual([]);
    const mine = await listen();
    await rm(path);
    await writeFile(path, "other");
    await mine.close();
    open.splice(0);
    expect(await readdir(folder)).toEqual(["glim.ipc"]);
  });

  test("256 clients, the next is turned away; a place that gets free is given again", async () => {
    const endpoint = await listen("glim.ipc", { ipcConnections: 3 });
    const lines = await Promise.all([1, 2, 3].map(() => ipcLine(endpoint.path)));
    while (endpoint.connectionCount < 3) await new Promise((resolve) => setImmediate(resolve));
    const extra = await ipcLine(endpoint.path);
    await extra.closed;
    expect(endpoint.connectionCount).toBe(3);
    lines[0]?.close();
    while (endpoint.connectionCount === 3) await new Promise((resolve) => setImmediate(resolve));
    expect(await answers(endpoint.path)).toBe(true);
    for (const line of lines) line.close();
  });

  test("an endless line is cut at the bound: -32003, closed, nothing kept", async () => {
    const endpoint = await listen("glim.ipc", { ipcMessageBytes: 1_000_000 });
    const line = await ipcLine(endpoint.path);
    line.socket.write("[");
    const pump = (socket: Socket) => {
      if (!socket.destroyed && socket.writable) socket.write(`${"1,".repeat(32_768)}`, () => pump(socket));
    };
    pump(line.socket);
    expect(JSON.parse(await line.next())).toMatchObject({ id: null, error: { code: -32003 } });
    await line.closed;
    expect(await answers(endpoint.path)).toBe(true);
  });

  test("a message at the bound is served", async () => {
    const { path } = await listen("glim.ipc", { ipcMessageBytes: 1_000 });
    const line = await ipcLine(path);
    line.send(
      call(1, "nftest_echo", [1]).replace("{", `{${" ".repeat(1_000 - call(1, "nftest_echo", [1]).length)}`),
    );
    expect(await line.next()).toContain('"result":1');
    line.close();
  });
});

describe("RP-21 what all messages over IPC take together", () => {
  const KIB = 1024;

  test("attack/RP-21 past it -32005 and closed; small ones pass, and large ones when there is room", async () => {
    const { path } = await listen("room.ipc", { ipcMessagesBytes: 200 * KIB });
    const first = await ipcLine(path);
    first.send(call(1, "nftest_echo", [1]) + "[" + " ".repeat(150 * KIB)); // the first is answered when all of it has come
    expect(await first.next()).toContain('"result":1');
    const second = await ipcLine(path);
    second.send(call(1, "nftest_echo", [1]));
    expect(await second.next()).toContain('"result":1');
    const large = `[${" ".repeat(100 * KIB)}${call(1, "nftest_echo", [2])}]`;
    let refused = "";
    for (let line = second; refused === ""; line = await ipcLine(path)) {
      line.send(large); // the rest of the first one's may still come in
      const reply = await line.next();
      if (reply.includes("error")) refused = reply;
      else line.close();
    }
    expect(JSON.parse(refused)).toEqual({
      ...{ jsonrpc: "2.0", id: null },
      error: { code: -32005, message: "server is busy: no room for the message" },
    });
    first.send(`${call(1, "nftest_echo", [3])}]`);
    expect(await first.next()).toContain('"result":3');
    const third = await ipcLine(path);
    third.send(large);
    expect(await third.next()).toContain('"result":2');
    for (const line of [first, third]) line.close();
  });
});
