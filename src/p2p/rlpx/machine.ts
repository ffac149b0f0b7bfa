import { type EntropySource, generateKey, type PrivateKey } from "#crypto";
import { concatBytes } from "#util";
import { ChunkList } from "./chunks.ts";
import { RlpxError } from "./errors.ts";
import { type Frame, FrameReader, FrameWriter } from "./frames.ts";
import {
  deriveSecrets,
  openAck,
  openAuth,
  PLAIN_ACK_BYTES,
  PLAIN_AUTH_BYTES,
  type Secrets,
  sealAck,
  sealAuth,
  type Share,
} from "./handshake.ts";
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

/**
 * The handshake as a machine over bytes: no socket, no clock.
 *
 *   initiator: start() → auth … push(ack) → established
 *   recipient: push(auth) → ack, established
 *
 * BOUNDED: holds at most one packet of 2,050 bytes and what came in the same chunk behind it.
 */
export class HandshakeMachine {
  readonly #options: HandshakeOptions;
  readonly #share: Share;
  readonly #received = new ChunkList();
  #authPacket: Uint8Array | undefined;
  /** The first bytes of the packet, taken out to look at them. */
  #head: Uint8Array | undefined;
  /** Tried once: a packet that comes byte by byte must not cost a decryption each. */
  #isNotPlain = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    const { key, entropy, vectorShare } = options;
    this.#share = {
      key,
      ephemeral: vectorShare?.ephemeral ?? generateKey(entropy),
      nonce: vectorShare?.nonce ?? entropy.bytes(32),
    };
  }

  /** The initiator's auth; undefined for the recipient. */
  start(): Uint8Array | undefined {
    const { remotePublicKey, entropy } = this.#options;
    if (remotePublicKey === undefined) return undefined;
    this.#authPacket = sealAuth(remotePublicKey, this.#share, entropy);
    return this.#authPacket;
  }

  /**
   * Takes received bytes; undefined until the other's packet is whole.
   *
   * @returns frames in both directions (bytes behind the packet are in the reader already) and what is to be sent first
   * @throws RLPX_HANDSHAKE_SIZE, RLPX_BAD_HANDSHAKE: close without a word
   */
  push(
    chunk: Uint8Array,
  ): { readonly send?: Uint8Array | undefined; readonly established: Established } | undefined {
    this.#received.push(chunk);
    const packet = this.#takePacket();
    if (packet === undefined) return undefined;
    const result =
      this.#options.remotePublicKey === undefined
        ? this.#accept(packet)
        : this.#finish(packet, this.#options.remotePublicKey);
    result.established.reader.push(this.#received.take(this.#received.length));
    return result;
  }

  #takePacket(): { bytes: Uint8Array; isPlain: boolean } | undefined {
    if (this.#head === undefined) {
      if (this.#received.length < 2) return undefined;
      this.#head = this.#received.take(2);
    }
    const [high = 0, low = 0] = this.#head;
    const size = (high << 8) | low;
    // a plain packet begins with its point's 0x04, which as a size is 1,024 … 1,279: both are tried where plain is accepted
    if (this.#options.acceptPlain === true && high === 0x04) return this.#takeEither(size);
    if (size < limits.handshakeMin || size > limits.handshakeMax) throw RlpxError("HANDSHAKE_SIZE", { size });
    return this.#received.length < size ? undefined : { bytes: this.#take(size), isPlain: false };
  }

  #takeEither(size: number): { bytes: Uint8Array; isPlain: boolean } | undefined {
    const isRecipient = this.#options.remotePublicKey === undefined;
    const plainBytes = isRecipient ? PLAIN_AUTH_BYTES : PLAIN_ACK_BYTES;
    if (this.#received.length < plainBytes - 2) return undefined;
    if (this.#isNotPlain)
      return this.#received.length < size ? undefined : { bytes: this.#take(size), isPlain: false };
    const bytes = this.#take(plainBytes - 2);
    if (this.#opensPlain(bytes, isRecipient)) return { bytes, isPlain: true };
    this.#isNotPlain = true;
    const rest = size - (plainBytes - 2);
    if (this.#received.length >= rest)
      return { bytes: concatBytes(bytes, this.#received.take(rest)), isPlain: false };
    // not plain and not whole: put back
    const waiting = this.#received.take(this.#received.length);
    this.#received.push(bytes.subarray(2));
    this.#received.push(waiting);
    return undefined;
  }

  #opensPlain(bytes: Uint8Array, isRecipient: boolean): boolean {
    try {
      if (isRecipient) openAuth(bytes, this.#options.key, { isPlain: true });
      else openAck(bytes, this.#options.key, { isPlain: true });
      return true;
    } catch (error) {
      if (RlpxError.is(error, "BAD_HANDSHAKE")) return false;
      throw error;
    }
  }

  /** The head and `count` more bytes. */
  #take(count: number): Uint8Array {
    return concatBytes(this.#head ?? new Uint8Array(0), this.#received.take(count));
  }

  #accept({ bytes, isPlain }: { bytes: Uint8Array; isPlain: boolean }): {
    send: Uint8Array;
    established: Established;
  } {
    const { key, entropy } = this.#options;
    const auth = openAuth(bytes, key, { isPlain });
    const send = sealAck(auth, this.#share, entropy, { isPlain });
    const secrets = deriveSecrets("recipient", {
      ephemeral: this.#share.ephemeral,
      remoteEphemeral: auth.ephemeralPublicKey,
      initiatorNonce: auth.nonce,
      recipientNonce: this.#share.nonce,
      authPacket: bytes,
      ackPacket: send,
    });
    return { send, established: establish(auth.publicKey, secrets) };
  }

  #finish(
    { bytes, isPlain }: { bytes: Uint8Array; isPlain: boolean },
    remotePublicKey: Uint8Array,
  ): { established: Established } {
    if (this.#authPacket === undefined) throw RlpxError("BAD_HANDSHAKE", { what: "ack" });
    const ack = openAck(bytes, this.#options.key, { isPlain });
    const secrets = deriveSecrets("initiator", {
      ephemeral: this.#share.ephemeral,
      remoteEphemeral: ack.ephemeralPublicKey,
      initiatorNonce: this.#share.nonce,
      recipientNonce: ack.nonce,
      authPacket: this.#authPacket,
      ackPacket: bytes,
    });
    return { established: establish(remotePublicKey, secrets) };
  }
}

function establish(remotePublicKey: Uint8Array, secrets: Secrets): Established {
  return { remotePublicKey, writer: new FrameWriter(secrets), reader: new FrameReader(secrets) };
}

export type { Frame };
