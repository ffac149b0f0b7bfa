import type { Clock } from "#host";
import type { Enode, NodeId, NodeSource } from "#enode";
import type { EnrPair } from "#enr";
import type { Peer } from "./peer.ts";

/** One message as it came: code relative to its protocol, payload after decompression. */
export interface Msg {
  readonly code: number;
  /** Bytes of the uncompressed payload; what message caps count. */
  readonly size: number;
  /** RLP of the message body. Owned by the reader: nothing else holds or changes it. */
  readonly payload: Uint8Array;
  /** Host clock (monotonic ms) when the last byte of the message had arrived. */
  readonly receivedAt: number;
}

/** The reading half of a protocol's connection. */
export interface MsgReader {
  /**
   * The next message, in order.
   *
   * @throws P2P_PEER_CLOSED (or the reason the peer ended with) once the connection has ended and the queue is empty.
   */
  readMsg(): Promise<Msg>;
}

/** The writing half of a protocol's connection. */
export interface MsgWriter {
  /**
   * Queues one message. Resolves when the peer's write queue has room again, so awaiting it is back-pressure.
   *
   * @param code - relative to the protocol, below its length
   * @param payload - RLP of the body, uncompressed, at most 16 MiB − 1
   * @throws P2P_INVALID_MSG_CODE (caller) if code ≥ length: nothing is sent; P2P_PEER_CLOSED after the end.
   */
  writeMsg(code: number, payload: Uint8Array): Promise<void>;
}

/** A protocol's own connection to one peer: its codes start at 0. Async iteration yields messages until the end. */
export interface MsgReadWriter extends MsgReader, MsgWriter, AsyncIterable<Msg> {
  /** Clock of the host this connection lives on, for timeouts of those who use it. */
  readonly clock?: Clock | undefined;
}

/**
 * A sub-protocol, as in geth (seed: `Protocol`).
 *
 * @see geth p2p/protocol.go:25-55@v1.8.27
 */
export interface Protocol {
  /** At most 8 ASCII characters; capabilities are ordered by it. */
  readonly name: string;
  readonly version: number;
  /** Number of message codes; not on the wire, both sides must agree. */
  readonly length: number;
  /** Largest uncompressed payload; a larger one is refused before it is uncompressed. Default 16 MiB − 1. */
  readonly maxMessageBytes?: number | undefined;
  /** Asked as each connection says hello: offered to this one? Default: always. */
  isOffered?: (() => boolean) | undefined;
  /**
   * Called when a peer speaks this protocol; the peer is dropped when it returns (0x08 client quitting) or throws (the
   * reason the error carries in `disconnect`, else 0x10 subprotocol error). Unread messages are discarded at the end.
   *
   * @param signal - aborted when the connection ends for any reason
   */
  run(peer: Peer, rw: MsgReadWriter, signal: AbortSignal): Promise<void>;
  /** Name of a message, for counting; default: its code. */
  messageName?: ((code: number) => string | undefined) | undefined;
  /** What our node record tells of this protocol; asked at start and from time to time. */
  attributes?: (() => readonly EnrPair[]) | undefined;
  /** Whether a node that was found may speak this protocol with us, by its record. Default: every node may. */
  isCandidate?: ((node: Enode) => boolean) | undefined;
  /** Nodes to dial beside those that discovery finds: a list of its own. Closed with the server. */
  dialCandidates?: NodeSource | undefined;
  /** What this protocol says of the host node (admin_nodeInfo); JSON-able, bigint allowed. */
  nodeInfo?: (() => unknown) | undefined;
  /** What it says of one peer (admin_peers); undefined = handshake still running. */
  peerInfo?: ((id: NodeId) => unknown) | undefined;
}

/** A capability as told in the hello. */
export interface Cap {
  readonly name: string;
  readonly version: number;
}
