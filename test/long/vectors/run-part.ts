// The published execution tests in parts, so that each core has one.
import { describe, expect, test } from "vitest";
import { specSets } from "../../kit/spec-sets.ts";
import { knownFailures, slowFiles } from "./exceptions.ts";

/** Parts: test files of this folder. */
const PARTS = 8;

/** Case by case: what failed and is not known to, and what is known to and did not. */
async function problemsOf(set: (typeof specSets)[number], part: number): Promise<string[]> {
  using open = set.open();
  const wrong: string[] = [];
  const mine = open.files.filter((_, index) => index % PARTS === part);
  for (const file of mine.filter((path) => !isSlow(path)))
    for (const one of open.cases(file)) {
      const problem = await one.run().catch((error: unknown) => String(error));
      const name = `${set.name} ${file} ${one.name}`;
      const known = knownFailures.find(({ match }) => match.test(name));
      if (problem !== undefined && known === undefined) wrong.push(`${name}: ${problem}`);
      if (problem === undefined && known !== undefined)
        wrong.push(`${name}: passes, but is listed: ${known.why}`);
    }
  return wrong;
}

const isSlow = (path: string) =>
  process.env["GLIM_SLOW"] !== "1" && slowFiles.some(({ match }) => match.test(path));

/** Defines the tests of that part, 0 to 7: one for each set, and one skipped for each file that is left out. */
export function testPart(part: number): void {
  for (const set of specSets)
    describe.skipIf(set.why !== undefined)(
      `${set.name}${set.why === undefined ? "" : ` (${set.why})`}`,
      () => {
        test(`part ${part + 1} of ${PARTS}`, async () => {
          expect(await problemsOf(set, part)).toEqual([]);
        });
      },
    );
  if (part === 0 && process.env["GLIM_SLOW"] !== "1")
    for (const { match, seconds } of slowFiles)
      test.skip(`${match.source}: ${seconds} s; GLIM_SLOW=1 runs it`, () => {});
}
