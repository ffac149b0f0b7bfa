import { expect, test } from "vitest";
import { memoryStore } from "#ethdb";
import { type ChainConfig, mainnetConfig, sepoliaConfig } from "#params";
import { cliqueOf, makeEngine } from "./engine.ts";

const clique = { period: 1, epoch: 30_000 };
const cases: readonly (readonly [string, ChainConfig, readonly string[]])[] = [
  ["nothing but forks", { chainId: 1n }, ["ethash"]],
  ["clique", { chainId: 1n, clique }, ["clique"]],
  ["clique that has merged", { chainId: 1n, clique, terminalTotalDifficulty: 10n }, ["beacon", "clique"]],
  ["merged from the start", { chainId: 1n, terminalTotalDifficulty: 0n }, ["beacon", "ethash"]],
  ["the main network", mainnetConfig, ["beacon", "ethash"]],
  ["sepolia", sepoliaConfig, ["beacon", "ethash"]],
];
test.each(cases)("the engine of a genesis: %s", async (_, config, names) => {
  const engine = makeEngine(config, memoryStore());
  const inner = "inner" in engine ? [(engine.inner as typeof engine).name] : [];
  expect([engine.name, ...inner]).toEqual(names);
  expect(cliqueOf(engine)?.name).toBe(names.includes("clique") ? "clique" : undefined);
  await engine.close?.();
});
