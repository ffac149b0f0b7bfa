import { describe, expect, test } from "vitest";
import { runBlockTest } from "../kit/block-tests.ts";
import { openFixtures, whyNoFixtures } from "../kit/fixtures.ts";
import { stateCases } from "../kit/state-tests.ts";

/** Minutes each in any JavaScript EVM; not run. */
const HOURS =
  /vmPerformance|stQuadratic|stAttackTest|50000|Call1MB|stMemoryStress|LoopCallsDepth|MaxRounds|loopExp|loopMul/i;

for (const archive of ["ethereum-tests-state-cancun", "legacytests-constantinople-state"]) {
  const why = whyNoFixtures(archive);
  test.skipIf(why !== undefined)(`all of ${archive}${why === undefined ? "" : ` (${why})`}`, async () => {
    using fixtures = openFixtures(archive);
    const wrong: string[] = [];
    for (const path of fixtures.list("GeneralStateTests"))
      if (!HOURS.test(path))
        for (const one of stateCases(fixtures.read(path))) {
          const problem = await one.run();
          if (problem !== undefined) wrong.push(`${path} ${one.name}: ${problem}`);
        }
    expect(wrong).toEqual([]);
  });
}

const why = whyNoFixtures("ethereum-tests-blocks");
describe.skipIf(why !== undefined)(`ethereum-tests-blocks${why === undefined ? "" : ` (${why})`}`, () => {
  test("all valid blocks, invalid blocks and transitions", async () => {
    using fixtures = openFixtures("ethereum-tests-blocks");
    const wrong: string[] = [];
    for (const path of ["TransitionTests", "InvalidBlocks", "ValidBlocks"].flatMap((set) =>
      fixtures.list(set),
    ))
      for (const [name, vector] of Object.entries(fixtures.read(path) as object)) {
        const result = await runBlockTest(name, vector);
        if ("problem" in result) wrong.push(result.problem);
      }
    expect(wrong).toEqual([]);
  });
});
