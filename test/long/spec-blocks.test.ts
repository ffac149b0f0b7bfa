// BlockchainTests too large to be kept anywhere near: headers, bodies, execution, the head. GLIM_VECTORS names a folder with
//   eest-fixtures  github.com/erigontech/eest-fixtures at ec66995f0d: execution-spec-tests v5.4.0, Frontier to Osaka
//   legacytests    github.com/ethereum/legacytests at 71560ecd: Frontier to Cancun as they were filled then
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runBlockTest } from "../kit/block-tests.ts";

const vectors = process.env["GLIM_VECTORS"];
const folders = [
  "eest-fixtures/blockchain_tests",
  "legacytests/Constantinople/BlockchainTests",
  "legacytests/Cancun/BlockchainTests",
];

/** What we fail and why; geth passes these. Times are numbers here, and a block after the year 285,000,000 is refused. */
const KNOWN = /timestamp_1844674407370955161[0-9]/;
/** Minutes each in any JavaScript EVM; not run. */
const HOURS =
  /vmPerformance|stQuadratic|stAttackTest|50000|Call1MB|stMemoryStress|LoopCallsDepth|MaxRounds|loopExp|loopMul|stTimeConsuming|randomStatetest94/i;

async function problemsOf(folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json") && !HOURS.test(path))
    .sort();
  for (const path of files) {
    const text = readFileSync(join(folder, path), "utf8");
    if (text.startsWith("version https://git-lfs")) continue;
    for (const [name, vector] of Object.entries(JSON.parse(text) as object)) {
      if (KNOWN.test(name)) continue;
      const problem = await runBlockTest(name, vector).then(
        (result) => ("problem" in result ? result.problem : undefined),
        (error: unknown) => `${name}: ${String(error)}`,
      );
      if (problem !== undefined) wrong.push(`${path}: ${problem}`);
    }
  }
  return wrong;
}

describe.each(folders)("%s", (folder) => {
  const root = join(vectors ?? "", folder);
  const why =
    vectors === undefined ? "GLIM_VECTORS is not set" : existsSync(root) ? undefined : "not in GLIM_VECTORS";
  const sets = why === undefined ? readdirSync(root).sort() : ["all"];
  test.for(sets)("%s", async (set, { skip }) => {
    if (why !== undefined) return skip(why);
    expect(await problemsOf(join(root, set))).toEqual([]);
  });
});
