import type { NodeId } from "#enode";
import { P2pError } from "./errors.ts";

/** How a connection came about. */
export interface ConnFlags {
  readonly id: NodeId;
  readonly inbound: boolean;
  /** We dialled it because it is static. */
  readonly isStatic: boolean;
  readonly isTrusted: boolean;
}

/** What the server holds at the moment of the check. */
export interface Occupancy {
  readonly self: NodeId;
  readonly maxPeers: number;
  /** Slots dynamic dials may take; the rest are inbound. */
  readonly maxDialed: number;
  readonly peers: ReadonlyMap<NodeId, { readonly inbound: boolean }>;
}

/**
 * Whether a connection may become a peer; asked after the encryption handshake and again after the hello. First hit wins.
 *
 * @returns the error to refuse with, or undefined
 * @see geth p2p/server.go:792-805@v1.8.27
 */
export function checkAdmission(
  flags: ConnFlags,
  { self, maxPeers, maxDialed, peers }: Occupancy,
): Error | undefined {
  const { id, inbound, isStatic, isTrusted } = flags;
  if (!isTrusted && !(isStatic && !inbound) && peers.size >= maxPeers) return P2pError("TOO_MANY_PEERS");
  if (!isTrusted && inbound && inboundCount(peers) >= maxPeers - maxDialed) return P2pError("TOO_MANY_PEERS");
  if (peers.has(id)) return P2pError("ALREADY_CONNECTED");
  if (id === self) return P2pError("SELF");
  return undefined;
}

/** All inbound peers, trusted ones too, as geth counts them. */
function inboundCount(peers: Occupancy["peers"]): number {
  let count = 0;
  for (const peer of peers.values()) if (peer.inbound) count++;
  return count;
}

/** Dynamic dials: floor(maxPeers / ratio), none without discovery or with noDial. @see geth p2p/server.go:811-819@v1.8.27 */
export function maxDialedConns(config: {
  maxPeers: number;
  dialRatio: number;
  noDiscovery: boolean;
  noDial: boolean;
}): number {
  return config.noDiscovery || config.noDial ? 0 : Math.floor(config.maxPeers / config.dialRatio);
}
