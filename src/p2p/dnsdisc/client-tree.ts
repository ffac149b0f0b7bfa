import type { Enode } from "#enode";
import type { Clock, Rand } from "#host";
import { DnsdiscError } from "./errors.ts";
import type { Entry, Root, TreeLink } from "./entries.ts";
import { dnsdiscLimits as limits } from "./limits.ts";

/** What a tree is read with. */
export interface TreeReader {
  readonly clock: Pick<Clock, "now">;
  readonly rand: Pick<Rand, "int">;
  /** The signed root of a list. @throws DNSDISC_*, HOST_LOOKUP_FAILED, the signal's reason */
  root(link: TreeLink): Promise<Root>;
  /** The entry of that name, as its hash promises. @throws as `root` */
  entry(link: TreeLink, name: string): Promise<Entry>;
}

/** Names of one subtree that are still to be looked up. */
class Subtree {
  readonly top: string;
  /** BOUNDED: limits.entries in all, as `#seen` */
  readonly missing: string[];
  readonly #seen: Set<string>;
  readonly #domain: string;
  leaves = 0;

  constructor(top: string, domain: string) {
    this.top = top;
    this.missing = [top];
    this.#seen = new Set([top]);
    this.#domain = domain;
  }

  get isDone(): boolean {
    return this.missing.length === 0;
  }

  /** Takes a name out. */
  take(index: number): void {
    const last = this.missing.pop();
    if (last !== undefined && index < this.missing.length) this.missing[index] = last;
  }

  /** @throws DNSDISC_TOO_BIG */
  add(children: readonly string[]): void {
    for (const child of children) {
      if (this.#seen.has(child)) continue;
      if (this.#seen.size >= limits.entries)
        throw DnsdiscError("TOO_BIG", { name: this.#domain, max: limits.entries });
      this.#seen.add(child);
      this.missing.push(child);
    }
  }
}

/**
 * One list being read, entry by entry.
 *
 * Links first, then nodes at random; when all nodes were seen it begins anew. The root is looked up again every half hour, and when
 * entries are missing: then there is a newer one.
 * @see geth p2p/dnsdisc/sync.go@v1.17.5
 */
export class ClientTree {
  readonly link: TreeLink;
  /** Links on the way from a configured list to this one. */
  readonly depth: number;
  readonly #reader: TreeReader;
  #root: Root | undefined;
  #links = new Subtree("", "");
  #nodes = new Subtree("", "");
  /** Of the links subtree as far as it was read. BOUNDED: limits.lists, by its owner. */
  #found = new Map<string, TreeLink>();
  #rootDueMs = Number.NEGATIVE_INFINITY;
  #leafFailures = 0;
  #rootFailures = 0;

  constructor(link: TreeLink, depth: number, reader: TreeReader) {
    this.link = link;
    this.depth = depth;
    this.#reader = reader;
  }

  get root(): Root | undefined {
    return this.#root;
  }

  /** Lists that this one links to, as far as is known. */
  get links(): Iterable<TreeLink> {
    return this.#found.values();
  }

  /** Something can be done now. Not: the list is empty, or its root failed; then at `dueMs`. */
  get isReady(): boolean {
    if (this.#reader.clock.now() >= this.#rootDueMs) return true;
    if (this.#root === undefined) return false;
    return !this.#links.isDone || !this.#nodes.isDone || this.#nodes.leaves > 0;
  }

  /** When the root is to be looked up again, by the host's clock. */
  get dueMs(): number {
    return this.#rootDueMs;
  }

  /** Does one step; the node, if it came upon one. @throws what the reader throws; the tree may be used on */
  async step(): Promise<Enode | undefined> {
    const { clock } = this.#reader;
    if (clock.now() >= this.#rootDueMs || this.#leafFailures > limits.leafFailures) await this.#readRoot();
    try {
      if (!this.#links.isDone) {
        await this.#readLink();
        return undefined;
      }
      // entries are kept, here and by resolvers, so that beginning anew costs little
      if (this.#nodes.isDone) this.#nodes = new Subtree(this.#nodes.top, this.link.domain);
      return await this.#readNode();
    } catch (error) {
      this.#leafFailures++;
      throw error;
    }
  }

  /** Reads all of it. */
  async readAll(): Promise<Enode[]> {
    await this.#readRoot();
    while (!this.#links.isDone) await this.#readLink();
    const nodes: Enode[] = [];
    while (!this.#nodes.isDone) {
      const node = await this.#readNode();
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  async #readRoot(): Promise<void> {
    const { clock } = this.#reader;
    const { link } = this;
    // set before, so that a root that fails is not asked for in a circle
    this.#rootDueMs = clock.now() + retryMs(++this.#rootFailures);
    const root = await this.#reader.root(link);
    const have = this.#root?.seq ?? 0;
    if (root.seq < have) throw DnsdiscError("OLD_ROOT", { name: link.domain, have, got: root.seq });
    this.#rootDueMs = clock.now() + limits.recheckMs;
    this.#rootFailures = 0;
    this.#leafFailures = 0;
    this.#root = root;
    if (root.links !== this.#links.top) {
      this.#links = new Subtree(root.links, link.domain);
      this.#found = new Map();
    }
    if (root.nodes !== this.#nodes.top) this.#nodes = new Subtree(root.nodes, link.domain);
  }

  async #readLink(): Promise<void> {
    const entry = await this.#read(this.#links, 0);
    if (entry.type === "node")
      throw DnsdiscError("BAD_ENTRY", { name: this.link.domain, why: "enr entry in link tree" });
    if (entry.type === "link" && this.#found.size < limits.lists) this.#found.set(entry.link.id, entry.link);
  }

  async #readNode(): Promise<Enode | undefined> {
    const { rand } = this.#reader;
    const entry = await this.#read(this.#nodes, rand.int(this.#nodes.missing.length));
    if (entry.type === "link")
      throw DnsdiscError("BAD_ENTRY", { name: this.link.domain, why: "link entry in ENR tree" });
    return entry.type === "node" ? entry.node : undefined;
  }

  async #read(subtree: Subtree, index: number): Promise<Entry> {
    const entry = await this.#reader.entry(this.link, subtree.missing[index] ?? "");
    subtree.take(index);
    if (entry.type === "branch") subtree.add(entry.children);
    else subtree.leaves++;
    return entry;
  }
}

/** After so many failures in a row. */
function retryMs(failures: number): number {
  if (failures > 20) return 10_000;
  return failures > 5 ? 5_000 : 1_000;
}
