import type { Enode, NodeId } from "#enode";
import { tableLimits } from "./limits.ts";
import { NearestNodes } from "./nearest.ts";
import { deferred } from "#util";

/** Asks a node for those it knows near the target; undefined if it did not answer. */
export type Query = (node: Enode) => Promise<readonly Enode[] | undefined>;

/**
 * Walks towards a target: always the nearest nodes not yet asked, three at once, until the 16 nearest known have all been asked.
 *
 * @see Kademlia, "node lookup" · geth p2p/discover/lookup.go@v1.17.5
 */
export class Lookup {
  readonly #query: Query;
  readonly #result: NearestNodes;
  /** BOUNDED: 16 for each node asked, of which there are at most as many as stay among the nearest. */
  readonly #seen: Set<NodeId>;
  readonly #asked: Set<NodeId>;
  /** Seen and not yet given out by `next`. BOUNDED as `#seen`. */
  readonly #found: Enode[] = [];
  /** Queries under way. BOUNDED: alpha. */
  readonly #running = new Set<Promise<void>>();
  readonly #cancelled = deferred<void>();
  #isCancelled = false;

  /** @param start - the nearest nodes known, which are asked first */
  constructor({
    self,
    target,
    start,
    query,
  }: { self: NodeId; target: NodeId; start: readonly Enode[]; query: Query }) {
    this.#query = query;
    this.#seen = new Set([self]);
    this.#asked = new Set([self]);
    this.#result = new NearestNodes(target, tableLimits.bucketSize);
    this.#add(start);
  }

  /** True if it began with nobody to ask. */
  get isEmpty(): boolean {
    return this.#seen.size === 1;
  }

  /** Ends it: nobody is asked any more, and who waits for it is let go. */
  cancel(): void {
    this.#isCancelled = true;
    this.#cancelled.resolve();
  }

  /** To the end; the nearest nodes found, nearest first. */
  async run(): Promise<readonly Enode[]> {
    while (await this.#advance());
    return this.#result.nodes;
  }

  /** The next node that came in sight; undefined when there is no more. */
  async next(): Promise<Enode | undefined> {
    while (this.#found.length === 0 && (await this.#advance()));
    return this.#found.shift();
  }

  /** Waits until one query has ended; false if none is under way and none is left. */
  async #advance(): Promise<boolean> {
    if (this.#isCancelled) return false;
    for (const node of this.#result.nodes) {
      if (this.#running.size >= tableLimits.alpha) break;
      if (!this.#asked.has(node.id)) this.#ask(node);
    }
    if (this.#running.size === 0) return false;
    await Promise.race([...this.#running, this.#cancelled.promise]);
    return true;
  }

  #ask(node: Enode): void {
    this.#asked.add(node.id);
    const asking = (async () => {
      const nodes = await this.#query(node);
      if (!this.#isCancelled) this.#add(nodes ?? []);
    })().finally(() => this.#running.delete(asking));
    asking.catch(() => {}); // told by whoever awaits the race
    this.#running.add(asking);
  }

  #add(nodes: readonly Enode[]): void {
    for (const node of nodes) {
      if (this.#seen.has(node.id)) continue;
      this.#seen.add(node.id);
      this.#result.push(node);
      this.#found.push(node);
    }
  }
}
