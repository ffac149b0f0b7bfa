import type { Enode, NodeSource } from "#enode";
import type { Clock, Dns, Rand } from "#host";
import { type Logger, silentLogger } from "#log";
import { isLan, isLoopback, isSpecialNetwork } from "#p2p/netutil";
import { GlimError, LruMap, TokenBucket } from "#util";
import { ClientTree, type TreeReader } from "./client-tree.ts";
import {
  checkHash,
  type Entry,
  isRoot,
  parseEntry,
  parseRoot,
  parseTreeUrl,
  type Root,
  type TreeLink,
} from "./entries.ts";
import { DnsdiscError } from "./errors.ts";
import { dnsdiscLimits as limits } from "./limits.ts";

export interface DnsListsOptions {
  /** `enrtree://…` of the lists to read. @throws DNSDISC_BAD_URL */
  readonly urls: readonly string[];
  readonly host: { readonly clock: Clock; readonly rand: Rand; readonly dns: Pick<Dns, "txt"> };
  /** Take nodes with addresses of local networks too: the lists are ours. Default false: a public list names none (DI-15). */
  readonly allowLan?: boolean | undefined;
  readonly log?: Logger | undefined;
}

/** A whole list. */
export interface SyncedTree {
  readonly seq: number;
  readonly nodes: readonly Enode[];
  /** Lists that it links to; not read. */
  readonly links: readonly TreeLink[];
}

/**
 * Nodes of lists in the DNS, one at a time, each from a list chosen at random; linked lists are read too.
 *
 * Looks up three names a second at most. What fails is skipped and tried again later; nothing that the DNS says makes it reject.
 * @see EIP-1459 · geth p2p/dnsdisc/client.go@v1.17.5
 */
export class DnsLists implements NodeSource {
  readonly name = "dns";
  readonly #host: DnsListsOptions["host"];
  readonly #log: Logger;
  readonly #allowLan: boolean;
  readonly #configured: readonly TreeLink[];
  /** By their ids. BOUNDED: limits.lists. */
  readonly #trees = new Map<string, ClientTree>();
  /** By name; a name is the hash of what it says, whatever list it is in. BOUNDED: limits.cachedEntries. */
  readonly #entries = new LruMap<string, Entry>(limits.cachedEntries);
  readonly #abort = new AbortController();
  readonly #reader: TreeReader;
  readonly #lookups: TokenBucket;

  constructor({ urls, host, log = silentLogger, allowLan = false }: DnsListsOptions) {
    this.#host = host;
    this.#log = log;
    this.#allowLan = allowLan;
    this.#configured = urls.map(parseTreeUrl);
    this.#lookups = new TokenBucket({
      capacity: limits.burst,
      everyMs: limits.everyMs,
      now: host.clock.now(),
    });
    this.#reader = {
      clock: host.clock,
      rand: host.rand,
      root: (link) => this.#root(link),
      entry: (link, name) => this.#entry(link, name),
    };
    for (const link of this.#configured) this.#trees.set(link.id, new ClientTree(link, 0, this.#reader));
  }

  async next(): Promise<Enode | undefined> {
    while (!this.#abort.signal.aborted && this.#trees.size > 0) {
      const tree = this.#pick();
      try {
        if (tree === undefined) await this.#untilDue();
        else {
          const node = await tree.step();
          this.#follow(tree);
          if (node !== undefined && this.#isWanted(node)) return node;
        }
      } catch (error) {
        if (this.#abort.signal.aborted) return undefined;
        if (!(error instanceof GlimError)) throw error;
        this.#log.debug("a node list could not be read", { list: tree?.link.domain ?? "", code: error.code });
      }
    }
    return undefined;
  }

  close(): void {
    this.#abort.abort(new Error("closed"));
  }

  /**
   * Reads all of one list, within half a minute.
   *
   * @throws DNSDISC_*, HOST_LOOKUP_FAILED: the first entry that fails ends it
   */
  async readAll(url: string): Promise<SyncedTree> {
    const tree = new ClientTree(parseTreeUrl(url), 0, this.#reader);
    const { syncMs } = limits;
    let isLate = false;
    const timer = this.#host.clock.after(syncMs, () => {
      isLate = true;
      this.close();
    });
    try {
      const nodes = await tree.readAll();
      return { seq: tree.root?.seq ?? 0, nodes, links: [...tree.links] };
    } catch (error) {
      if (isLate) throw DnsdiscError("TOO_SLOW", { name: tree.link.domain, ms: syncMs });
      throw error;
    } finally {
      timer.cancel();
    }
  }

  #isWanted({ ip }: Enode): boolean {
    if (ip === undefined) return false;
    return this.#allowLan || !(isLan(ip) || isLoopback(ip) || isSpecialNetwork(ip));
  }

  #pick(): ClientTree | undefined {
    const ready = [...this.#trees.values()].filter((tree) => tree.isReady);
    return ready[this.#host.rand.int(Math.max(1, ready.length))];
  }

  async #untilDue(): Promise<void> {
    const { clock } = this.#host;
    const dueMs = Math.min(...[...this.#trees.values()].map((tree) => tree.dueMs));
    await clock.sleep(Math.max(1, dueMs - clock.now()), { signal: this.#abort.signal });
  }

  /** Lists that are linked to now, and those only, beside the configured ones. */
  #follow(changed: ClientTree): void {
    const isNews = [...changed.links].some(({ id }) => !this.#trees.has(id));
    const reached = new Set(this.#configured.map(({ id }) => id));
    const open = [...reached];
    for (let id = open.pop(); id !== undefined; id = open.pop())
      for (const link of this.#trees.get(id)?.links ?? []) {
        if (reached.has(link.id)) continue;
        reached.add(link.id);
        if (isNews) this.#add(link, this.#trees.get(id)?.depth ?? 0);
        open.push(link.id);
      }
    for (const id of this.#trees.keys()) if (!reached.has(id)) this.#trees.delete(id);
  }

  #add(link: TreeLink, from: number): void {
    if (this.#trees.has(link.id) || this.#trees.size >= limits.lists || from >= limits.linksDeep) return;
    this.#trees.set(link.id, new ClientTree(link, from + 1, this.#reader));
  }

  async #root(link: TreeLink): Promise<Root> {
    const text = (await this.#lookUp(link.domain)).find(isRoot);
    if (text === undefined) throw DnsdiscError("NO_ENTRY", { name: link.domain });
    return parseRoot(text, link);
  }

  async #entry(link: TreeLink, name: string): Promise<Entry> {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const full = `${name}.${link.domain}`;
    for (const text of await this.#lookUp(full)) {
      const entry = parseEntry(full, text);
      if (entry === undefined) continue;
      checkHash(name, text);
      this.#entries.set(name, entry);
      return entry;
    }
    throw DnsdiscError("NO_ENTRY", { name: full });
  }

  async #lookUp(name: string): Promise<readonly string[]> {
    const { clock, dns } = this.#host;
    const { signal } = this.#abort;
    while (!this.#lookups.take(clock.now())) await clock.sleep(this.#lookups.wait(clock.now()), { signal });
    return dns.txt(name, { timeoutMs: limits.lookupMs, signal });
  }
}
