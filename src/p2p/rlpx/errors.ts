import { defineErrors } from "#util";

/**
 * Handshake and frame errors. A row without `disconnect` closes without a word: before the keys are made nothing can be
 * said, and after a MAC that does not hold the other end is not who we talked to.
 */
export const RlpxError = defineErrors("RLPX", {
  /** One error for every way an auth or ack can be wrong (RX-02, RX-04). */
  BAD_HANDSHAKE: {
    message: (d: { what: "auth" | "ack" }) => `${d.what} does not open`,
    blame: "peer",
    backoff: "long",
  },
  HANDSHAKE_SIZE: {
    message: (d: { size: number }) => `handshake packet of ${d.size} bytes, want 113 to 2048`,
    blame: "peer",
    backoff: "long",
  },
  HANDSHAKE_TIMEOUT: {
    message: (d: { ms: number }) => `no handshake within ${d.ms} ms`,
    blame: "peer",
    backoff: "short",
  },
  /** RX-14: the line for handshakes is full, or the thread that worked on them is gone. */
  HANDSHAKE_DROPPED: {
    message: (d: { why: string }) => `handshake dropped: ${d.why}`,
    blame: "environment",
    backoff: "short",
  },
  BAD_HEADER_MAC: { message: () => "bad header MAC", blame: "peer", backoff: "long" },
  BAD_FRAME_MAC: { message: () => "bad frame MAC", blame: "peer", backoff: "long" },
  FRAME_TOO_BIG: {
    message: (d: { size: number; limit: number }) => `frame of ${d.size} bytes, limit ${d.limit}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  BAD_CODE: {
    message: () => "frame without a canonical message code",
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  MSG_TOO_BIG: {
    message: (d: { code: number; size: number; limit: number }) =>
      `message ${d.code} of ${d.size} bytes uncompressed, limit ${d.limit}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  BAD_SNAPPY: {
    message: (d: { code: number }) => `message ${d.code} is no snappy block`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  READ_TIMEOUT: {
    message: (d: { ms: number }) => `read timeout: no frame for ${d.ms} ms`,
    blame: "network",
    backoff: "short",
  },
  TOO_SLOW: {
    message: (d: { bytesPerSecond: number }) => `frame dripping at ${d.bytesPerSecond} bytes a second`,
    blame: "peer",
    backoff: "long",
  },
  WRITE_TIMEOUT: {
    message: (d: { ms: number }) => `write timeout: nothing taken for ${d.ms} ms`,
    blame: "network",
    backoff: "short",
  },
  CLOSED: {
    message: (d: { why: string }) => `connection closed: ${d.why}`,
    blame: "network",
    backoff: "short",
  },
  SEND_TOO_BIG: {
    message: (d: { size: number }) => `message size overflows uint24 (${d.size})`,
    blame: "caller",
  },
});
