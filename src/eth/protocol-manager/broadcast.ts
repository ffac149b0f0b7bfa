import type { Block, Transaction } from "#core/types";
import type { EthPeer } from "#eth/protocols";
import type { Rand } from "#host";
import { blockRecipients, transactionRecipients } from "./limits.ts";
import type { PeerSet } from "./peer-set.ts";

/**
 * A whole block to max(4, √n) of the n peers that are not known to have it, at random. Who sent it is known to have it.
 * @see geth eth/handler.go:712@v1.8.27
 */
export function propagateBlock(peers: PeerSet, rand: Rand, block: Block, td: bigint): number {
  const without = rand.shuffle(peers.withoutBlock(block.header.hash));
  const chosen = without.slice(0, blockRecipients(without.length));
  for (const peer of chosen) peer.sendBlock(block, td);
  return chosen.length;
}

/** Its hash to all that are not known to have it. */
export function announceBlock(peers: PeerSet, { header }: Pick<Block, "header">): number {
  const without = peers.withoutBlock(header.hash);
  for (const peer of without) peer.announceBlock(header);
  return without.length;
}

/**
 * Each transaction whole to √n of the n peers that are not known to have it, at random, and its hash to the rest; peers that know no
 * announcements (up to eth/64) always get it whole, as they would else never hear of it.
 * @see geth eth/handler.go:870@v1.9.25, eth/handler.go:752@v1.8.27
 */
export function broadcastTransactions(peers: PeerSet, rand: Rand, txs: readonly Transaction[]): void {
  const whole = new Map<EthPeer, Uint8Array[]>();
  const hashes = new Map<EthPeer, Uint8Array[]>();
  const put = (to: Map<EthPeer, Uint8Array[]>, peer: EthPeer, hash: Uint8Array) => {
    const list = to.get(peer);
    if (list === undefined) to.set(peer, [hash]);
    else list.push(hash);
  };
  for (const { hash } of txs) {
    const without = rand.shuffle(peers.withoutTransaction(hash));
    const direct = transactionRecipients(without.length);
    for (const [i, peer] of without.entries())
      put(i < direct || !peer.takesTxAnnouncements ? whole : hashes, peer, hash);
  }
  for (const [peer, list] of whole) peer.sendTransactions(list);
  for (const [peer, list] of hashes) peer.announceTransactions(list);
}
