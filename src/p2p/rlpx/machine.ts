import { type EntropySource, generateKey, type PrivateKey } from "#crypto";
import { concatBytes } from "#util";
import { ChunkList } from "./chunks.ts";
import { RlpxError } from "./errors.ts";
import { type Frame, FrameReader, FrameWriter } from "./frames.ts";
import {
  PLAIN_ACK_BYTES,
  PLAIN_AUTH_BYTES,
  type Said,
  sealAuth,
  secretsOf,
  type Share,
} from "./handshake.ts";
import { drawn, type HandshakeJob, type HandshakeOutcome, runHandshakeJob, SEAL_DRAWS } from "./job.ts";
import { limits } from "./limits.ts";

export interface HandshakeOptions {
  /** Our identity. */
  readonly key: PrivateKey;
  readonly entropy: EntropySource;
  /** The other's key: given = we are the initiator, who must know it. */
  readonly remotePublicKey?: Uint8Array | undefined;
  /** Accept the form before EIP-8 (RX-07). Default false. */
  readonly acceptPlain?: boolean | undefined;
  /** Only for published vectors: fixed ephemeral key and nonce. */
  readonly vectorShare?: Pick<Share, "ephemeral" | "nonce"> | undefined;
}

/** Frames in both directions once the keys are made. */
export interface Established {
  readonly remotePublicKey: Uint8Array;
  readonly writer: FrameWriter;
  readonly reader: FrameReader;
}

/** What the handshake came to: frames in both directions (bytes behind the packet are in the reader), and what is sent first. */
export interface Shaken {
  readonly send?: Uint8Array | undefined;
  readonly established: Established;
}

/** What is to be done next: arithmetic, or nothing more. Undefined: wait for bytes. */
export type Step = { readonly job: HandshakeJob } | { readonly shaken: Shaken } | undefined;

interface Packet {
  readonly bytes: Uint8Array;
  readonly isPlain: boolean;
}

/**
 * The handshake as a machine over bytes and the outcomes of its arithmetic: no socket, no clock, no thread.
 *
 *   initiator: start() → auth … feed(ack) → job … settle(outcome) → shaken
 *   recipient: feed(auth) → job … settle(outcome) → ack, shaken
 *
 * BOUNDED: holds at most one packet of 2,050 bytes and what came in the same chunk behind it; while a job is under way its
 * owner reads one chunk more.
 */
