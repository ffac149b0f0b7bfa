import { type BlockChain, importChain, type ImportProgress } from "#core";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import type { Logger } from "#log";
import { GlimError, toHex } from "#util";
import { type ChainDir, explainEnd, genesisOf, openChainDir, openChainOf } from "./chain-dir.ts";
import { type ChainFile, openChainFile } from "./chain-file.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";
import type { Io } from "./io.ts";
import { loggerOf } from "./log-setup.ts";
import { chainFlags } from "./node-flags.ts";
import { powOptions, stateOptions } from "./options.ts";

const flags = [
  {
    name: "genesis",
    type: "text",
    value: "FILE",
    doc: "Genesis of the chain, in geth's JSON format (default: that of glim init)",
  },
  ...stateOptions,
  ...powOptions,
  ...chainFlags,
] as const satisfies readonly TableRow[];

/** Milliseconds between two lines of progress. */
const REPORT_MS = 1_500;

/** `glim import`: executes the blocks of files that `geth export` or `glim export` wrote. */
export const importBlocks: Command<typeof flags> = {
  usage: "glim import FILE… --genesis FILE --datadir DIR",
  details:
    "Files as geth export writes them, packed if their name ends in .gz. Blocks that are here already are skipped, so that\nan import that was stopped goes on where it was.",
  flags,
  words: Number.POSITIVE_INFINITY,
  async run({ flags: values, rest }, io) {
    if (rest.length === 0)
      throw CliError("MISSING_FLAG", { flag: "FILE", why: "name the chain files to import" });
    const host = nodeHost();
    const log = loggerOf(values, io);
    const dataDir = values.datadir;
    const genesis = await genesisOf(values.genesis, dataDir, host);
    await using dir = await openChainDir(
      { dataDir, minFreeMb: values["datadir.minfreedisk"], create: true },
      { host, io, log },
    );
    const { gcmode, cache, fakepow: fakePow } = values;
    const chain = await openChainOf(dir, genesis, dataDir ?? "", { host, log, gcmode, cache, fakePow });
    for (const path of rest) await importFile(path, { chain, dir, io, host, log });
    await chain.persist({ isLast: true });
    io.print(`head       #${chain.head.number} ${toHex(chain.head.hash)}`);
  },
};

interface Work {
  readonly chain: BlockChain;
  readonly dir: Pick<ChainDir, "signal">;
  readonly io: Io;
  readonly host: Pick<Host, "clock">;
  readonly log: Logger;
}

/**
 * Imports one file into a chain, with progress in the log.
 * @throws CLI_BAD_FILE, CLI_IMPORT_FAILED, CLI_INTERRUPTED, DB_WRITE_FAILED, NODE_DISK_FULL
 */
export async function importFile(path: string, work: Work): Promise<void> {
  const { chain, dir, io, host, log } = work;
  const from = host.clock.now();
  const file = await openChainFile(path);
  const report = reporter(file, work);
  try {
    const { imported, gas } = await importChain(chain, file.content, {
      signal: dir.signal,
      onProgress: report,
      clock: host.clock,
    });
    const seconds = (host.clock.now() - from) / 1000;
    io.print(
      `imported   ${imported} blocks of ${path} in ${seconds.toFixed(1)} s (${Math.round(imported / seconds)} a second, ${(Number(gas) / 1e6 / seconds).toFixed(1)} Mgas/s)`,
    );
  } catch (error) {
    const { head } = chain;
    await chain
      .persist({ isLast: true })
      .catch((flushing: unknown) => log.error("the last blocks are not on disk", { error: flushing }));
    const what = explainEnd(
      error,
      dir,
      io,
      `blocks up to #${head.number} are kept; the same command goes on`,
    );
    if (what !== error || !(error instanceof GlimError) || error.exitCode !== undefined) throw what;
    throw CliError("IMPORT_FAILED", { path, why: error.message, head: head.number }, { cause: error });
  }
}

function reporter(file: ChainFile, { host, log }: Work): (progress: ImportProgress) => void {
  const from = host.clock.now();
  let reportedAt = from;
  return ({ read, gas, head }) => {
    const now = host.clock.now();
    log.debug("on disk", { block: head.number, hash: toHex(head.hash) });
    if (now - reportedAt < REPORT_MS) return;
    reportedAt = now;
    const seconds = (now - from) / 1000;
    const done = file.readBytes();
    log.info("importing", {
      block: head.number,
      perSecond: Math.round(read / seconds),
      mgasPerSecond: Math.round(Number(gas) / 1e5 / seconds) / 10,
      percent: Math.floor((100 * done) / Math.max(1, file.sizeBytes)),
      left: done > 0 ? `${Math.ceil(((file.sizeBytes - done) / done) * seconds)} s` : "unknown",
    });
  };
}
