#!/usr/bin/env node
import { nodeHost } from "#host/node";
import { processIo } from "./io.ts";
import { runCommandLine } from "./run.ts";

/** What nobody caught: say where, end the process; its state is unknown (attacks-and-faults §4.2). */
function onFault(error: unknown): void {
  process.stderr.write(
    `glim: internal fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(70);
}

process.on("unhandledRejection", onFault);
process.on("uncaughtException", onFault);
const io = processIo(process, nodeHost().clock);
const code = await runCommandLine(process.argv.slice(2), io).catch((error: unknown) => {
  onFault(error);
  return 70;
});
process.exit(code);
