// long: one table: refresh, revalidation and answers share its state
import { type Enode, type NodeDatabase, type NodeId, seqOf } from "#enode";
import { Feed } from "#event";
import type { Clock, Rand, Timer } from "#host";
import { shortId } from "#enode";
import type { Logger } from "#log";
import { Scope } from "#util";
import { Buckets, type Entry } from "./buckets.ts";
import { tableLimits as limits } from "./limits.ts";
import { nearest } from "./nearest.ts";
import { Revalidation } from "./revalidation.ts";

/** What the table asks of the protocol it serves. None of these rejects but by its signal. */
export interface TableTransport {
  /** Pings a node: the version of its record if it answers (0 without one), else undefined. */
  ping(node: Enode): Promise<bigint | undefined>;
  /** The node's newer record, if it gives one that is right. */
  requestRecord(node: Enode): Promise<Enode | undefined>;
  /** Looks our own neighbourhood up; what answers is added by the transport. */
  lookupSelf(): Promise<unknown>;
  lookupRandom(): Promise<unknown>;
}

export interface TableConfig {
  readonly self: NodeId;
  readonly database: NodeDatabase;
  /** Asked when the table has nobody else. Those without an address, or not allowed, are left out. */
  readonly bootnodes?: readonly Enode[] | undefined;
  readonly isAllowed?: ((ip: string) => boolean) | undefined;
  readonly pingIntervalMs?: number | undefined;
  readonly refreshIntervalMs?: number | undefined;
}

export type TableEvent = { readonly type: "added" | "removed"; readonly node: Enode };

/** A row of the table as it is shown. @see geth p2p/discover BucketNode@v1.17.5 */
export interface TableRow {
  readonly node: Enode;
  readonly checks: number;
  readonly isLive: boolean;
}

/**
 * The nodes we know, by distance from us: kept alive by pings, filled by lookups, from seeds of the database and boot nodes. No
 * wire and no socket: both versions of discovery drive it.
 *
 * Beside seeds and boot nodes only nodes that answered us get in (DI-06).
 *
 * @see geth p2p/discover/table.go@v1.17.5
 */
export class Table implements AsyncDisposable {
  readonly events: Feed<TableEvent>;
  readonly #config: TableConfig;
  readonly #transport: TableTransport;
  readonly #clock: Clock;
  readonly #rand: Rand;
  readonly #log: Logger;
  readonly #buckets: Buckets;
  readonly #revalidation: Revalidation;
  readonly #bootnodes: readonly Enode[];
  readonly #scope: Scope;
  #timer: Timer | undefined;
  #refreshAt = Number.POSITIVE_INFINITY;
  #refreshing: Promise<void> | undefined;
  #isReady = false;

  constructor(
    config: TableConfig,
    { transport, clock, rand, log }: { transport: TableTransport; clock: Clock; rand: Rand; log: Logger },
  ) {
    this.#config = config;
    this.#transport = transport;
    this.#clock = clock;
    this.#rand = rand;
    this.#log = log;
    this.#buckets = new Buckets(config.self);
    this.#revalidation = new Revalidation(rand, config.pingIntervalMs);
    this.events = new Feed((error) => log.error("table listener failed", { error }));
    this.#scope = new Scope("table", (error, task) => log.error("table task failed", { task, error }));
    const isAllowed = config.isAllowed ?? (() => true);
    this.#bootnodes = (config.bootnodes ?? []).filter(
      ({ ip, udp }) => ip !== undefined && udp !== 0 && isAllowed(ip),
    );
    this.#loadSeeds();
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** True once the first refresh is over; before it nobody gets in by pinging us. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Begins to refresh and to ping. */
  start(): void {
    void this.refresh();
    this.#schedule();
  }

