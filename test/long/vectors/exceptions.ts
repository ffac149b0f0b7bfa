// Cases of the published sets that are not run, or fail, one by one: what, why, and what geth does with it.

/** A case that we fail. */
export interface KnownFailure {
  /** Of the set's name, file and case, joined by blanks. */
  readonly match: RegExp;
  readonly why: string;
  readonly geth: "passes" | "fails";
}

export const knownFailures: readonly KnownFailure[] = [
  {
    match: /blockchain_?tests.*timestamp_1844674407370955161[0-9]/i,
    why: "times are numbers here: a block after the year 285,000,000 is refused",
    geth: "passes",
  },
];

/** Files that take a JavaScript EVM many minutes; run where GLIM_SLOW is 1. Seconds of one core, measured. */
export const slowFiles: readonly { readonly match: RegExp; readonly seconds: number }[] = [
  { match: /vmPerformance\/loopMul/, seconds: 457 },
];
