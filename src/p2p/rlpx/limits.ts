/** Bounds of one connection; sources: attacks-and-faults §1.1, §3.2. */
export const limits = {
  /** Smallest handshake packet after its size: an ECIES message around nothing (RX-01). */
  handshakeMin: 113,
  /** geth since June 2024 and reth; the field alone would allow 65,535 (RX-05). */
  handshakeMax: 2048,
  /** Handshakes that may wait for the thread; the one after is closed (RX-14). */
  handshakeQueue: 64,
  /** The thread ends when it had nothing to do for so long: its memory is given back. */
  handshakeIdleMs: 10_000,
  /** Heap of the thread, MB: a packet of 2 KiB needs a few hundred kilobytes. */
  handshakeHeapMb: 32,
  /** A packet that does not open closes the connection a multiple of this after it came, whatever was wrong with it (RX-04). */
  refusalStepMs: 50,
  /** What the three bytes of the header can say. */
  frameMax: 0xff_ffff,
  /** Longest time between two whole frames; also the most a frame may take (geth p2p/server.go:54@v1.8.27). */
  readTimeoutMs: 30_000,
  /** Longest time in which the other end takes nothing of what we wrote. */
  writeTimeoutMs: 20_000,
  /** A frame that takes longer than this must come at `minRate` (RX-11). */
  slowAfterMs: 10_000,
  /** Bytes a second. */
  minRate: 8 * 1024,
  /** How long a peer gets to read the reason we close with. */
  closeGraceMs: 1_000,
} as const;
