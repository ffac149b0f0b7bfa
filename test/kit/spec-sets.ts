// The published execution tests, set by set, wherever they lie.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BlockTestResult, runBlockTest } from "./block-tests.ts";
import { openFixtures, whyNoFixtures } from "./fixtures.ts";
import { stateCases } from "./state-tests.ts";

/** A case of a published set. `run` gives undefined if it passed, else what went wrong. */
export interface SpecCase {
  readonly name: string;
  run(): Promise<string | undefined>;
}

/** A published set, open: JSON files, each with its cases. */
export interface OpenSet extends Disposable {
  readonly files: readonly string[];
  cases(file: string): Iterable<SpecCase>;
}

/** One published set. */
export interface SpecSet {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly why: string | undefined;
  open(): OpenSet;
}

const problemOf = (result: BlockTestResult | { problem: string }) =>
  "problem" in result ? result.problem : undefined;

function* blockCases(file: unknown): Generator<SpecCase> {
  for (const [name, vector] of Object.entries(file as object))
    yield { name, run: async () => problemOf(await runBlockTest(name, vector)) };
}

type Kind = (file: unknown) => Iterable<SpecCase>;

/** An archive of ../shared/data/fixtures. */
function archived(archive: string, folders: readonly string[], cases: Kind): SpecSet {
  return {
    name: archive,
    why: whyNoFixtures(archive),
    open() {
      const fixtures = openFixtures(archive);
      return {
        files: folders.flatMap((folder) => fixtures.list(folder)),
        cases: (file) => cases(fixtures.read(file)),
        [Symbol.dispose]: () => fixtures[Symbol.dispose](),
      };
    },
  };
}

/** A folder below GLIM_VECTORS, made by scripts/extract-vectors.mjs. */
function extracted(folder: string, cases: Kind): SpecSet {
  const vectors = process.env["GLIM_VECTORS"];
  const root = join(vectors ?? "", folder);
  const absent = existsSync(root) ? undefined : `${folder} is not in GLIM_VECTORS`;
  return {
    name: folder,
    why: vectors === undefined ? "GLIM_VECTORS is not set" : absent,
    open: () => ({
      files: readdirSync(root, { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".json"))
        .sort(),
      cases(file) {
        const text = readFileSync(join(root, file), "utf8");
        // the clone holds a pointer to the file, not the file
        return text.startsWith("version https://git-lfs") ? [] : cases(JSON.parse(text));
      },
      [Symbol.dispose]: () => {},
    }),
  };
}

const blockFolders = ["TransitionTests", "InvalidBlocks", "ValidBlocks"];

/**
 * ethereum/tests (Cancun and transitions), ethereum/legacytests (Frontier to Cancun as they were filled then) at 71560ecd, and
 * execution-spec-tests v5.4.0 (Frontier to Osaka; github.com/erigontech/eest-fixtures at ec66995f).
 */
export const specSets: readonly SpecSet[] = [
  archived("ethereum-tests-state-cancun", ["GeneralStateTests"], stateCases),
  archived("legacytests-constantinople-state", ["GeneralStateTests"], stateCases),
  archived("ethereum-tests-blocks", blockFolders, blockCases),
  extracted("eest-fixtures/state_tests", stateCases),
  extracted("eest-fixtures/blockchain_tests", blockCases),
  extracted("legacytests/Cancun/GeneralStateTests", stateCases),
  extracted("legacytests/Cancun/BlockchainTests", blockCases),
  extracted("legacytests/Constantinople/BlockchainTests", blockCases),
];
