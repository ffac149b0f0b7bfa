#!/usr/bin/env node
import { nodeHost } from "#host/node";
import * as nodeModule from "node:module";
import { join } from "node:path";
import { processIo } from "./io.ts";
import { runCommandLine } from "./run.ts";

/**
 * Since 22.8 Node.js keeps what it compiled: a quarter less processor for the next start. In the user's own cache, as in the folder of
 * everybody's temporary files somebody else may have put it there. Where there is none, or it cannot be written, nothing happens.
 */
const { HOME, XDG_CACHE_HOME = HOME === undefined ? undefined : join(HOME, ".cache") } = process.env;
type KeepsCode = { readonly enableCompileCache?: (folder: string) => unknown }; // not in the types of Node.js 20
if (XDG_CACHE_HOME !== undefined)
  (nodeModule as KeepsCode).enableCompileCache?.(join(XDG_CACHE_HOME, "glim", "compiled"));

/** How long what runs may take to end after a fault. */
const FAULT_DEADLINE_MS = 5_000;
const FAULT = 70;

const { clock } = nodeHost();
const faulted = new AbortController();
const fault = { signal: faulted.signal, endings: new Set<Promise<void>>() };

/**
 * What nobody caught: say where, end what runs in short (nothing new comes in, what is acknowledged is written, the mark of
 * an unclean end stays), and the process: its state is unknown (attacks-and-faults §4.2).
 */
function onFault(error: unknown): void {
  const hasStack = typeof error === "object" && error !== null && "stack" in error;
  process.stderr.write(`glim: internal fault: ${String(hasStack ? error.stack : error)}\n`);
  if (faulted.signal.aborted) return;
  faulted.abort();
  if (fault.endings.size === 0) process.exit(FAULT);
  clock.after(FAULT_DEADLINE_MS, () => process.exit(FAULT));
  void Promise.allSettled(fault.endings).then(() => process.exit(FAULT));
}

process.on("unhandledRejection", onFault);
process.on("uncaughtException", onFault);
const io = processIo(process, clock, fault);
const code = await runCommandLine(process.argv.slice(2), io).catch((error: unknown) => {
  onFault(error);
  return FAULT;
});
process.exit(faulted.signal.aborted ? FAULT : code);
