import { shortId, type NodeId } from "#enode";
import { defineErrors } from "#util";
import { disconnectReasons as reasons, formatReason } from "./disconnect.ts";

/**
 * Errors of the base protocol, the server and wire tables. `disconnect` is what the peer is told.
 * Handshake and frame errors are `RLPX_*` (`#p2p/rlpx`), malformed bodies `RLP_*` (`#rlp`).
 */
export const P2pError = defineErrors("P2P", {
  // caller
  NO_PRIVATE_KEY: { message: () => "Server.PrivateKey must be set to a non-nil key", blame: "caller" },
  ALREADY_RUNNING: { message: () => "server already running", blame: "caller" },
  NOT_RUNNING: { message: () => "server not running", blame: "caller" },
  BAD_CONFIG: { message: (d: { problem: string }) => d.problem, blame: "environment", exitCode: 2 },
  INVALID_MSG_CODE: {
    message: (d: { code: number; length: number }) =>
      `message code ${d.code} not below the protocol's length ${d.length}`,
    blame: "caller",
  },
  MSG_TOO_BIG_TO_SEND: {
    message: (d: { size: number }) => `message of ${d.size} bytes does not fit a frame`,
    blame: "caller",
  },
  BAD_TABLE: { message: (d: { problem: string }) => `wire table: ${d.problem}`, blame: "caller" },
  MISUSE: { message: (d: { problem: string }) => d.problem, blame: "caller" },
  NO_CLOCK: {
    message: () => "this connection has no clock: pass one to open() to use timeouts",
    blame: "caller",
  },
  TOO_MANY_REQUESTS: {
    message: (d: { limit: number }) => `${d.limit} requests are already open with this peer`,
    blame: "caller",
  },
  // the connection's end
  PEER_CLOSED: { message: (d: { why: string }) => `connection ended: ${d.why}`, blame: "network" },
  REMOTE_DISCONNECT: {
    message: (d: { reason: number | bigint }) => `peer disconnected: ${formatReason(d.reason)}`,
    blame: "network",
    backoff: "short",
  },
  LOCAL_DISCONNECT: { message: (d: { reason: number }) => formatReason(d.reason), blame: "network" },
  DIAL_FAILED: {
    message: (d: { why: string }) => `dial failed: ${d.why}`,
    blame: "network",
    backoff: "short",
  },
  REQUEST_TIMEOUT: {
    message: (d: { name: string; timeoutMs: number }) => `no ${d.name} within ${d.timeoutMs} ms`,
    blame: "network",
  },
  RECEIVE_TIMEOUT: {
    message: (d: { name: string; timeoutMs: number }) => `no ${d.name} within ${d.timeoutMs} ms`,
    blame: "peer",
    disconnect: reasons.readTimeout.code,
    backoff: "short",
  },
  // refused by the check table
  TOO_MANY_PEERS: {
    message: () => reasons.tooManyPeers.text,
    blame: "network",
    disconnect: reasons.tooManyPeers.code,
    backoff: "short",
  },
  ALREADY_CONNECTED: {
    message: () => reasons.alreadyConnected.text,
    blame: "network",
    disconnect: reasons.alreadyConnected.code,
  },
  SELF: {
    message: () => reasons.self.text,
    blame: "network",
    disconnect: reasons.self.code,
    backoff: "long",
  },
  USELESS_PEER: {
    message: () => reasons.uselessPeer.text,
    blame: "network",
    disconnect: reasons.uselessPeer.code,
    backoff: "long",
  },
  UNEXPECTED_IDENTITY: {
    message: (d: { want: NodeId; got: NodeId }) => `expected node ${shortId(d.want)}, met ${shortId(d.got)}`,
    blame: "peer",
    disconnect: reasons.unexpectedIdentity.code,
    backoff: "long",
  },
  INVALID_IDENTITY: {
    message: () => reasons.invalidIdentity.text,
    blame: "peer",
    disconnect: reasons.invalidIdentity.code,
    backoff: "long",
  },
  // breaches
  BAD_HELLO: {
    message: (d: { problem: string }) => `bad hello: ${d.problem}`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  MSG_TOO_BIG: {
    message: (d: { size: number; limit: number }) => `message of ${d.size} bytes, limit ${d.limit}`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  UNKNOWN_CODE: {
    message: (d: { code: number }) => `message code ${d.code} outside every protocol`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  UNEXPECTED_MESSAGE: {
    message: (d: { got: string; want?: string }) =>
      d.want === undefined ? `unexpected ${d.got}` : `expected ${d.want}, got ${d.got}`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  UNASKED_REPLY: {
    message: (d: { name: string }) => `${d.name} without an open request`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  TOO_MANY_ITEMS: {
    message: (d: { name: string; items: number; limit: number }) =>
      `${d.name} with ${d.items} items, limit ${d.limit}`,
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  PING_FLOOD: {
    message: () => "pings faster than one in 3 s",
    blame: "peer",
    disconnect: reasons.breachOfProtocol.code,
    backoff: "long",
  },
  STUCK_HANDLER: {
    message: () => "a protocol takes no messages",
    blame: "bug",
    disconnect: reasons.uselessPeer.code,
  },
  WRITE_QUEUE_FULL: {
    message: (d: { bytes: number; limit: number }) => `${d.bytes} bytes unread by the peer, limit ${d.limit}`,
    blame: "peer",
    disconnect: reasons.uselessPeer.code,
    backoff: "long",
  },
});
