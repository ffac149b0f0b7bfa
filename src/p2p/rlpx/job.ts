import { type EntropySource, type PrivateKey, systemEntropy } from "#crypto";
import { RlpxError } from "./errors.ts";
import { agree, openAck, openAuth, sealAck } from "./handshake.ts";

/** What of a handshake costs curve arithmetic, as plain data: it can be done on any thread. */
export type HandshakeJob = AcceptJob | FinishJob;

interface Opening {
  /** Size prefix included. */
  readonly packet: Uint8Array;
  /** In the form before EIP-8. */
  readonly isPlain: boolean;
  readonly key: Uint8Array;
  readonly ephemeral: Uint8Array;
}

/** The recipient's: opens an auth, seals the ack. */
export interface AcceptJob extends Opening {
  readonly kind: "accept";
  readonly nonce: Uint8Array;
  /** `SEAL_DRAWS` bytes that the ack's sealing takes for chance. */
  readonly draws: Uint8Array;
}

/** The initiator's: opens an ack. */
interface FinishJob extends Opening {
  readonly kind: "finish";
}

/** What comes of it; undefined: the packet does not open. `agreed`: the x both ephemeral keys make, 32 bytes. */
export type HandshakeOutcome = Accepted | Finished | undefined;

export interface Accepted {
  readonly kind: "accept";
  readonly remotePublicKey: Uint8Array;
  readonly remoteNonce: Uint8Array;
  readonly ack: Uint8Array;
  readonly agreed: Uint8Array;
}

interface Finished {
  readonly kind: "finish";
  readonly remoteNonce: Uint8Array;
  readonly agreed: Uint8Array;
}

/** Padding's length 1, ephemeral key of ECIES 32, its start value 16. */
export const SEAL_DRAWS = 49;

/** Bytes drawn elsewhere, handed out in their order. They last unless a key is drawn twice: once in 2^128. */
export function drawn(bytes: Uint8Array): EntropySource {
  let at = 0;
  return {
    bytes(length) {
      at += length;
      return at > bytes.length ? systemEntropy.bytes(length) : bytes.slice(at - length, at);
    },
  };
}

/**
 * Copies of all byte fields in one fresh buffer. A view that is sent to another thread takes along all that it is a view of (a
 * key may be one), and one buffer is cheaper to send than five.
 */
export function forAnotherThread<T extends AcceptJob | Accepted>(fields: T): T {
  const byteFields = Object.entries(fields).filter(([, value]) => value instanceof Uint8Array);
  const views = byteFields as [string, Uint8Array][]; // just filtered
  const all = new Uint8Array(views.reduce((sum, [, { length }]) => sum + length, 0));
  const copy: Record<string, unknown> = { ...fields };
  let at = 0;
  for (const [name, view] of views) {
    all.set(view, at);
    copy[name] = all.subarray(at, (at += view.length));
  }
  return copy as unknown as T; // the same fields
}

/** Does the arithmetic here and now. A pure function. @throws nothing a stranger can cause */
export function runHandshakeJob(job: HandshakeJob): HandshakeOutcome {
  try {
    return job.kind === "accept" ? accept(job) : finish(job);
  } catch (error) {
    if (RlpxError.is(error, "BAD_HANDSHAKE")) return undefined;
    throw error;
  }
}

function accept({ packet, isPlain, key, ephemeral, nonce, draws }: AcceptJob): Accepted {
  const mine = { key: key as PrivateKey, ephemeral: ephemeral as PrivateKey }; // checked where the job was made
  const auth = openAuth(packet, mine.key, { isPlain });
  return {
    kind: "accept",
    remotePublicKey: auth.publicKey,
    remoteNonce: auth.nonce,
    ack: sealAck(auth, { ephemeral: mine.ephemeral, nonce }, drawn(draws), { isPlain }),
    agreed: agree(mine.ephemeral, auth.ephemeralPublicKey, "auth"),
  };
}

function finish({ packet, isPlain, key, ephemeral }: FinishJob): Finished {
  const ack = openAck(packet, key as PrivateKey, { isPlain }); // checked where the job was made
  const agreed = agree(ephemeral as PrivateKey, ack.ephemeralPublicKey, "ack"); // likewise
  return { kind: "finish", remoteNonce: ack.nonce, agreed };
}
