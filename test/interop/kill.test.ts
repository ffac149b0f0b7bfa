// F01, ST-06: programs killed at any moment of an import and of reorgs restart on a whole chain. 200 kills: test/long.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sealedChain } from "../kit/chains.ts";
import { importTarget, killAgain, reorgTarget } from "../kit/kills.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-kills-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const seed = Number(process.env["GLIM_SEED"] ?? 4);

test(`F01 12 kills of an import, seed ${seed}`, async () => {
  const chain = await sealedChain({ blocks: 1500, accounts: 4000, branch: { from: 1450, blocks: 60 } });
  const report = await killAgain(importTarget(chain, folder), 12, seed);
  expect(report.kills).toBe(12);
  expect(report.progressed).toBeGreaterThan(0);
});

test(`ST-06 13 kills in the middle of reorgs, seed ${seed}`, async () => {
  const report = await killAgain(reorgTarget(seed), 13, seed);
  expect(report.kills).toBe(13);
  expect(report.progressed).toBeGreaterThan(5);
});
