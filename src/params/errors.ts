import { defineErrors } from "#util";

/** What can be wrong with a genesis file or a fork order. All are the operator's: exit code 2. */
export const ParamsError = defineErrors("PARAMS", {
  BAD_GENESIS: {
    message: (d: { path: string; problem: string }) => `genesis: ${d.path}: ${d.problem}`,
    blame: "environment",
    exitCode: 2,
  },
  FORK_ORDER: {
    message: (d: { earlier: string; later: string }) =>
      `unsupported fork order: ${d.earlier} must not come after ${d.later}`,
    blame: "environment",
    exitCode: 2,
  },
});
