import { readFile } from "node:fs/promises";
import type { Command } from "./command.ts";
import type { TableRow } from "./flags.ts";
import { VERSION } from "./version.ts";

const none = [] as const satisfies readonly TableRow[];

/** `glim version`: what one is asked for in a report of a fault. */
export const version: Command<typeof none> = {
  usage: "glim version",
  flags: none,
  async run(_, io) {
    io.print("Glim");
    io.print(`Version: ${VERSION}`);
    io.print(`Architecture: ${process.arch}`);
    io.print(`Node.js Version: ${process.version}`);
    io.print(`Operating System: ${process.platform}`);
  },
};

/** `glim license`: the text this program may be used under. */
export const license: Command<typeof none> = {
  usage: "glim license",
  flags: none,
  async run(_, io) {
    const text = await readFile(new URL("../../LICENSE", import.meta.url), "utf8");
    io.print(text.trimEnd());
  },
};
