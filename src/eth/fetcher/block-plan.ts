import { type Block, blockSize } from "#core/types";
import type { Rand } from "#host";
import { ByteMap } from "#util";
import { limits } from "./limits.ts";
import type { BlockAnnouncement } from "./types.ts";

interface Announced {
  readonly hash: Uint8Array;
  readonly number: number;
  /** When it was announced first. */
  readonly at: number;
  /** Who has it. BOUNDED: each peer counts it among its own limits.blockAnnounces. */
  readonly peers: string[];
  /** Asked for from this one. */
  fetching: string | undefined;
}

interface Queued {
  readonly block: Block;
  readonly peer: string;
  readonly sizeBytes: number;
}

/** The chain as the plan needs to know it. */
export interface PlanChain {
  readonly head: number;
  has(hash: Uint8Array): boolean;
}

/** What to ask one peer for. */
export interface BlockFetch {
  readonly peer: string;
  readonly hash: Uint8Array;
  readonly number: number;
}

/** Which announced blocks to ask for, whom and when, and which whole block to import next. Nothing else happens here. */
export class BlockPlan {
  /** BOUNDED: limits.blockAnnounces per peer. */
  readonly #announced = new ByteMap<Announced>();
  /** BOUNDED: limits.queuedBlocks per peer, limits.queuedBlockBytes of all, and the next block beside them. */
  readonly #queued = new ByteMap<Queued>();
  #queuedBytes = 0;
  /** Open announcements and waiting blocks by peer. BOUNDED: peers that have some. */
  readonly #announces = new Map<string, number>();
  readonly #blocks = new Map<string, number>();

  get announcedCount(): number {
    return this.#announced.size;
  }

  get queuedCount(): number {
    return this.#queued.size;
  }

  /** Peers of which something is held. */
  get peerCount(): number {
    return new Set([...this.#announces.keys(), ...this.#blocks.keys()]).size;
  }

  announce(peer: string, list: readonly BlockAnnouncement[], now: number, chain: PlanChain): void {
    for (const { hash, number } of list) {
      if ((this.#announces.get(peer) ?? 0) >= limits.blockAnnounces) return;
      if (!isNear(number, chain.head) || chain.has(hash) || this.#queued.has(hash)) continue;
      const known = this.#announced.get(hash);
      if (known?.peers.includes(peer) === true) continue;
      // another number for the same hash is a lie of one of the two: the first is believed until its header comes
      if (known !== undefined && known.number !== number) continue;
      if (known === undefined)
        this.#announced.set(hash, { hash, number, at: now, peers: [peer], fetching: undefined });
      else known.peers.push(peer);
      add(this.#announces, peer, 1);
    }
  }

  /** What is due, or soon will be; each from one of those who announced it. It counts as asked for from now on. */
  due(now: number, rand: Rand): readonly BlockFetch[] {
    const fetches: BlockFetch[] = [];
    for (const each of this.#announced.values()) {
      if (each.fetching !== undefined || each.at + limits.arriveMs - limits.gatherMs > now) continue;
      const peer = each.peers[rand.int(each.peers.length)];
      if (peer === undefined) continue;
      each.fetching = peer;
      fetches.push({ peer, hash: each.hash, number: each.number });
    }
    return fetches;
  }

  /** When something falls due; undefined: nothing waits. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const { at, fetching } of this.#announced.values())
      if (fetching === undefined) next = Math.min(next ?? Number.POSITIVE_INFINITY, at + limits.arriveMs);
    return next;
  }

  /** The announcement is over: it was fetched, came by itself, or failed. */
  forget(hash: Uint8Array): void {
    const known = this.#announced.get(hash);
    if (known === undefined) return;
    for (const peer of known.peers) add(this.#announces, peer, -1);
    this.#announced.delete(hash);
  }

  /** A whole block. @returns false when it is too far away, known, or one too many of this peer, or too large for now */
  enqueue(peer: string, block: Block, chain: PlanChain): boolean {
    const { hash, number } = block.header;
    this.forget(hash);
    if (!isNear(number, chain.head) || chain.has(hash) || this.#queued.has(hash)) return false;
    if ((this.#blocks.get(peer) ?? 0) >= limits.queuedBlocks) return false;
    const sizeBytes = blockSize(block.header, block);
    const isNext = number <= chain.head + 1;
    if (!isNext && this.#queuedBytes + sizeBytes > limits.queuedBlockBytes) return false;
    this.#queued.set(hash, { block, peer, sizeBytes });
    this.#queuedBytes += sizeBytes;
    add(this.#blocks, peer, 1);
    return true;
  }

  /** The lowest waiting block, if it is not above the next one; those that are of no use any more leave. */
  nextImport(chain: PlanChain): Queued | undefined {
    let lowest: Queued | undefined;
    for (const each of [...this.#queued.values()]) {
      const { number, hash } = each.block.header;
      if (number + limits.maxBelow < chain.head || chain.has(hash)) this.#unqueue(each);
      else if (lowest === undefined || number < lowest.block.header.number) lowest = each;
    }
    if (lowest === undefined || lowest.block.header.number > chain.head + 1) return undefined;
    this.#unqueue(lowest);
    return lowest;
  }

  removePeer(peer: string): void {
    for (const each of [...this.#announced.values()]) {
      const at = each.peers.indexOf(peer);
      if (at < 0) continue;
      each.peers.splice(at, 1);
      if (each.fetching === peer) each.fetching = undefined;
      if (each.peers.length === 0) this.#announced.delete(each.hash);
    }
    for (const each of [...this.#queued.values()]) if (each.peer === peer) this.#unqueue(each);
    this.#announces.delete(peer);
    this.#blocks.delete(peer);
  }

  #unqueue({ block, peer, sizeBytes }: Queued): void {
    if (!this.#queued.delete(block.header.hash)) return;
    this.#queuedBytes -= sizeBytes;
    add(this.#blocks, peer, -1);
  }
}

const isNear = (number: number, head: number): boolean =>
  number - head >= -limits.maxBelow && number - head <= limits.maxAbove;

/** Changes a count; 0 is no entry. */
export function add(counts: Map<string, number>, peer: string, by: number): void {
  const count = (counts.get(peer) ?? 0) + by;
  if (count <= 0) counts.delete(peer);
  else counts.set(peer, count);
}
