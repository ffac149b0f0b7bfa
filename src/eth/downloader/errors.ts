import { defineErrors } from "#util";

/** Errors of synchronising. Those that blame a peer cost the peer its place (eth/downloader/downloader.go:331@v1.9.25). */
export const DownloaderError = defineErrors("DOWNLOADER", {
  BUSY: { message: () => "a synchronisation is running already", blame: "caller" },
  UNKNOWN_PEER: { message: (d: { peer: string }) => `peer ${d.peer} is not registered`, blame: "caller" },
  PEER_KNOWN: { message: (d: { peer: string }) => `peer ${d.peer} is registered already`, blame: "caller" },
  TOO_MANY_PEERS: { message: (d: { max: number }) => `${d.max} peers are registered`, blame: "caller" },
  WRONG_MODE: {
    message: (d: { mode: string }) => `this chain cannot be synchronised in mode ${d.mode}`,
    blame: "caller",
  },
  CANCELLED: { message: () => "synchronisation was cancelled", blame: "caller" },
  CHANGED: {
    message: (d: { number: number }) => `the peer went over to another chain below #${d.number} meanwhile`,
    blame: "network",
  },
  STATE_UNAVAILABLE: {
    message: (d: { missing: number; peers: number }) =>
      `${d.missing} nodes of the state are with none of ${d.peers} peers`,
    blame: "network",
  },
  TIMEOUT: {
    message: (d: { what: string; afterMs: number }) => `no ${d.what} within ${d.afterMs} ms`,
    blame: "peer",
    disconnect: 0x0b,
    backoff: "short",
  },
  STALLING: {
    message: (d: { reason: string }) => `peer is stalling: ${d.reason}`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  BAD_PEER: {
    message: (d: { reason: string }) => `peer sent what it was not asked for: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  EMPTY_HEADER_SET: {
    message: (d: { from: number; head: number }) =>
      `peer has no headers from #${d.from} on, though its head is #${d.head}`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  INVALID_ANCESTOR: {
    message: (d: { number: number; floor: number }) =>
      `the common ancestor #${d.number} is below #${d.floor}: another chain`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "long",
  },
  INVALID_CHAIN: {
    message: (d: { number: number; reason: string }) => `invalid chain at #${d.number}: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  INVALID_BODY: {
    message: (d: { asked: number }) => `a body belongs to none of the ${d.asked} headers asked for`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  INVALID_RECEIPT: {
    message: (d: { asked: number }) => `receipts belong to none of the ${d.asked} headers asked for`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  INVALID_STATE: {
    message: (d: { reason: string }) => `invalid state data: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  PEERS_UNAVAILABLE: {
    message: (d: { what: string; number: number }) =>
      `no peer has the ${d.what} of #${d.number}, all were tried`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "short",
  },
});
