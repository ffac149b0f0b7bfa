import type { Enode } from "#enode";
import type { Clock } from "#host";
import { nodeHost } from "#host/node";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flag } from "./flags.ts";
import { Pace } from "./pace.ts";
import { namedNode, openSearcher, type Searcher, versionsOf } from "./searcher.ts";

const flags = [
  { name: "v4", type: "boolean", default: false, doc: "By discovery v4 only" },
  { name: "v5", type: "boolean", default: false, doc: "By discovery v5.1 only" },
  {
    name: "tries",
    type: "number",
    value: "N",
    min: 2,
    max: 20,
    default: 3,
    doc: "Pings before it is held for silent",
  },
] as const satisfies readonly Flag[];

const PACKETS_PER_SECOND = 10;

/** Record version and round trip time; undefined if nothing comes back. The first answer is not timed: it may come with a handshake. */
async function timed(
  searcher: Searcher,
  node: Enode,
  { tries, clock }: { readonly tries: number; readonly clock: Clock },
): Promise<{ readonly seq: bigint; readonly ms: number } | undefined> {
  let met: { readonly seq: bigint; readonly ms: number } | undefined;
  for (let i = 0; i < tries; i++) {
    const from = clock.now();
    const seq = await searcher.ping(node);
    const ms = clock.now() - from;
    if (seq === undefined) continue;
    const isFirst = met === undefined;
    met = { seq, ms };
    if (!isFirst) break;
  }
  return met;
}

/** `glim ping`: whether a node answers discovery, and how soon. */
export const ping: Command<typeof flags> = {
  usage: "glim ping NODE [--v4] [--v5]",
  details:
    "NODE is an enode URL or a record. Both versions of discovery are tried unless one is named; exit code 1 if neither answers.",
  flags,
  words: 1,
  async run({ flags: values, rest }, io) {
    const node = namedNode(rest[0], "NODE");
    if (node.ip === undefined || node.udp === 0)
      throw CliError("BAD_FLAG", { flag: "NODE", why: "it names no address and UDP port" });
    const host = nodeHost();
    const pace = new Pace(PACKETS_PER_SECOND, host.clock);
    const answers = await Promise.all(
      versionsOf(values).map(async (version) => {
        await using searcher = await openSearcher(version, pace, host);
        const answer = await timed(searcher, node, { tries: values.tries, clock: host.clock });
        if (answer === undefined) io.print(`${version}: no answer`);
        else io.print(`${version}: ${answer.ms.toFixed(1)} ms, record seq ${answer.seq}`);
        return answer;
      }),
    );
    if (answers.every((answer) => answer === undefined))
      throw CliError("NO_ANSWER", { node: `${node.ip}:${node.udp}` });
  },
};
