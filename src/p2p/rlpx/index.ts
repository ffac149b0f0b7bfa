/**
 * p2p/rlpx: the RLPx transport. EIP-8 handshake in both roles, frames with their MACs, snappy with a capped length; as
 * machines over bytes (`HandshakeMachine`, `FrameReader`, `FrameWriter`), and `RlpxConnection`, which drives them on a
 * socket of the host with deadlines, minimum rate and back-pressure. The curve arithmetic of a handshake is a job of plain
 * data (`HandshakeJob`), which the machine asks for and a `HandshakeRunner` does: here, or in the process's thread for them.
 *
 * Is not: hello, ping, capabilities, reasons (`#p2p`). Encrypts, but keeps no secret (RX-15): one key stream serves both
 * directions, so nothing secret may ever be put on it.
 *
 * @see https://github.com/ethereum/devp2p/blob/master/rlpx.md · geth p2p/rlpx.go@v1.8.27
 */
export { ChunkList } from "./chunks.ts";
export { type ConnectionHandler, RlpxConnection, type WireMsg } from "./connection.ts";
export { RlpxError } from "./errors.ts";
export { type Frame, FrameReader, FrameWriter } from "./frames.ts";
export {
  type Ack,
  type Auth,
  deriveSecrets,
  openAck,
  openAuth,
  type Secrets,
  sealAck,
  sealAuth,
  type Share,
} from "./handshake.ts";
export { type HandshakeRunner, localHandshakes, shareHandshakes } from "./handshake-pool.ts";
export { type HandshakeJob, type HandshakeOutcome, runHandshakeJob } from "./job.ts";
export { limits as rlpxLimits } from "./limits.ts";
export {
  type Established,
  HandshakeMachine,
  type HandshakeOptions,
  type Shaken,
  type Step,
} from "./machine.ts";
export { compress, jsSnappy, nativeSnappy, snappyBackend, uncompress } from "./snappy.ts";
