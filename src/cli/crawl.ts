import { parseDuration } from "#config";
import type { Enode, NodeId } from "#enode";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flag } from "./flags.ts";
import { NodeSet } from "./node-set.ts";
import { Pace } from "./pace.ts";
import { namedNode, openSearcher, type Searcher, versionsOf } from "./searcher.ts";

const flags = [
  {
    name: "bootnodes",
    type: "texts",
    value: "NODES",
    doc: "Nodes to begin at: enode URLs or records, with commas",
  },
  {
    name: "timeout",
    type: "text",
    value: "TIME",
    default: "30s",
    doc: "When it ends, if it is not done before",
  },
  { name: "v4", type: "boolean", default: false, doc: "By discovery v4 only" },
  { name: "v5", type: "boolean", default: false, doc: "By discovery v5.1 only" },
  {
    name: "rate",
    type: "number",
    value: "N",
    min: 4,
    max: 1_000,
    default: 10,
    doc: "Most packets it sends in a second",
  },
  {
    name: "out",
    type: "text",
    value: "FILE",
    default: "nodes.json",
    doc: "Where the nodes go, in geth's form; read first if it is there; - is standard output",
  },
] as const satisfies readonly Flag[];

/** Packets of ours for one node: ping, pong, and two questions. */
const PACKETS_PER_VISIT = 4;
/** Every node is asked again for others it knows until so many rounds have brought nobody new. */
const QUIET_ROUNDS = 2;
/** BOUNDED: nodes heard of in one crawl. */
const MAX_HEARD = 100_000;

/** One walk through the network by one version of discovery. Sends nothing but what asks, and what answers who asks back. */
class Crawl {
  readonly #searcher: Searcher;
  /** What every node asked has given: its record, or nothing. BOUNDED: MAX_HEARD, as the next three. */
  readonly #outcome: Map<NodeId, Enode | undefined>;
  readonly #pace: Pace;
  readonly #heard = new Set<NodeId>();
  readonly #waiting: Enode[] = [];
  readonly #live: Enode[] = [];

  constructor(
    searcher: Searcher,
    parts: { outcome: Map<NodeId, Enode | undefined>; pace: Pace; start: readonly Enode[] },
  ) {
    this.#searcher = searcher;
    this.#outcome = parts.outcome;
    this.#pace = parts.pace;
    this.#hear(parts.start);
  }

  /** Until nobody new is met, or the signal. */
  async run(rate: number, signal: AbortSignal): Promise<void> {
    const atOnce = Math.max(1, Math.floor(rate / PACKETS_PER_VISIT));
    for (let round = 0, quiet = 0; quiet < QUIET_ROUNDS && !signal.aborted; round++) {
      const before = this.#heard.size;
      const again = [...this.#live];
      const work = Array.from({ length: atOnce }, async () => {
        for (let node = this.#waiting.shift() ?? again.shift(); node !== undefined && !signal.aborted; ) {
          await this.#visit(node, round, signal);
          node = this.#waiting.shift() ?? again.shift();
        }
      });
      await Promise.all(work);
      quiet = this.#heard.size === before && this.#waiting.length === 0 ? quiet + 1 : 0;
    }
  }

  async #visit(node: Enode, round: number, signal: AbortSignal): Promise<void> {
    using _ = await this.#pace.reserve(PACKETS_PER_VISIT, signal);
    if (signal.aborted) return;
    const isNew = !this.#live.some(({ id }) => id === node.id);
    const found = isNew ? await this.#searcher.requestRecord(node) : node;
    if (signal.aborted) return;
    if (isNew && (found !== undefined || !this.#outcome.has(node.id))) this.#outcome.set(node.id, found);
    if (isNew && found !== undefined) this.#live.push(found);
    if (found !== undefined) this.#hear((await this.#searcher.neighbours(found, round)) ?? []);
  }

  #hear(nodes: readonly Enode[]): void {
    for (const node of nodes) {
      if (this.#heard.has(node.id) || this.#heard.size >= MAX_HEARD) continue;
      this.#heard.add(node.id);
      this.#waiting.push(node);
    }
  }
}

async function readSet(path: string, { files }: Host): Promise<NodeSet> {
  const bytes = path === "-" ? undefined : await files.readFile(path);
  return bytes === undefined ? new NodeSet() : NodeSet.parse(new TextDecoder().decode(bytes), path);
}

/** Ends after a time, or when the user wants it. */
function ending(
  timeoutMs: number,
  stopping: AbortSignal,
  { clock }: Host,
): AbortSignal & Partial<Disposable> {
  const end = new AbortController();
  const timer = clock.after(timeoutMs, () => end.abort());
  const stop = () => end.abort();
  stopping.addEventListener("abort", stop, { once: true });
  return Object.assign(end.signal, {
    [Symbol.dispose]: () => {
      timer.cancel();
      stopping.removeEventListener("abort", stop);
    },
  });
}

/** `glim crawl`: who is in a network. */
export const crawl: Command<typeof flags> = {
  usage: "glim crawl --bootnodes NODES [--timeout 30s] [--v4] [--v5] [--out FILE]",
  details:
    "Asks every node it hears of for its record and for others, and writes those that answer in the form of geth's devp2p crawl.\nIt only reads, and sends 10 packets a second at most unless --rate says otherwise.",
  flags,
  async run({ flags: values }, io) {
    const timeoutMs = parseDuration(values.timeout);
    if (timeoutMs === undefined || timeoutMs === 0)
      throw CliError("BAD_FLAG", { flag: "--timeout", why: "want a time like 30s or 5m" });
    const host = nodeHost();
    const set = await readSet(values.out, host);
    const start = [...values.bootnodes.map((text) => namedNode(text, "--bootnodes")), ...set.nodes];
    if (start.length === 0)
      throw CliError("MISSING_FLAG", { flag: "--bootnodes", why: "a crawl begins at a node" });
    const pace = new Pace(values.rate, host.clock);
    const signal = ending(timeoutMs, io.stopping, host);
    const versions = versionsOf(values);
    const outcome = new Map<NodeId, Enode | undefined>();
    await Promise.all(
      versions.map(async (version) => {
        await using searcher = await openSearcher(version, pace, host);
        await new Crawl(searcher, { outcome, pace, start }).run(values.rate, signal);
      }),
    );
    for (const [id, found] of outcome) set.checked(id, found, host.clock.unixSeconds());
    signal[Symbol.dispose]?.();
    const text = set.format();
    if (values.out === "-") io.print(text);
    else await host.files.writeFileAtomic(values.out, new TextEncoder().encode(text), { mode: 0o644 });
    io.complain(`${set.size} nodes by ${versions.join(" and ")}, ${pace.sent} packets sent`);
  },
};
