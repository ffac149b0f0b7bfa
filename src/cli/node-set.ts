import { type Enode, fromRecord, type NodeId, seqOf } from "#enode";
import { formatEnr, parseEnr } from "#enr";
import { GlimError } from "#util";
import { CliError } from "./errors.ts";

interface Row {
  readonly node: Enode;
  /** Checks passed; halved by each that is not. */
  readonly score: number;
  /** Seconds since 1970; 0 for never. */
  readonly firstResponse: number;
  readonly lastResponse: number;
  readonly lastCheck: number;
}

/** BOUNDED: nodes of a set. */
const MAX_NODES = 100_000;
const ZERO_TIME = "0001-01-01T00:00:00Z";

/**
 * Nodes with how they answered over the crawls: the file nodes.json of geth's tools.
 *
 * @see geth cmd/devp2p/nodeset.go, crawl.go:updateNode@v1.17.5
 */
export class NodeSet {
  readonly #rows = new Map<NodeId, Row>();

  /** Reads such a file. @throws CLI_BAD_FILE */
  static parse(text: string, path: string): NodeSet {
    const set = new NodeSet();
    try {
      const json: unknown = JSON.parse(text);
      for (const [id, value] of Object.entries(json as Record<string, Record<string, unknown>>)) {
        // as: what does not fit throws below
        const node = fromRecord(parseEnr(String(value["record"])));
        if (node.id !== id) throw new TypeError(`${id.slice(0, 16)} is not the node of its record`);
        const at = (key: string) => secondsOf(value[key]);
        const times = {
          firstResponse: at("firstResponse"),
          lastResponse: at("lastResponse"),
          lastCheck: at("lastCheck"),
        };
        set.#rows.set(id, { node, score: Number(value["score"] ?? 0) || 0, ...times });
      }
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof GlimError))
        throw error;
      throw CliError("BAD_FILE", { path, why: `no nodes.json of a crawl: ${error.message}` });
    }
    return set;
  }

  get nodes(): readonly Enode[] {
    return [...this.#rows.values()].map(({ node }) => node);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** A node was asked for its record at a time, and gave it or not; one that gives none leaves when its score is used up. */
  checked(id: NodeId, found: Enode | undefined, unixSeconds: number): void {
    const before = this.#rows.get(id);
    if (found === undefined) {
      if (before === undefined) return;
      const score = Math.floor(before.score / 2);
      if (score === 0) this.#rows.delete(id);
      else this.#rows.set(id, { ...before, score, lastCheck: unixSeconds });
      return;
    }
    if (found.record === undefined || (before === undefined && this.#rows.size >= MAX_NODES)) return;
    const firstResponse =
      before === undefined || before.firstResponse === 0 ? unixSeconds : before.firstResponse;
    const score = (before?.score ?? 0) + 1;
    this.#rows.set(id, {
      node: found,
      score,
      firstResponse,
      lastResponse: unixSeconds,
      lastCheck: unixSeconds,
    });
  }

  /** As geth writes it: sorted by id, four spaces. */
  format(): string {
    const rows = [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1));
    return rows.length === 0 ? "{}" : `{\n${rows.map(([id, row]) => formatRow(id, row)).join(",\n")}\n}`;
  }
}

function formatRow(id: NodeId, { node, score, firstResponse, lastResponse, lastCheck }: Row): string {
  const fields = [
    `"seq": ${seqOf(node)}`,
    `"record": "${node.record === undefined ? "" : formatEnr(node.record)}"`,
    ...(score === 0 ? [] : [`"score": ${score}`]),
    `"firstResponse": "${timeOf(firstResponse)}"`,
    `"lastResponse": "${timeOf(lastResponse)}"`,
    `"lastCheck": "${timeOf(lastCheck)}"`,
  ];
  return `    "${id}": {\n${fields.map((field) => `        ${field}`).join(",\n")}\n    }`;
}

const secondsOf = (text: unknown) =>
  Math.max(0, Math.floor(Date.parse(typeof text === "string" ? text : ZERO_TIME) / 1_000) || 0);

const timeOf = (unixSeconds: number) =>
  unixSeconds === 0 ? ZERO_TIME : new Date(unixSeconds * 1_000).toISOString().replace(".000Z", "Z");
