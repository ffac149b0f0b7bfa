import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const base = {
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
};
const shared = {
  pool: "threads" as const,
  setupFiles: ["test/kit/strict.ts"],
};

const DISCOVERY = ["test/interop/discovery-*.test.ts"];

/** What takes over twenty seconds, the longest first: begun last, one of them would run alone at the end. */
const LONGEST = [
  ..."cli-chain cli-discovery cli sync-kill cli-accounts disk-full faults damaged-log".split(" ").map(unit),
  "src/core/geth-1.8.test.ts",
  "src/eth/downloader/downloader.test.ts",
  "test/examples/examples.test.ts",
  ..."lies operate required-blocks serve-chain cli-console signals cli-config".split(" ").map(unit),
  ..."rpc-accounts chain-kill rpc-ethers fakepow call-threads".split(" ").map(unit),
  ..."eth-serve eth-node eth-five eth-sync p2p-geth les-server-geth".split(" ").map(interop),
  ..."merged-follow eth-protocol chain-files rpc-debug devp2p-tool".split(" ").map(interop),
];

function unit(name: string): string {
  return `test/unit/${name}.test.ts`;
}

function interop(name: string): string {
  return `test/interop/${name}.test.ts`;
}

/** Vitest's own order knows durations from a run before, and a fresh clone has none. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((path) => moduleId.endsWith(`/${path}`));
      return at === -1 ? LONGEST.length : at;
    };
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  ...base,
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...base,
        test: {
          ...shared,
          name: "unit",
          include: ["src/**/*.test.ts", "test/{unit,vectors,examples}/**/*.test.ts"],
          testTimeout: 300_000, // some start a dozen programs, and the machine may be busy
          hookTimeout: 300_000,
          maxWorkers: availableParallelism() + 1, // many wait for processes
        },
      },
      {
        ...base,
        test: {
          ...shared,
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          exclude: DISCOVERY,
          testTimeout: 300_000,
          hookTimeout: 900_000,
          maxWorkers: availableParallelism(), // most of the time they wait for a block of geth's
        },
      },
      {
        ...base,
        test: {
          ...shared,
          name: "interop-discovery",
          include: DISCOVERY,
          testTimeout: 300_000,
          hookTimeout: 900_000,
          fileParallelism: false, // geth gives a search up when its neighbours answer late
          sequence: { groupOrder: 2 }, // after the others
        },
      },
      {
        ...base,
        test: {
          ...shared,
          name: "long",
          include: ["test/long/*.test.ts"],
          testTimeout: 3_600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        ...base,
        test: {
          ...shared,
          name: "vectors",
          include: ["test/long/vectors/*.test.ts"],
          testTimeout: 36_000_000,
          sequence: { groupOrder: 1 }, // after the others; then a worker per core
          maxWorkers: availableParallelism(),
        },
      },
    ],
  },
});
