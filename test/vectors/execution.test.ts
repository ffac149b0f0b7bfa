import { describe, expect, test } from "vitest";
import { runBlockTest } from "../kit/block-tests.ts";
import { type Fixtures, openFixtures, whyNoFixtures } from "../kit/fixtures.ts";
import { type StateCase, stateCases } from "../kit/state-tests.ts";

/** Cases that take more than a second each; all of them pass in test/long. */
const SLOW = /stTimeConsuming|vmPerformance|stQuadratic|stAttackTest|50000|Loop|Blake2f|Call1MB|stMemoryStress|opcE|run_until_out_of_gas|DelegateCallSpam|ForkStress|randomStatetest/i;
/** One case of each file, then every so many-th of those. */
const STATE_SAMPLE = 200;

function sample(cases: readonly StateCase[], size: number): StateCase[] {
  const step = cases.length / size;
  return Array.from({ length: Math.min(size, cases.length) }, (_, i) => cases[Math.floor(i * step)]).filter((one) => one !== undefined);
}

function stateSample(archive: string): StateCase[] {
  using fixtures = openFixtures(archive);
  const files = fixtures.list("GeneralStateTests").filter((path) => !SLOW.test(path));
  // the last case of a file: tables end in their odd ones
  return sample(files.flatMap((path) => [...stateCases(fixtures.read(path))].slice(-1)), STATE_SAMPLE);
}

for (const archive of ["ethereum-tests-state-cancun", "legacytests-constantinople-state"]) {
  const why = whyNoFixtures(archive);
  describe.skipIf(why !== undefined)(`${archive}${why === undefined ? "" : ` (${why})`}`, () => {
    test(`${STATE_SAMPLE} state tests`, async () => {
      const wrong: string[] = [];
      const cases = stateSample(archive);
      for (const one of cases) {
        const problem = await one.run();
        if (problem !== undefined) wrong.push(`${one.name}: ${problem}`);
      }
      expect(cases.length).toBe(STATE_SAMPLE);
      expect(wrong).toEqual([]);
    });
  });
}

const whyNoBlocks = whyNoFixtures("ethereum-tests-blocks");
describe.skipIf(whyNoBlocks !== undefined)(`ethereum-tests-blocks${whyNoBlocks === undefined ? "" : ` (${whyNoBlocks})`}`, () => {
  const run = async (pick: (fixtures: Fixtures) => readonly string[]) => {
    using fixtures = openFixtures("ethereum-tests-blocks");
    const wrong: string[] = [];
    const done = { chains: 0, blocks: 0, refused: 0 };
    for (const path of pick(fixtures).filter((name) => !SLOW.test(name)))
      for (const [name, vector] of Object.entries(fixtures.read(path) as object)) {
        const result = await runBlockTest(name, vector);
        done.chains++;
        if ("problem" in result) wrong.push(result.problem);
        else {
          done.blocks += result.blocks;
          done.refused += result.refusals.length;
        }
      }
    expect(wrong).toEqual([]);
    return done;
  };

  test("transitions between forks: ethash and its uncles, the DAO, the merge, withdrawals", async () => {
    expect(await run((fixtures) => fixtures.list("TransitionTests"))).toEqual({
      chains: 21,
      blocks: 174,
      refused: 49,
    });
  });

  test("LC-06 blocks that must be refused: header, body, uncles, bytes, execution", async () => {
    const done = await run((fixtures) => fixtures.list("InvalidBlocks"));
    expect(done.chains).toBe(131);
    expect(done.refused).toBeGreaterThan(200);
  });

  test("a sixth of the valid blocks", async () => {
    const done = await run((fixtures) => fixtures.list("ValidBlocks").filter((_, i) => i % 6 === 0));
    expect(done.blocks).toBeGreaterThan(50);
  });
});
