import { EthProtocolError, type EthPeer } from "#eth/protocols";

/**
 * Peers after their handshake, by node id.
 * BOUNDED: maxPeers, trusted ones beside it (the p2p server bounds those).
 */
export class PeerSet implements Iterable<EthPeer> {
  readonly #peers = new Map<string, EthPeer>();
  #isClosed = false;

  get size(): number {
    return this.#peers.size;
  }

  get(id: string): EthPeer | undefined {
    return this.#peers.get(id);
  }

  [Symbol.iterator](): IterableIterator<EthPeer> {
    return this.#peers.values();
  }

  /** @throws ETHP_QUITTING once closed, ETHP_TOO_MANY_PEERS at `maxPeers`, unless it is trusted */
  checkRoom({ isTrusted }: { readonly isTrusted: boolean }, maxPeers: number): void {
    if (this.#isClosed) throw EthProtocolError("QUITTING");
    if (this.#peers.size >= maxPeers && !isTrusted) throw EthProtocolError("TOO_MANY_PEERS");
  }

  register(peer: EthPeer): void {
    this.#peers.set(peer.id, peer);
  }

  unregister(id: string): void {
    this.#peers.delete(id);
  }

  withoutBlock(hash: Uint8Array): EthPeer[] {
    return [...this.#peers.values()].filter((peer) => !peer.knowsBlock(hash));
  }

  withoutTransaction(hash: Uint8Array): EthPeer[] {
    return [...this.#peers.values()].filter((peer) => !peer.knowsTransaction(hash));
  }

  /** No more peers from now on. */
  close(): void {
    this.#isClosed = true;
  }
}
