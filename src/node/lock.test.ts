import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeHost } from "#host/node";
import { startProgram } from "../../test/kit/program.ts";
import { Node } from "./node.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const program = `
import { Node } from "glim/node";
const node = new Node({ name: "test", dataDir: process.env.GLIM_DIR });
try { await node.start(); console.log("started"); } catch (error) { console.log("refused", error.code, error.exitCode, error.message); process.exit(error.exitCode); }
process.once("SIGTERM", () => void node.stop());
setInterval(() => {}, 1000);
`;
const other = () => startProgram(["--input-type=module", "-e", program], { GLIM_DIR: folder });

test("ND-01 F38 another process holds the data directory: refused with geth's text, exit 3; when it is killed, the next one starts", async () => {
  await using first = other();
  await first.prints(/started/);
  await expect(new Node({ name: "test", dataDir: folder }).start()).rejects.toMatchObject({
    message: "datadir already used by another process",
    cause: { data: { pid: first.pid } },
  });
  await using second = other();
  await second.prints(/refused NODE_DATADIR_USED 3 datadir already used by another process/);
  expect(await second.ended()).toBe(3);
  await first.stop("SIGKILL");
  await using node = new Node({ name: "test", dataDir: folder });
  await node.start();
});

const leftBehind = `
require("node:net").createServer().listen(process.env.GLIM_DIR + "/LOCK.sock", () => process.kill(process.pid, "SIGKILL"));
`;

test("ND-01 F39 several processes at once find a lock whose holder was killed: one gets it", async () => {
  await startProgram(["-e", leftBehind], { GLIM_DIR: folder }).ended();
  expect(await readdir(folder)).toEqual(["LOCK.sock"]);
  const locker = `
import { nodeHost } from "glim/host/node";
const { files } = nodeHost();
console.log("ready");
process.stdin.once("data", async () => {
  try { await files.lock(process.env.GLIM_DIR); console.log("locked"); } catch (error) { console.log("refused", error.code); }
});
`;
  const lockers = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", locker], {
      env: { ...process.env, GLIM_DIR: folder },
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  const says = async (child: (typeof lockers)[number]) =>
    String((await once(child.stdout, "data"))[0]).trim();
  expect(await Promise.all(lockers.map(says))).toEqual(lockers.map(() => "ready"));
  const answers = Promise.all(lockers.map(says));
  for (const { stdin } of lockers) stdin.write("now");
  expect((await answers).sort()).toEqual(["locked", ...Array(5).fill("refused HOST_LOCKED")]);
  for (const child of lockers) child.kill("SIGKILL");
});

test("ND-01 a take-over that was killed on the way keeps nobody out", async () => {
  await startProgram(["-e", leftBehind], { GLIM_DIR: folder }).ended();
  const guard = join(folder, "LOCK.takeover");
  await mkdir(guard);
  await utimes(guard, 1, 1);
  await using lock = await nodeHost().files.lock(folder);
  expect(lock).toBeDefined();
  expect(await readdir(folder)).not.toContain("LOCK.takeover");
});
