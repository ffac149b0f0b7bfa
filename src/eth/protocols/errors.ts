import { defineErrors } from "#util";

/**
 * What can be wrong with the other side of an `eth` connection. `disconnect` is a devp2p reason: 0x02 breach of protocol, 0x04 too many
 * peers, 0x08 quitting, 0x0b read timeout, 0x10 subprotocol error (geth's for every error of its handler).
 */
export const EthProtocolError = defineErrors("ETHP", {
  NO_STATUS: {
    message: (d: { code: number }) => `first message has code ${d.code}, not status`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  EXTRA_STATUS: {
    message: () => "uncontrolled status message",
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  HANDSHAKE_TIMEOUT: {
    message: (d: { timeoutMs: number }) => `no status exchange within ${d.timeoutMs} ms`,
    blame: "peer",
    disconnect: 0x0b,
    backoff: "short",
  },
  GENESIS_MISMATCH: {
    message: (d: { want: string; got: string }) => `genesis block ${d.got}, ours is ${d.want}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "foreign",
  },
  NETWORK_MISMATCH: {
    message: (d: { want: bigint; got: bigint }) => `network id ${d.got}, ours is ${d.want}`,
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
  BAD_DIFFICULTY: {
    message: (d: { bits: number }) => `too large total difficulty: bitlen ${d.bits}`,
    blame: "peer",
    disconnect: 0x10,
    backoff: "long",
  },
  BAD_RANGE: {
    message: (d: { earliest: number; latest: number; reason: string }) =>
      `block range ${d.earliest} to ${d.latest}: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  TOO_MANY_PEERS: {
    message: () => "too many peers",
    blame: "network",
    disconnect: 0x04,
    backoff: "short",
  },
  QUITTING: { message: () => "this node is stopping", blame: "network", disconnect: 0x08, backoff: "short" },
  INVALID_CODE: {
    message: (d: { name: string }) => `message ${d.name} is not for us`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  WRONG_REPLY: {
    message: (d: { want: string; got: string }) => `${d.got} answers a request for ${d.want}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  TOO_MANY_ITEMS: {
    message: (d: { name: string; asked: number }) =>
      `${d.name} with more than the ${d.asked} items asked for`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  DUPLICATE_TRANSACTION: {
    message: (d: { name: string }) => `${d.name} holds the same transaction twice`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  BAD_BLOCK: {
    message: (d: { number: number; reason: string }) => `block ${d.number}: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  MERGED: {
    message: (d: { name: string }) => `${d.name} after the merge`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  NOT_SPOKEN: {
    message: (d: { name: string; version: number }) => `eth/${d.version} has no ${d.name}`,
    blame: "caller",
  },
  ASK_TOO_MUCH: {
    message: (d: { name: string; items: number; limit: number }) =>
      `${d.name} for ${d.items} items, at most ${d.limit}`,
    blame: "caller",
  },
});
