import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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

test("ND-01 another process holds the data directory: refused with geth's text, exit 3; when it is killed, the next one starts", async () => {
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