  /** Ends everything; the table can still be read. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#scope.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  node(id: NodeId): Enode | undefined {
    return this.#buckets.find(id)?.node;
  }

  /** The table as rows, bucket by bucket. */
  rows(): readonly (readonly TableRow[])[] {
    return this.#buckets.all.map((entries) =>
      entries.map(({ node, checks, isLive }) => ({ node, checks, isLive })),
    );
  }

  /** The nodes nearest to a target that may be asked: those that came to us a moment ago are not. */
  closestToAsk(target: NodeId, count: number): readonly Enode[] {
    const now = this.#clock.now();
    const entries = [...this.#buckets.entries()].filter(({ quietUntil }) => quietUntil <= now);
    return nearest(
      entries.map(({ node }) => node),
      target,
      count,
    );
  }

  /** The nodes nearest to a target. With `preferLive` none that is not live, unless no node is. */
  closest(target: NodeId, count: number, { preferLive = false } = {}): readonly Enode[] {
    const entries = [...this.#buckets.entries()];
    const live = preferLive ? entries.filter(({ isLive }) => isLive) : entries;
    const nodes = (live.length === 0 ? entries : live).map(({ node }) => node);
    return nearest(nodes, target, count);
  }

  /** Live nodes at a log distance of 1 … 256, in chance order. */
  atDistance(distance: number): readonly Enode[] {
    const live = this.#buckets.atDistance(distance).filter(({ isLive }) => isLive);
    return this.#rand.shuffle(live.map(({ node }) => node));
  }

  /** Some nodes by chance. */
  random(count: number): readonly Enode[] {
    return this.#rand.shuffle([...this.#buckets.entries()].map(({ node }) => node)).slice(0, count);
  }

  /**
   * A node that has answered a request of ours at its endpoint.
   *
   * @param isInbound - it came to us: then it is its own word, and does not count before the first refresh is over
   */
  addProven(node: Enode, { isInbound = false, isLive = true } = {}): void {
    if (isInbound && !this.#isReady) return;
    if (!this.#isAllowed(node)) return;
    const entry = this.#buckets.find(node.id);
    if (entry !== undefined) return this.#update(entry, node, isInbound);
    this.#add(node, isLive, isInbound ? this.#clock.now() + limits.quietMs : 0);
  }

  /**
   * How a request for nodes ended. One that brings nothing five times in a row goes, if enough others are there; one that was
   * answered, if only with nothing, is alive and gets in.
   */
  trackRequest(node: Enode, found: readonly Enode[] | undefined, protocol: "v4" | "v5"): void {
    const { database } = this.#config;
    const { id, ip } = node;
    if (ip === undefined) return;
    const isUseful = found !== undefined && found.length > 0;
    const fails = isUseful ? 0 : database.findFails(id, ip, protocol) + 1;
    database.updateFindFails(id, ip, fails, protocol);
    if (fails >= limits.maxFindFailures && this.#buckets.bucketSizeOf(id) >= limits.bucketSize / 4)
      this.#remove(id);
    else if (found !== undefined) this.#answeredAt(node);
    this.#schedule();
  }

  /** An answer at its endpoint is worth a pong: others may be told of the node. */
  #answeredAt(node: Enode): void {
    this.addProven(node);
    const entry = this.#buckets.find(node.id);
    if (entry?.node.ip === node.ip && entry?.node.udp === node.udp) entry.isLive = true;
  }

  /** Seeds, a lookup of ourselves and three of random ids; one that runs already is waited for. Never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
      this.#isReady = true;
      const { refreshIntervalMs = limits.refreshIntervalMs } = this.#config;
      this.#refreshAt = this.#clock.now() + refreshIntervalMs * (0.5 + this.#rand.float() / 2);
      this.#schedule();
    });
    return this.#refreshing;
  }

  #refresh(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#scope.isClosed) return resolve();
      this.#scope.spawn("refresh", async (signal) => {
        try {
          this.#loadSeeds();
          await this.#transport.lookupSelf();
          for (let i = 0; i < limits.randomLookups && !signal.aborted; i++)
            await this.#transport.lookupRandom();
        } finally {
          resolve();
        }
      });
    });
  }

  #loadSeeds(): void {
    const seeds = this.#config.database.querySeeds(limits.seeds, limits.seedMaxAgeSeconds, this.#rand);
    for (const node of [...seeds, ...this.#bootnodes]) if (this.#isAllowed(node)) this.#add(node, false);
  }

  #isAllowed({ ip }: Enode): boolean {
    return ip !== undefined && (this.#config.isAllowed?.(ip) ?? true);
  }

  #add(node: Enode, isLive: boolean, quietUntil = 0): void {
    if (this.#buckets.add(node, { isLive, quietUntil }) !== "added") return;
    const entry = this.#buckets.find(node.id);
    if (entry !== undefined) this.#entered(entry);
  }

  #entered(entry: Entry): void {
    this.#revalidation.put(entry, "fast", this.#clock.now());
    this.events.send({ type: "added", node: entry.node });
    this.#schedule();
  }

  /** @param isOwnWord - then a node known by URL alone may replace one with a record only if it has moved */
  #update(entry: Entry, node: Enode, isOwnWord: boolean): void {
    const isSame = entry.node.ip === node.ip && entry.node.udp === node.udp;
    if (isOwnWord && isSame && node.record === undefined) return;
    if (this.#buckets.update(entry, node, isOwnWord) === true)
      this.#revalidation.put(entry, "fast", this.#clock.now());
  }

  #remove(id: NodeId): void {
    const node = this.node(id);
    if (node === undefined) return;
    const next = this.#buckets.remove(id, (count) => this.#rand.int(count));
    this.#revalidation.remove(id);
    this.events.send({ type: "removed", node });
    this.#log.trace("dead node leaves the table", { peer: shortId(id) });
    if (next !== undefined) this.#entered(next);
  }

  /** One timer for whatever comes first. */
  #schedule(): void {
    this.#timer?.cancel();
    const at = Math.min(this.#revalidation.nextAt, this.#refreshAt);
    if (this.#scope.isClosed || at === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#wake());
  }

  #wake(): void {
    const now = this.#clock.now();
    if (now >= this.#refreshAt) {
      this.#refreshAt = Number.POSITIVE_INFINITY;
      void this.refresh();
    }
    for (const entry of this.#revalidation.due(now))
      this.#scope.spawn("revalidation", () => this.#revalidate(entry));
    this.#schedule();
  }

  async #revalidate(entry: Entry): Promise<void> {
    const { node } = entry;
    const seq = await this.#transport.ping(node);
    const newer =
      seq !== undefined && seq > seqOf(node) ? await this.#transport.requestRecord(node) : undefined;
    this.#revalidation.ended(node.id);
    if (!this.#revalidation.has(node.id) || this.#buckets.find(node.id) !== entry) return; // it left meanwhile
    if (entry.node.ip !== node.ip || entry.node.udp !== node.udp) return; // it moved meanwhile: the answer was another's
    if (seq === undefined) this.#failed(entry);
    else this.#answered(entry, newer);
    this.#schedule();
  }

  #failed(entry: Entry): void {
    entry.checks = Math.floor(entry.checks / 3);
    if (entry.checks === 0) this.#remove(entry.node.id);
    else this.#revalidation.put(entry, "fast", this.#clock.now());
  }

  #answered(entry: Entry, newer: Enode | undefined): void {
    entry.checks++;
    entry.isLive = true;
    const isMoved =
      newer !== undefined && this.#isAllowed(newer) && this.#buckets.update(entry, newer, false);
    this.#revalidation.put(entry, isMoved === true ? "fast" : "slow", this.#clock.now());
    if (entry.isLive && entry.checks > limits.checksToKeep) this.#config.database.updateNode(entry.node);
  }
}
