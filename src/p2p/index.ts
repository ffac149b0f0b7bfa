/**
 * p2p: peers over RLPx. The Server (listen, dial, admit), the base protocol (hello, ping, disconnect), protocols side by
 * side on one connection, and wire tables: a protocol version as data.
 *
 * Is not: the wires of discovery (`#p2p/discv4`, `#p2p/discv5`, which `Discovery` joins), the bytes of handshake and frames (`#p2p/rlpx`), any sub-protocol's meaning.
 *
 *   socket → rlpx handshake → check → hello → check → running ⇄ protocols → closed (a reason is told where one exists)
 */
export { type DisconnectReason, disconnectReasons, formatReason, reasonName } from "./disconnect.ts";
export { Discovery } from "./discovery.ts";
export { P2pError } from "./errors.ts";
export type { Peer, PeerInfo } from "./peer.ts";
export type { Cap, Msg, MsgReader, MsgReadWriter, MsgWriter, Protocol } from "./protocol.ts";
export { isLan } from "#p2p/netutil";
export { messagePipe, type PipeEnd } from "./pipe.ts";
export { Server } from "./server.ts";
export type { NodeInfo, PeerEvent, Self, ServerConfig } from "./server-types.ts";
export type {
  AnyMessage,
  BodyOf,
  CallOptions,
  Envelope,
  EnvelopeValues,
  HandlerContext,
  Handlers,
  MessageDiff,
  MessageRow,
  Messages,
  NextMessages,
  Reply,
  ReplyName,
  RequestName,
  Session,
  SessionOptions,
  WireMessage,
  WireOptions,
  WireTable,
} from "./wire-types.ts";
export { type Matched, RequestTracker, type Ticket } from "./tracker.ts";
export { wire } from "./wire.ts";
