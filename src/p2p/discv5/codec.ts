import { aesGcmOpen, aesGcmSeal, generateKey, type PrivateKey } from "#crypto";
import { type Enode, type LocalNode, seqOf, readNode } from "#enode";
import type { Clock, Endpoint, Entropy } from "#host";
import { fromHex, LruMap, numberToBytes, toHex } from "#util";
import { acceptAnswer, answerChallenge, type SessionKeys } from "./handshake.ts";
import { discv5Limits as limits } from "./limits.ts";
import { decodeMessage, encodeMessage, type Message } from "./messages.ts";
import { clearOf, type Header, maskPacket, type OpenPacket, openPacket } from "./packets.ts";

interface Session extends SessionKeys {
  /** Packets sealed with it: the first four bytes of nonces, so that none comes twice. */
  sent: number;
}

/** A WHOAREYOU of ours under way. */
interface Challenge {
  readonly packet: Uint8Array;
  readonly clear: Uint8Array;
  /** Whom we take it to be; undefined: not known, the answer must bring a record. */
  readonly node: Enode | undefined;
  readonly sentMs: number;
  wrong: number;
}

type Whoareyou = Extract<Header, { kind: "whoareyou" }> & { readonly clear: Uint8Array };

/** What a packet turned out to be. */
export type Incoming =
  /** No packet of this protocol. */
  | { readonly type: "junk" }
  /** Of it, and wrong. */
  | { readonly type: "bad" }
  /** A handshake, for which there is no time. */
  | { readonly type: "limited" }
  /** A message we have no key for: its sender is to be challenged. */
  | { readonly type: "unknown"; readonly id: string; readonly nonce: Uint8Array }
  | { readonly type: "challenge"; readonly challenge: Whoareyou }
  /** `node`: a handshake was completed with it. */
  | {
      readonly type: "message";
      readonly id: string;
      readonly message: Message;
      readonly node?: Enode | undefined;
    };

const JUNK: Incoming = { type: "junk" };
const BAD: Incoming = { type: "bad" };
const placeOf = (id: string, { host, port }: Endpoint) => `${id}@${host}:${port}`;

/** Bytes to messages and back, with sessions by node and endpoint (theory, "Session Cache"). */
export class Codec {
  readonly #key: PrivateKey;
  readonly #local: LocalNode;
  readonly #self: Uint8Array;
  readonly #clock: Pick<Clock, "now">;
  readonly #entropy: Entropy;
  readonly #sessions = new LruMap<string, Session>(limits.sessions);
  readonly #challenges = new LruMap<string, Challenge>(limits.challenges);

