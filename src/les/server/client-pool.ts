import { isLan, P2pError, type Peer } from "#p2p";

/**
 * Who may be a client now. At most `capacity` clients; an untrusted one per address, except on loopback and private
 * networks, where clients are told apart by their node id. Trusted peers pass every cap.
 */
export class ClientPool {
  readonly #capacity: number;
  /** BOUNDED by capacity and by the trusted peers: untrusted clients by node id, with their address. */
  readonly #admitted = new Map<string, string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#admitted.size;
  }

  /** Takes a place until the result is disposed. @throws P2P_TOO_MANY_PEERS (0x04): full, or its address has one */
  admit(peer: Pick<Peer, "id" | "isTrusted" | "remoteAddress">): Disposable {
    if (peer.isTrusted) return { [Symbol.dispose]() {} };
    const address = peer.remoteAddress.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
    const isTaken = !isLan(address) && [...this.#admitted.values()].includes(address);
    if (this.#admitted.size >= this.#capacity || isTaken) throw P2pError("TOO_MANY_PEERS");
    this.#admitted.set(peer.id, address);
    return { [Symbol.dispose]: () => void this.#admitted.delete(peer.id) };
  }
}
