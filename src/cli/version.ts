import { readFileSync } from "node:fs";

/** The package's version, read from package.json beside `dist` or `src`: said once. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
).version;

/** Instance name of `glim node` and `glim light`: their folder in the data directory. */
export const INSTANCE = "glim";
