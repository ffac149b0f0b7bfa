import type { TableRow } from "./flags.ts";
import { nodeFlags } from "./node-flags.ts";
import { chainOptions, devOptions, fullOptions, lightOptions, networkOptions } from "./options.ts";

/** Options of every command, so that a configuration file and flags before a command's name may say more than it uses. */
export const allOptions: readonly TableRow[] = [
  ...chainOptions,
  ...networkOptions,
  ...fullOptions,
  ...lightOptions,
  ...devOptions,
  ...nodeFlags,
];
