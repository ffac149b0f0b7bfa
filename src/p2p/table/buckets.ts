import { type Enode, logDistance, type NodeId, seqOf } from "#enode";
import { DistinctNetSet, isLan } from "#p2p/netutil";
import { tableLimits as limits } from "./limits.ts";

/** A node of the table. */
export interface Entry {
  node: Enode;
  /** Times it answered us in a row; thirds at each failure. */
  checks: number;
  /** It has answered at this endpoint since it came: only such nodes are told to others first. */
  isLive: boolean;
  /** Ms of the clock: not asked anything before. */
  readonly quietUntil: number;
}

interface Bucket {
  /** BOUNDED: bucketSize. */
  readonly entries: Entry[];
  /** BOUNDED: replacements; newest first. */
  readonly replacements: Entry[];
  readonly ips: DistinctNetSet;
}

/** What became of a node that was offered. */
export type Added = "added" | "known" | "replacement" | "refused";

/** The nodes by distance, without time or net: what goes in, what stays, who follows a dead one. */
export class Buckets {
  readonly #self: NodeId;
  readonly #buckets: readonly Bucket[];
  readonly #ips = new DistinctNetSet({ limit: limits.tableSubnet });

  constructor(self: NodeId) {
    this.#self = self;
    this.#buckets = Array.from({ length: limits.buckets }, () => ({
      entries: [],
      replacements: [],
      ips: new DistinctNetSet({ limit: limits.bucketSubnet }),
    }));
  }

  get size(): number {
    return this.#buckets.reduce((sum, { entries }) => sum + entries.length, 0);
  }

  /** Live entries of each bucket, the nearest bucket first. */
  get all(): readonly (readonly Entry[])[] {
    return this.#buckets.map(({ entries }) => entries);
  }

  *entries(): IterableIterator<Entry> {
    for (const { entries } of this.#buckets) yield* entries;
  }

  /** The bucket of nodes at a log distance of 1 … 256. */
  atDistance(distance: number): readonly Entry[] {
    return this.#atDistance(distance).entries;
  }

  find(id: NodeId): Entry | undefined {
    return this.#of(id).entries.find(({ node }) => node.id === id);
  }

  /** How many share the node's bucket. */
  bucketSizeOf(id: NodeId): number {
    return this.#of(id).entries.length;
  }

  /**
   * Offers a node: it is added, waits as a replacement when its bucket is full, or is refused (self, no address, subnet full).
   */
  add(node: Enode, { isLive, quietUntil }: { isLive: boolean; quietUntil: number }): Added {
    if (node.id === this.#self || node.ip === undefined || node.udp === 0) return "refused";
    const bucket = this.#of(node.id);
    if (bucket.entries.some((entry) => entry.node.id === node.id)) return "known";
    const entry: Entry = { node, checks: isLive ? 1 : 0, isLive, quietUntil };
    if (bucket.entries.length >= limits.bucketSize) return this.#addReplacement(bucket, entry);
    this.#dropReplacement(bucket, node.id);
    if (!this.#addIp(bucket, node.ip)) return "refused";
    bucket.entries.push(entry);
    return "added";
  }

  /**
   * Takes a newer version of a known node. An endpoint that moved must prove itself again.
   *
   * @param isOwnWord - it comes from the node itself: then an older or equal version counts too
   * @returns whether the endpoint changed; undefined if nothing was taken
   */
  update(entry: Entry, node: Enode, isOwnWord: boolean): boolean | undefined {
    const { ip } = node;
    if (ip === undefined || (seqOf(node) <= seqOf(entry.node) && !isOwnWord)) return undefined;
    const bucket = this.#of(node.id);
    const before = entry.node;
    if (before.ip !== ip) {
      this.#removeIp(bucket, before.ip);
      if (!this.#addIp(bucket, ip)) {
        if (before.ip !== undefined) this.#addIp(bucket, before.ip);
        return undefined;
      }
    }
    entry.node = node;
    const isMoved = before.ip !== ip || before.udp !== node.udp;
    if (isMoved) entry.isLive = false;
    return isMoved;
  }

  /** Takes a node out; a replacement chosen by `pick` comes in, which is returned. */
  remove(id: NodeId, pick: (count: number) => number): Entry | undefined {
    const bucket = this.#of(id);
    const at = bucket.entries.findIndex(({ node }) => node.id === id);
    const [entry] = at < 0 ? [] : bucket.entries.splice(at, 1);
    if (entry === undefined) return undefined;
    this.#removeIp(bucket, entry.node.ip);
    if (bucket.replacements.length === 0) return undefined;
    const [next] = bucket.replacements.splice(pick(bucket.replacements.length), 1);
    if (next !== undefined) bucket.entries.push(next);
    return next;
  }

  /** Nodes that wait, for tests and figures. */
  replacementsOf(id: NodeId): readonly Entry[] {
    return this.#of(id).replacements;
  }

  #of(id: NodeId): Bucket {
    return this.#atDistance(logDistance(this.#self, id));
  }

  #atDistance(distance: number): Bucket {
    const bucket = this.#buckets[Math.max(0, distance - (256 - limits.buckets) - 1)];
    if (bucket === undefined) throw new RangeError(`no bucket at distance ${distance}`);
    return bucket;
  }

  #addReplacement(bucket: Bucket, entry: Entry): Added {
    const { ip, id } = entry.node;
    if (bucket.replacements.some(({ node }) => node.id === id)) return "known";
    if (ip === undefined || !this.#addIp(bucket, ip)) return "refused";
    bucket.replacements.unshift(entry);
    const removed = bucket.replacements.length > limits.replacements ? bucket.replacements.pop() : undefined;
    if (removed !== undefined) this.#removeIp(bucket, removed.node.ip);
    return "replacement";
  }

  #dropReplacement(bucket: Bucket, id: NodeId): void {
    const at = bucket.replacements.findIndex(({ node }) => node.id === id);
    const [dropped] = at < 0 ? [] : bucket.replacements.splice(at, 1);
    if (dropped !== undefined) this.#removeIp(bucket, dropped.node.ip);
  }

  /** Private addresses are not counted: a LAN is one subnet. */
  #addIp(bucket: Bucket, ip: string): boolean {
    if (isLan(ip)) return true;
    if (!this.#ips.add(ip)) return false;
    if (bucket.ips.add(ip)) return true;
    this.#ips.remove(ip);
    return false;
  }

  #removeIp(bucket: Bucket, ip: string | undefined): void {
    if (ip === undefined || isLan(ip)) return;
    this.#ips.remove(ip);
    bucket.ips.remove(ip);
  }
}