export class HandshakeMachine {
  readonly #options: HandshakeOptions;
  #made: (Share & { readonly draws: Uint8Array }) | undefined;
  readonly #received = new ChunkList();
  #authPacket: Uint8Array | undefined;
  /** The first bytes of the packet, taken out to look at them. */
  #head: Uint8Array | undefined;
  /** Being opened. */
  #packet: Packet | undefined;
  /** Tried once: a packet that comes byte by byte must not cost a decryption each. */
  #isNotPlain = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** Made when it is first needed: who connects and says nothing costs us no key (RX-13). */
  #share(): Share & { readonly draws: Uint8Array } {
    if (this.#made !== undefined) return this.#made;
    const { key, entropy, vectorShare } = this.#options;
    const chance = drawn(entropy.bytes(64 + SEAL_DRAWS)); // asked once: a question costs more than the bytes
    this.#made = {
      key,
      ephemeral: vectorShare?.ephemeral ?? generateKey(chance),
      nonce: vectorShare?.nonce ?? chance.bytes(32),
      draws: chance.bytes(SEAL_DRAWS),
    };
    return this.#made;
  }

  /** The initiator's auth; undefined for the recipient. */
  start(): Uint8Array | undefined {
    const { remotePublicKey, entropy } = this.#options;
    if (remotePublicKey === undefined) return undefined;
    this.#authPacket = sealAuth(remotePublicKey, this.#share(), entropy);
    return this.#authPacket;
  }

  /**
   * `feed` with the arithmetic done here and now.
   *
   * @throws RLPX_HANDSHAKE_SIZE, RLPX_BAD_HANDSHAKE: close without a word
   */
  push(chunk: Uint8Array): Shaken | undefined {
    let step = this.feed(chunk);
    while (step !== undefined && "job" in step) step = this.settle(runHandshakeJob(step.job));
    return step?.shaken;
  }

  /** Takes received bytes. @throws RLPX_HANDSHAKE_SIZE; RLPX_BAD_HANDSHAKE for an ack before the auth */
  feed(chunk: Uint8Array): Step {
    this.#received.push(chunk);
    return this.#packet === undefined ? this.#next() : undefined;
  }

  /** Takes what came of the job under way. @throws RLPX_BAD_HANDSHAKE */
  settle(outcome: HandshakeOutcome): Step {
    const packet = this.#packet;
    this.#packet = undefined;
    if (packet === undefined) return undefined;
    if (outcome === undefined) {
      if (!packet.isPlain) throw this.#refusal();
      return this.#tryEip8(packet.bytes);
    }
    const shaken =
      outcome.kind === "accept"
        ? this.#shaken(outcome.remotePublicKey, outcome, packet.bytes, outcome.ack)
        : this.#shaken(this.#options.remotePublicKey ?? NOTHING, outcome, packet.bytes);
    shaken.established.reader.push(this.#received.take(this.#received.length));
    return { shaken };
  }

  #next(): Step {
    if (this.#head === undefined) {
      if (this.#received.length < 2) return undefined;
      this.#head = this.#received.take(2);
    }
    const [high = 0, low = 0] = this.#head;
    const size = (high << 8) | low;
    // a plain packet begins with its point's 0x04, which as a size is 1,024 … 1,279: both are tried where plain is accepted
    if (this.#options.acceptPlain === true && high === 0x04 && !this.#isNotPlain) return this.#tryPlain();
    if (size < limits.handshakeMin || size > limits.handshakeMax) throw RlpxError("HANDSHAKE_SIZE", { size });
    return this.#received.length < size ? undefined : this.#open({ bytes: this.#take(size), isPlain: false });
  }

  #tryPlain(): Step {
    const plainBytes = this.#options.remotePublicKey === undefined ? PLAIN_AUTH_BYTES : PLAIN_ACK_BYTES;
    if (this.#received.length < plainBytes - 2) return undefined;
    return this.#open({ bytes: this.#take(plainBytes - 2), isPlain: true });
  }

  /** The packet was not plain: its bytes are put back, to be the first of one in the form of EIP-8. */
  #tryEip8(bytes: Uint8Array): Step {
    this.#isNotPlain = true;
    const behind = this.#received.take(this.#received.length);
    this.#received.push(bytes.subarray(2));
    this.#received.push(behind);
    return this.#next();
  }

  /** The head and `count` more bytes. */
  #take(count: number): Uint8Array {
    return concatBytes(this.#head ?? NOTHING, this.#received.take(count));
  }

  #open(packet: Packet): Step {
    this.#packet = packet;
    const { key, remotePublicKey } = this.#options;
    const { ephemeral, nonce, draws } = this.#share();
    const opening = { packet: packet.bytes, isPlain: packet.isPlain, key, ephemeral };
    if (remotePublicKey === undefined) return { job: { kind: "accept", ...opening, nonce, draws } };
    if (this.#authPacket === undefined) throw this.#refusal();
    return { job: { kind: "finish", ...opening } };
  }

  #refusal(): Error {
    return RlpxError("BAD_HANDSHAKE", { what: this.#options.remotePublicKey === undefined ? "auth" : "ack" });
  }

  /** @param ack - ours; absent: `packet` is the other's ack to our auth */
  #shaken(
    remotePublicKey: Uint8Array,
    { agreed, remoteNonce }: { readonly agreed: Uint8Array; readonly remoteNonce: Uint8Array },
    packet: Uint8Array,
    ack?: Uint8Array,
  ): Shaken {
    const { nonce } = this.#share();
    const said: Said =
      ack === undefined
        ? {
            initiatorNonce: nonce,
            recipientNonce: remoteNonce,
            authPacket: this.#authPacket ?? NOTHING,
            ackPacket: packet,
          }
        : { initiatorNonce: remoteNonce, recipientNonce: nonce, authPacket: packet, ackPacket: ack };
    const secrets = secretsOf(ack === undefined ? "initiator" : "recipient", { ...said, agreed });
    const established = {
      remotePublicKey,
      writer: new FrameWriter(secrets),
      reader: new FrameReader(secrets),
    };
    return { send: ack, established };
  }
}

const NOTHING = new Uint8Array(0);

export type { Frame };
