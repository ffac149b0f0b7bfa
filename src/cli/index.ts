/**
 * cli: the command `glim`: flags from tables, commands that put the parts together. The only room that knows terminals,
 * signals and exit codes; `main.ts` is the program itself.
 */
export type { Io } from "./io.ts";
export { runCommandLine } from "./run.ts";
