import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { ProcessMeter } from "./process-figures.ts";
import { lostThreads, nodeThreads } from "./threads.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-threads-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A module that answers "well", and falls over anything else. */
function moduleNamed(name: string): URL {
  const path = join(folder, `${name}.js`);
  writeFileSync(
    path,
    `require("node:worker_threads").parentPort.on("message", function (message) {
       if (message !== "well") throw new Error("fell");
       this.postMessage("done");
     });`,
  );
  return pathToFileURL(path);
}

/** Starts one and sends it a message; true if it answered. */
const tell = (module: URL, message: string): Promise<boolean> =>
  new Promise((resolve) => {
    const thread = nodeThreads.start(module, {
      heapMb: 32,
      onMessage: () => void thread?.end().then(() => resolve(true)),
      onEnd: () => resolve(false),
    });
    thread?.setBusy(true);
    thread?.post(message);
  });

test("F33 three falls in a row are told of; an answer in between, or an end of ours, is no fall", async () => {
  using meter = new ProcessMeter();
  const module = moduleNamed("falls");
  for (const message of ["ill", "ill", "well", "ill", "ill"])
    expect(await tell(module, message)).toBe(message === "well");
  expect(lostThreads()).not.toContain("falls");
  const before = meter.read().lostThreads;
  expect(await tell(module, "ill")).toBe(false);
  expect(lostThreads()).toContain("falls");
  expect(meter.read().lostThreads).toBe(before + 1);
});
