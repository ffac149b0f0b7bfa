import type { EthPeer, PeerHead } from "#eth/protocols";

/** What the heads of peers are measured against: the head of our own chain. */
export interface OurHead {
  /** Total difficulty. */
  readonly td: bigint;
  readonly number: number;
  /** Of a chain with a merge: the total difficulty at which it comes. */
  readonly terminalTd: bigint | undefined;
  hasBlock(hash: Uint8Array): boolean;
}

/**
 * A peer's chain may be better than ours. Its total difficulty decides where it tells one that is higher. On a chain with a merge the
 * number of its head decides otherwise (eth/69 tells it); a head of unknown number (eth/68, where no total difficulty rises any more)
 * may be better while we do not have it. Whether it is, the blocks themselves must show.
 */
export function isAhead(ours: OurHead, head: PeerHead): boolean {
  if (head.td !== undefined && head.td > ours.td) return true;
  if (ours.terminalTd === undefined) return false;
  if (head.number !== undefined) return head.number > ours.number;
  return ours.td >= ours.terminalTd && !ours.hasBlock(head.hash);
}

/** Of the peers that are ahead the one to follow: most total difficulty, then the highest number; the first of equals. */
export function bestOf(ours: OurHead, peers: Iterable<EthPeer>): EthPeer | undefined {
  const rank = ({ head }: EthPeer) => [head.td ?? ours.td, head.number ?? ours.number + 1] as const;
  let best: EthPeer | undefined;
  for (const peer of peers) {
    if (!isAhead(ours, peer.head)) continue;
    const [td, number] = rank(peer);
    const [mostTd, mostNumber] = best === undefined ? [-1n, -1] : rank(best);
    if (td > mostTd || (td === mostTd && number > mostNumber)) best = peer;
  }
  return best;
}
