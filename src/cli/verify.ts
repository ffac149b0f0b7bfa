import { readStoredGenesis, verifyChain, type VerifyProgress } from "#core";
import { admitFakePow, makeEngine } from "#eth";
import { memoryStore } from "#ethdb";
import { nodeHost } from "#host/node";
import { explainEnd, openChainDir } from "./chain-dir.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";
import { loggerOf } from "./log-setup.ts";
import { chainFlags } from "./node-flags.ts";
import { powOptions } from "./options.ts";

const flags = [
  {
    name: "states",
    type: "number",
    value: "N",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    doc: "Walk the state of every N-th block too, not only the head's",
  },
  ...powOptions,
  ...chainFlags,
] as const satisfies readonly TableRow[];

/** `glim verify`: proves the chain in a data directory whole. */
export const verify: Command<typeof flags> = {
  usage: "glim verify --datadir DIR [--states N]",
  details:
    "Checks every header, body, receipt and lookup of the canonical chain, and the whole state of its head, by their hashes.\nNothing is repaired. Exit code 4 if anything is wrong.",
  flags,
  async run({ flags: values }, io) {
    const host = nodeHost();
    const log = loggerOf(values, io);
    await using dir = await openChainDir(
      { dataDir: values.datadir, minFreeMb: 0, create: false },
      { host, io, log },
    );
    const { fakepow: fakePow } = values;
    const stored = fakePow ? readStoredGenesis(dir.db) : undefined;
    if (stored !== undefined) admitFakePow(stored.header.hash, log);
    const report = await verifyChain({
      db: dir.db,
      engine: (config) => {
        const engine = makeEngine(config, memoryStore(), { fakePow });
        dir.defer(() => engine.close?.());
        return engine;
      },
      clock: host.clock,
      statesEvery: values.states,
      signal: dir.signal,
      onProgress: ({ phase, number, head, nodes }: VerifyProgress) =>
        log.info("verifying", { phase, block: number, of: head, nodes }),
    }).catch((error: unknown) => {
      throw explainEnd(error, dir, io, "nothing is proven yet");
    });
    io.print(`head       #${report.head} ${report.hash}`);
    io.print(`checked    ${report.blocks} blocks, ${report.transactions} transactions`);
    const pruned = report.prunedStates === 0 ? "" : `, ${report.prunedStates} states not kept`;
    io.print(
      `state      ${report.states} states, ${report.nodes} trie nodes, ${report.codes} codes${pruned}`,
    );
    io.print(`findings   ${report.findingCount}`);
    for (const finding of report.findings) io.print(`  ${finding}`);
    if (report.findingCount > report.findings.length)
      io.print(`  … and ${report.findingCount - report.findings.length} more`);
    if (report.findingCount > 0)
      throw CliError("DAMAGED", { count: report.findingCount, folder: values.datadir ?? "" });
  },
};
