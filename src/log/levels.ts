export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** By geth's numbers: 0 prints nothing, 5 everything. */
export const logLevels = [
  "silent",
  "error",
  "warn",
  "info",
  "debug",
  "trace",
] as const satisfies readonly LogLevel[];

/** The number of a level, 0 to 5. */
export const levelNumber = (level: LogLevel): number => logLevels.indexOf(level);
