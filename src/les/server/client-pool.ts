import { LesError } from "#les/protocol";
import type { Peer } from "#p2p";
import { isPrivateAddress } from "./address.ts";

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

  /** Takes a place until the result is disposed. @throws LES_TOO_MANY_CLIENTS (0x04 too many peers) */
  admit(peer: Pick<Peer, "id" | "isTrusted" | "remoteAddress">): Disposable {
    if (peer.isTrusted) return { [Symbol.dispose]() {} };
    const address = peer.remoteAddress.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
    const isTaken = !isPrivateAddress(address) && [...this.#admitted.values()].includes(address);
    if (this.#admitted.size >= this.#capacity || isTaken || this.#admitted.has(peer.id)) throw LesError("TOO_MANY_CLIENTS");
    this.#admitted.set(peer.id, address);
    return { [Symbol.dispose]: () => void this.#admitted.delete(peer.id) };
  }
}
