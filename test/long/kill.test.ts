// F01, ST-06: 200 kills at any moment of imports and reorgs, other moments each time unless GLIM_SEED says which.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sealedChain } from "../kit/chains.ts";
import { importTarget, killAgain, reorgTarget } from "../kit/kills.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-kills-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const seed = Number(process.env["GLIM_SEED"] ?? Math.floor(Math.random() * 1e6));

test(`F01 100 kills of an import, seed ${seed}`, async () => {
  const chain = await sealedChain({ blocks: 1500, accounts: 4000, branch: { from: 1450, blocks: 60 } });
  const report = await killAgain(importTarget(chain, folder), 100, seed);
  console.log(JSON.stringify({ seed, ...report }));
  expect(report.kills).toBe(100);
});

test(`ST-06 100 kills in the middle of reorgs, seed ${seed}`, async () => {
  const report = await killAgain(reorgTarget(seed), 100, seed);
  console.log(JSON.stringify({ seed, ...report }));
  expect(report.kills).toBe(100);
});
