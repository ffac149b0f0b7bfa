import { type Enode, type NodeId, nodeIdOf } from "#enode";
import { RlpxError, type RlpxConnection } from "#p2p/rlpx";
import { equalBytes } from "#util";
import { P2pError } from "./errors.ts";
import {
  DISCONNECT,
  decodeDisconnect,
  decodeHello,
  encodeHello,
  HELLO,
  type Hello,
  speaksSnappy,
} from "./hello.ts";

/** One deadline for encryption handshake and hello together (geth p2p/rlpx.go:65,87@v1.8.27). */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

export interface HandshakeSteps {
  readonly connection: RlpxConnection;
  /** The node that was dialled; absent for inbound. */
  readonly dialed: Enode | undefined;
  readonly hello: Hello;
  /** Asked once the other's identity is claimed by its key; throws to refuse. */
  readonly afterEncryption: (id: NodeId) => void;
  /** Called once its hello is known, the connection being ready for more: takes the peer in, or throws to refuse. */
  readonly afterHello: (id: NodeId, hello: Hello) => void;
}

/**
 * From socket to peer: encryption handshake, check, hello both ways, check. In `afterHello` the connection speaks snappy if
 * the other does, and nothing after the hello has been read.
 *
 * @throws what refused or broke it; the caller tells the reason the error carries
 * @see geth p2p/server.go:892-952@v1.8.27
 */
export async function shakeHands(steps: HandshakeSteps): Promise<void> {
  const { connection, dialed } = steps;
  const publicKey = await connection.established;
  const id = nodeIdOf(publicKey);
  if (dialed !== undefined && dialed.id !== id)
    throw P2pError("UNEXPECTED_IDENTITY", { want: dialed.id, got: id });
  steps.afterEncryption(id);
  connection.write(HELLO, encodeHello(steps.hello));
  const first = await connection.read();
  if (first.code === DISCONNECT)
    throw P2pError("REMOTE_DISCONNECT", { reason: decodeDisconnect(first.payload) });
  if (first.code !== HELLO)
    throw P2pError("UNEXPECTED_MESSAGE", { got: `message ${first.code}`, want: "hello" });
  const hello = decodeHello(first.payload);
  if (hello.publicKey.length !== 64 || hello.publicKey.every((byte) => byte === 0))
    throw P2pError("INVALID_IDENTITY");
  if (!equalBytes(hello.publicKey, publicKey))
    throw P2pError("UNEXPECTED_IDENTITY", { want: id, got: nodeIdOf(hello.publicKey) });
  if (speaksSnappy(hello)) connection.enableSnappy();
  steps.afterHello(id, hello);
}

export const handshakeTimeout = (): Error => RlpxError("HANDSHAKE_TIMEOUT", { ms: HANDSHAKE_TIMEOUT_MS });