  constructor(parts: { key: PrivateKey; localNode: LocalNode; clock: Pick<Clock, "now">; entropy: Entropy }) {
    this.#key = parts.key;
    this.#local = parts.localNode;
    this.#self = fromHex(`0x${parts.localNode.id}`);
    this.#clock = parts.clock;
    this.#entropy = parts.entropy;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Seals a message; without a session what goes out is noise, which the other side answers with a challenge. */
  seal(
    id: string,
    to: Endpoint,
    message: Message,
  ): { readonly packet: Uint8Array; readonly nonce: Uint8Array } {
    const session = this.#sessions.get(placeOf(id, to));
    const nonce = this.#nonce(session);
    const clear = clearOf({ kind: "message", nonce, source: this.#self }, this.#entropy.bytes(16));
    const sealed =
      session === undefined
        ? this.#entropy.bytes(44)
        : aesGcmSeal(session.write, nonce, encodeMessage(message), clear);
    return { packet: maskPacket(clear, sealed, fromHex(`0x${id}`)), nonce };
  }

  /** Answers a challenge with the message it was sent for, which makes a session. Undefined: the node's key is no point. */
  answer(
    node: Enode,
    to: Endpoint,
    challenge: Whoareyou,
    message: Message,
  ): { readonly packet: Uint8Array; readonly nonce: Uint8Array } | undefined {
    const recipient = fromHex(`0x${node.id}`);
    const parties = { challenge: challenge.clear, initiator: this.#self, recipient };
    const made = answerChallenge(generateKey(this.#entropy), {
      key: this.#key,
      remote: node.publicKey,
      ...parties,
    });
    if (made === undefined) return undefined;
    const { ephemeral, signature, keys } = made;
    const session: Session = { ...keys, sent: 0 };
    this.#sessions.set(placeOf(node.id, to), session);
    const { record } = this.#local;
    const nonce = this.#nonce(session);
    const header: Header = {
      ...{ kind: "handshake", nonce, source: this.#self, signature, ephemeral },
      record: challenge.enrSeq < record.seq ? record.bytes : undefined,
    };
    const clear = clearOf(header, this.#entropy.bytes(16));
    const sealed = aesGcmSeal(session.write, nonce, encodeMessage(message), clear);
    return { packet: maskPacket(clear, sealed, recipient), nonce };
  }

  /** A challenge for the sender of a packet that could not be read: the one under way, if there is one. */
  challenge(id: string, to: Endpoint, nonce: Uint8Array, node: Enode | undefined): Uint8Array {
    const known = this.#current(id, to);
    if (known !== undefined) return known.packet;
    const idNonce = this.#entropy.bytes(16);
    const header: Header = {
      kind: "whoareyou",
      nonce,
      idNonce,
      enrSeq: node === undefined ? 0n : seqOf(node),
    };
    const clear = clearOf(header, this.#entropy.bytes(16));
    const packet = maskPacket(clear, new Uint8Array(), fromHex(`0x${id}`));
    this.#challenges.set(placeOf(id, to), { packet, clear, node, sentMs: this.#clock.now(), wrong: 0 });
    return packet;
  }

  /** @param mayHandshake - asked before the dear part of a packet that would make a session */
  open(bytes: Uint8Array, from: Endpoint, mayHandshake: () => boolean): Incoming {
    const packet = openPacket(bytes, this.#self);
    if (packet === undefined) return JUNK;
    const { header, clear } = packet;
    switch (header.kind) {
      case "whoareyou":
        return { type: "challenge", challenge: { ...header, clear } };
      case "message":
        return this.#openMessage(packet, header, from);
      case "handshake":
        return this.#openHandshake(packet, header, from, mayHandshake);
    }
  }

  #openMessage(
    packet: OpenPacket,
    { source, nonce }: Extract<Header, { kind: "message" }>,
    from: Endpoint,
  ): Incoming {
    const id = toHex(source).slice(2);
    const session = this.#sessions.get(placeOf(id, from));
    const text = session && aesGcmOpen(session.read, nonce, packet.sealed, packet.clear);
    if (text === undefined) return { type: "unknown", id, nonce };
    const message = decodeMessage(text);
    return message === undefined ? BAD : { type: "message", id, message };
  }

  #openHandshake(
    packet: OpenPacket,
    header: Extract<Header, { kind: "handshake" }>,
    from: Endpoint,
    mayHandshake: () => boolean,
  ): Incoming {
    const id = toHex(header.source).slice(2);
    const challenge = this.#current(id, from);
    if (challenge === undefined) return BAD;
    if (!mayHandshake()) return { type: "limited" };
    const node = this.#nodeOf(id, header.record, challenge.node);
    if (node === undefined) return BAD;
    const keys = acceptAnswer(header, {
      ...{ key: this.#key, remote: node.publicKey },
      ...{ challenge: challenge.clear, initiator: header.source, recipient: this.#self },
    });
    const text = keys && aesGcmOpen(keys.read, header.nonce, packet.sealed, packet.clear);
    if (text === undefined) {
      if (++challenge.wrong >= limits.wrongAnswers) this.#challenges.delete(placeOf(id, from));
      return BAD;
    }
    // only who holds the key gets this far: the challenge is used up, and the session stands, whatever the message is
    this.#challenges.delete(placeOf(id, from));
    this.#sessions.set(placeOf(id, from), { ...keys, sent: 0 } as Session);
    const message = decodeMessage(text);
    return message === undefined ? BAD : { type: "message", id, message, node };
  }

  /** The node by the newer of the record it sent and the one we have; undefined if there is none, or it is another's (DI-09). */
  #nodeOf(id: string, sent: Uint8Array | undefined, known: Enode | undefined): Enode | undefined {
    if (sent === undefined) return known;
    const node = readNode(sent);
    if (node?.id !== id) return undefined;
    return known === undefined || seqOf(node) >= seqOf(known) ? node : known;
  }

  #current(id: string, at: Endpoint): Challenge | undefined {
    const challenge = this.#challenges.get(placeOf(id, at));
    if (challenge === undefined) return undefined;
    if (this.#clock.now() - challenge.sentMs < limits.challengeMs) return challenge;
    this.#challenges.delete(placeOf(id, at));
    return undefined;
  }

  #nonce(session: Session | undefined): Uint8Array {
    const nonce = this.#entropy.bytes(12);
    if (session !== undefined) nonce.set(numberToBytes(session.sent++ >>> 0, 4));
    return nonce;
  }
}
