import type { Enode, NodeId } from "#enode";
import type { Logger } from "#log";
import type { DisconnectReason } from "./disconnect.ts";
import type { Cap } from "./protocol.ts";

/** A connected peer, as protocols and RPC see it. */
export interface Peer {
  /** 64 hex digits. */
  readonly id: NodeId;
  /** For inbound peers the endpoint is their source port, which cannot be dialled back (geth does the same). */
  readonly node: Enode;
  /** Client name from the hello: the stranger's text, control characters removed, at most 256 characters. */
  readonly name: string;
  /** All capabilities of its hello; BOUNDED: 64. */
  readonly caps: readonly Cap[];
  readonly inbound: boolean;
  /** We dialled it because it is static. A static node that dials us is not. */
  readonly isStatic: boolean;
  /** Exempt from every cap; changes with addTrustedPeer and removeTrustedPeer. */
  readonly isTrusted: boolean;
  /** `ip:port` of the other end. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly log: Logger;
  /** Payload bytes of frames so far, as on the wire. */
  readonly traffic: { readonly bytesIn: number; readonly bytesOut: number };
  /** True if this connection runs protocol `name` (of `version`, if given). */
  runs(name: string, version?: number): boolean;
  /** Ends the connection with a reason (name or code); a second call does nothing. Returns at once. */
  disconnect(reason: DisconnectReason): void;
  info(): PeerInfo;
}

/** admin_peers, one entry. @see geth p2p/peer.go:427-476@v1.8.27 */
export interface PeerInfo {
  readonly enode: string;
  readonly id: NodeId;
  readonly name: string;
  readonly caps: readonly string[];
  readonly network: {
    readonly localAddress: string;
    readonly remoteAddress: string;
    readonly inbound: boolean;
    readonly trusted: boolean;
    readonly static: boolean;
  };
  /** By protocol name: its peerInfo, or "handshake" while that is undefined, or "unknown" without one. */
  readonly protocols: Readonly<Record<string, unknown>>;
}
