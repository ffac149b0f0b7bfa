import { defineErrors } from "#util";

/**
 * What can be wrong with the other side of a `les` connection.
 * `disconnect` is a devp2p reason: 0x02 breach of protocol, 0x03 useless peer, 0x0b read timeout, 0x10 subprotocol error.
 */
export const LesError = defineErrors("LES", {
  NO_STATUS: {
    message: (d: { code: number }) => `first message has code ${d.code}, not status`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  EXTRA_STATUS: { message: () => "second status message", blame: "peer", disconnect: 0x10, backoff: "long" },
  HANDSHAKE_TIMEOUT: {
    message: (d: { timeoutMs: number }) => `no status message within ${d.timeoutMs} ms`,
    blame: "peer",
    disconnect: 0x0b,
    backoff: "short",
  },
  MISSING_KEY: {
    message: (d: { key: string }) => `key missing from list - ${d.key}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  BAD_KEY: {
    message: (d: { key: string }) => `value of key ${d.key} has a wrong shape`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  GENESIS_MISMATCH: {
    message: (d: { want: string; got: string }) => `genesis block ${d.got}, ours is ${d.want}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "foreign",
  },
  NETWORK_MISMATCH: {
    message: (d: { want: string; got: string }) => `network id ${d.got}, ours is ${d.want}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "foreign",
  },
  VERSION_MISMATCH: {
    message: (d: { want: number; got: number }) => `protocol version ${d.got}, agreed on ${d.want}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  FORK_ID_REJECTED: {
    message: (d: { reason: string }) => `fork id rejected: ${d.reason}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "foreign",
  },
  USELESS_PEER: {
    message: (d: { reason: string }) => `peer cannot serve us: ${d.reason}`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  UPDATE_TOO_LARGE: {
    message: (d: { bytes: number }) => `key-value list of ${d.bytes} bytes`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  BAD_COST_TABLE: {
    message: (d: { reason: string }) => `cost table: ${d.reason}`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  BAD_FLOW_PARAMETERS: {
    message: (d: { reason: string }) => `flow control: ${d.reason}`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  BAD_ANNOUNCE: {
    message: (d: { reason: string }) => `announcement: ${d.reason}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  BAD_SIGNATURE: {
    message: () => "announcement is not signed by this server",
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  INVALID_CODE: {
    message: (d: { code: number }) => `message code ${d.code} is not for us`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  MESSAGE_TOO_LARGE: {
    message: (d: { bytes: number; max: number }) => `message of ${d.bytes} bytes, at most ${d.max}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  REQUEST_REJECTED: {
    message: (d: { reason: string }) => `request rejected: ${d.reason}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "short",
  },
  UNEXPECTED_RESPONSE: {
    message: (d: { id: string }) => `reply ${d.id} was not asked for, or came twice`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  TOO_MANY_BAD_RESPONSES: {
    message: (d: { count: number }) => `${d.count} unusable replies`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  INVALID_RESPONSE: {
    message: (d: { reason: string }) => `invalid reply: ${d.reason}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  REQUEST_TIMEOUT: {
    message: (d: { message: string; timeoutMs: number }) =>
      `${d.message} not answered within ${d.timeoutMs} ms`,
    blame: "network",
    disconnect: 0x0b,
    backoff: "short",
  },
});
