// F01, ST-06: 200 kills at any moment of imports, reorgs and syncs, other moments each time unless GLIM_SEED says which.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DisposeStack } from "#util";
import { afterAll, expect, test } from "vitest";
import { sealedChain } from "../kit/chains.ts";
import { startFullNode } from "../kit/full-node.ts";
import { importTarget, killAgain, reorgTarget, syncTarget } from "../kit/kills.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-kills-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const seed = Number(process.env["GLIM_SEED"] ?? Math.floor(Math.random() * 1e6));

test(`F01 70 kills of an import, seed ${seed}`, async () => {
  const chain = await sealedChain({ blocks: 1500, accounts: 4000, branch: { from: 1450, blocks: 60 } });
  const report = await killAgain(importTarget(chain, folder), 70, seed);
  console.log(JSON.stringify({ seed, ...report }));
  expect(report.kills).toBe(70);
});

test(`ST-06 70 kills in the middle of reorgs, seed ${seed}`, async () => {
  const report = await killAgain(reorgTarget(seed), 70, seed);
  console.log(JSON.stringify({ seed, ...report }));
  expect(report.kills).toBe(70);
});

test.each(["full", "fast"] as const)(`F01 30 kills of a %s sync, seed ${seed}`, async (mode) => {
  const chain = await sealedChain({ blocks: 1500, accounts: 4000, branch: { from: 1450, blocks: 60 } });
  const blocks = await chain.blocks();
  await using servers = new DisposeStack();
  const enodes: string[] = [];
  // one has the chain; the others make it five peers
  for (let i = 0; i < 5; i++)
    enodes.push(servers.use(await startFullNode({ spec: chain.spec, blocks: i === 0 ? blocks : [] })).enode);
  const report = await killAgain(syncTarget({ chain, enodes, mode, folder }), 30, seed);
  console.log(JSON.stringify({ mode, seed, ...report }));
  expect(report.kills).toBe(30);
});
