import { aesCtr } from "#crypto";
import { bytesToBigint, concatBytes, equalBytes, numberToBytes, utf8Encode } from "#util";
import { discv5Limits as limits } from "./limits.ts";

const IV = 16;
const STATIC = 23;
const PROTOCOL = utf8Encode("discv5");
const VERSION = 1;
const FLAGS = { message: 0, whoareyou: 1, handshake: 2 } as const;
const ID = 32;
const SIGNATURE = 64;
const EPHEMERAL = 33;
const TAG = 16;

/** What a packet's header says. */
export type Header =
  | { readonly kind: "message"; readonly nonce: Uint8Array; readonly source: Uint8Array }
  | {
      readonly kind: "whoareyou";
      /** Of the packet that caused it. */
      readonly nonce: Uint8Array;
      /** 16 bytes. */
      readonly idNonce: Uint8Array;
      /** Version of our record that they have; 0: none. */
      readonly enrSeq: bigint;
    }
  | {
      readonly kind: "handshake";
      readonly nonce: Uint8Array;
      readonly source: Uint8Array;
      /** 64 bytes, r ‖ s. */
      readonly signature: Uint8Array;
      /** Compressed, 33 bytes. */
      readonly ephemeral: Uint8Array;
      /** Absent when they know that we have it. */
      readonly record: Uint8Array | undefined;
    };

/** A packet with its mask off; the message is still sealed. */
export interface OpenPacket {
  readonly header: Header;
  /** masking-iv ‖ header: what the message is authenticated with, and the challenge of a WHOAREYOU. */
  readonly clear: Uint8Array;
  /** Cipher text and tag; empty for WHOAREYOU. */
  readonly sealed: Uint8Array;
}

/**
 * Takes the mask off a packet that is for the node of that id (32 bytes).
 *
 * @returns undefined for whatever is no packet of this protocol: nobody answers such (DI-10)
 */
export function openPacket(packet: Uint8Array, self: Uint8Array): OpenPacket | undefined {
  if (packet.length < limits.minPacketBytes || packet.length > limits.maxPacketBytes) return undefined;
  const iv = packet.subarray(0, IV);
  const masked = packet.subarray(IV, Math.min(packet.length, IV + STATIC + 0xffff));
  const head = aesCtr(self.subarray(0, IV), iv, masked.subarray(0, STATIC));
  if (!equalBytes(head.subarray(0, 6), PROTOCOL) || head[6] !== 0 || head[7] !== VERSION) return undefined;
  const authSize = ((head[21] ?? 0) << 8) | (head[22] ?? 0);
  const end = IV + STATIC + authSize;
  if (end > packet.length) return undefined;
  // one stream from the start: the static part is unmasked twice, which is cheaper than to keep the cipher
  const clear = concatBytes(iv, aesCtr(self.subarray(0, IV), iv, packet.subarray(IV, end)));
  const sealed = packet.subarray(end);
  const header = readHeader(head[8] ?? 0, head.slice(9, 21), clear.subarray(IV + STATIC));
  if (header === undefined) return undefined;
  const isWhole = header.kind === "whoareyou" ? sealed.length === 0 : sealed.length > TAG;
  return isWhole ? { header, clear, sealed } : undefined;
}

function readHeader(flag: number, nonce: Uint8Array, auth: Uint8Array): Header | undefined {
  switch (flag) {
    case FLAGS.message:
      return auth.length === ID ? { kind: "message", nonce, source: auth } : undefined;
    case FLAGS.whoareyou:
      if (auth.length !== 24) return undefined;
      return {
        kind: "whoareyou",
        nonce,
        idNonce: auth.subarray(0, 16),
        enrSeq: bytesToBigint(auth.subarray(16)),
      };
    case FLAGS.handshake:
      return readHandshake(nonce, auth);
    default:
      return undefined;
  }
}

function readHandshake(nonce: Uint8Array, auth: Uint8Array): Header | undefined {
  const keyAt = ID + 2 + SIGNATURE;
  const recordAt = keyAt + EPHEMERAL;
  if (auth.length < recordAt || auth[ID] !== SIGNATURE || auth[ID + 1] !== EPHEMERAL) return undefined;
  return {
    kind: "handshake",
    nonce,
    source: auth.subarray(0, ID),
    signature: auth.subarray(ID + 2, keyAt),
    ephemeral: auth.subarray(keyAt, recordAt),
    record: auth.length === recordAt ? undefined : auth.subarray(recordAt),
  };
}

/** masking-iv ‖ header in the clear. */
export function clearOf(header: Header, iv: Uint8Array): Uint8Array {
  const auth = writeAuth(header);
  const head = new Uint8Array(STATIC);
  head.set(PROTOCOL);
  head[7] = VERSION;
  head[8] = FLAGS[header.kind];
  head.set(header.nonce, 9);
  head.set(numberToBytes(auth.length, 2), 21);
  return concatBytes(iv, head, auth);
}

function writeAuth(header: Header): Uint8Array {
  if (header.kind === "message") return header.source;
  if (header.kind === "whoareyou") {
    const auth = new Uint8Array(24);
    auth.set(header.idNonce);
    new DataView(auth.buffer).setBigUint64(16, header.enrSeq);
    return auth;
  }
  const { source, signature, ephemeral, record } = header;
  const sizes = Uint8Array.of(signature.length, ephemeral.length);
  return concatBytes(source, sizes, signature, ephemeral, record ?? new Uint8Array());
}

/** Puts the mask on, for the node of that id. */
export function maskPacket(clear: Uint8Array, sealed: Uint8Array, destination: Uint8Array): Uint8Array {
  const iv = clear.subarray(0, IV);
  return concatBytes(iv, aesCtr(destination.subarray(0, IV), iv, clear.subarray(IV)), sealed);
}
