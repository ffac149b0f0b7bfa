import type { NodeId } from "#enode";
import type { Rand } from "#host";
import type { Entry } from "./buckets.ts";
import { tableLimits } from "./limits.ts";

interface List {
  readonly entries: Entry[];
  readonly intervalMs: number;
  nextAt: number;
}

/**
 * Whom to ping when: one list of nodes that are new, moved or failing, one of proven ones that is gone through three times as
 * slowly. At each list's time one of its nodes, by chance, is due.
 *
 * @see geth p2p/discover/table_reval.go@v1.17.5
 */
export class Revalidation {
  readonly #rand: Pick<Rand, "float" | "int">;
  readonly #fast: List;
  readonly #slow: List;
  /** BOUNDED: nodes of the table. */
  readonly #listOf = new Map<NodeId, List>();
  /** Nodes being pinged. BOUNDED: nodes of the table. */
  readonly #active = new Set<NodeId>();

  constructor(rand: Pick<Rand, "float" | "int">, pingIntervalMs: number = tableLimits.pingIntervalMs) {
    this.#rand = rand;
    const list = (factor: number): List => ({
      entries: [],
      intervalMs: pingIntervalMs * factor,
      nextAt: Number.POSITIVE_INFINITY,
    });
    this.#fast = list(1);
    this.#slow = list(tableLimits.slowFactor);
  }

  /** When to ask `due` again; Infinity while there is nobody. */
  get nextAt(): number {
    return Math.min(this.#fast.nextAt, this.#slow.nextAt);
  }

  has(id: NodeId): boolean {
    return this.#listOf.has(id);
  }

  /** Puts a node on a list, from the other one if it was there. */
  put(entry: Entry, speed: "fast" | "slow", now: number): void {
    const list = speed === "fast" ? this.#fast : this.#slow;
    if (this.#listOf.get(entry.node.id) === list) return;
    this.remove(entry.node.id);
    this.#listOf.set(entry.node.id, list);
    list.entries.push(entry);
    if (list.entries.length === 1) this.#schedule(list, now);
  }

  remove(id: NodeId): void {
    const list = this.#listOf.get(id);
    if (list === undefined) return;
    this.#listOf.delete(id);
    const at = list.entries.findIndex(({ node }) => node.id === id);
    list.entries.splice(at, 1);
    if (list.entries.length === 0) list.nextAt = Number.POSITIVE_INFINITY;
  }

  /** The nodes to ping now; each counts as being pinged until `ended`. */
  due(now: number): readonly Entry[] {
    const entries: Entry[] = [];
    for (const list of [this.#fast, this.#slow]) {
      if (list.nextAt > now) continue;
      const free = list.entries.filter(
        ({ node, quietUntil }) => quietUntil <= now && !this.#active.has(node.id),
      );
      const entry = free[this.#rand.int(Math.max(1, free.length))];
      if (entry !== undefined) {
        this.#active.add(entry.node.id);
        entries.push(entry);
      }
      this.#schedule(list, now);
    }
    return entries;
  }

  ended(id: NodeId): void {
    this.#active.delete(id);
  }

  #schedule(list: List, now: number): void {
    list.nextAt =
      list.entries.length === 0 ? Number.POSITIVE_INFINITY : now + this.#rand.float() * list.intervalMs;
  }
}
