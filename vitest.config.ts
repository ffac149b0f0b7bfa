import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const base = {
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
};
const shared = {
  pool: "threads" as const,
  setupFiles: ["test/kit/strict.ts"],
};

const DISCOVERY = ["test/interop/discovery-*.test.ts"];

export default defineConfig({
  ...base,
  test: {
    projects: [
      {
        ...base,
        test: {
          ...shared,
          name: "unit",
          include: ["src/**/*.test.ts", "test/{unit,vectors,examples}/**/*.test.ts"],
          testTimeout: 120_000,
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
