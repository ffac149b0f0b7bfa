import {
  ECIES_OVERHEAD,
  ecdhX,
  eciesDecrypt,
  eciesEncrypt,
  type EntropySource,
  isValidPublicKey,
  Keccak,
  keccak256,
  type PrivateKey,
  publicKeyOf,
  recover,
  sign,
} from "#crypto";
import { decodeAs, encodeAs, fixed, hash, splitItems, struct, uint53 } from "#rlp";
import { concatBytes, equalBytes, GlimError } from "#util";
import { RlpxError } from "./errors.ts";

/** Plain auth and ack before EIP-8, ECIES included. @see geth p2p/rlpx.go:50-61@v1.8.27 */
export const PLAIN_AUTH_BYTES = 194 + ECIES_OVERHEAD;
export const PLAIN_ACK_BYTES = 97 + ECIES_OVERHEAD;

const VERSION = 4;
const authBody = struct(
  { signature: fixed(65), publicKey: fixed(64), nonce: hash, version: uint53 },
  { extra: "ignore" },
);
const ackBody = struct({ ephemeralPublicKey: fixed(64), nonce: hash, version: uint53 }, { extra: "ignore" });

/** What an auth says. */
export interface Auth {
  /** The initiator's static key: its identity. 64 bytes, a point of the curve. */
  readonly publicKey: Uint8Array;
  readonly nonce: Uint8Array;
  /** Recovered from the signature. */
  readonly ephemeralPublicKey: Uint8Array;
  readonly version: number;
}

/** What an ack says. */
export interface Ack {
  readonly ephemeralPublicKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly version: number;
}

/** One side's share: its identity, and what it makes for this handshake alone. */
export interface Share {
  readonly key: PrivateKey;
  readonly ephemeral: PrivateKey;
  /** 32 bytes. */
  readonly nonce: Uint8Array;
}

/**
 * The first packet, always in EIP-8 form: `size(2) ‖ ecies(rlp([sig, pubkey, nonce, 4]) ‖ 100 … 299 zero bytes)`.
 *
 * @see rlpx.md "Initial Handshake" · geth p2p/rlpx.go:281-335,459-473@v1.8.27
 */
export function sealAuth(remotePublicKey: Uint8Array, share: Share, entropy: EntropySource): Uint8Array {
  const shared = staticSecret(share.key, remotePublicKey, "auth");
  const signature = sign(xor(shared, share.nonce), share.ephemeral).bytes;
  const body = { signature, publicKey: publicKeyOf(share.key), nonce: share.nonce, version: VERSION };
  return sealEip8(remotePublicKey, encodeAs(authBody, body), entropy);
}

/**
 * Opens an auth packet, size prefix included.
 *
 * @param packet - EIP-8: `size(2, big-endian) ‖ ecies(rlp([sig, pubkey, nonce, version, …]) ‖ padding)`; plain: 307 bytes.
 * @throws RLPX_BAD_HANDSHAKE for a MAC, point, signature, static key or list that does not hold: one error for all. Further
 *   list items, bytes after the list and the version are ignored, as EIP-8 asks.
 */
export function openAuth(
  packet: Uint8Array,
  key: PrivateKey,
  { isPlain = false }: { isPlain?: boolean } = {},
): Auth {
  return orBadHandshake("auth", () => {
    const { signature, publicKey, nonce, version, ephemeralHash } = isPlain
      ? readPlainAuth(packet, key)
      : readAuth(packet, key);
    const shared = staticSecret(key, publicKey, "auth");
    const ephemeralPublicKey = recover(xor(shared, nonce), signature);
    if (ephemeralPublicKey === undefined) return undefined;
    if (ephemeralHash !== undefined && !equalBytes(ephemeralHash, keccak256(ephemeralPublicKey)))
      return undefined;
    return { publicKey, nonce, ephemeralPublicKey, version };
  });
}

interface AuthFields {
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly version: number;
  readonly ephemeralHash?: Uint8Array;
}

function readAuth(packet: Uint8Array, key: PrivateKey): AuthFields {
  return copied(decodeAs(authBody, openEip8(packet, key)));
}

function readPlainAuth(packet: Uint8Array, key: PrivateKey): AuthFields {
  const body = eciesDecrypt(key, packet);
  if (body.length !== 194) throw RlpxError("BAD_HANDSHAKE", { what: "auth" });
  return {
    signature: body.slice(0, 65),
    ephemeralHash: body.slice(65, 97),
    publicKey: body.slice(97, 161),
    nonce: body.slice(161, 193),
    version: VERSION,
  };
}

/** The answer, in the form the auth had. @see geth p2p/rlpx.go:361-375,444-455@v1.8.27 */
export function sealAck(
  auth: Pick<Auth, "publicKey">,
  share: Pick<Share, "ephemeral" | "nonce">,
  entropy: EntropySource,
  { isPlain = false }: { isPlain?: boolean } = {},
): Uint8Array {
  const ephemeralPublicKey = publicKeyOf(share.ephemeral);
  if (isPlain)
    return eciesEncrypt(auth.publicKey, concatBytes(ephemeralPublicKey, share.nonce, Uint8Array.of(0)), {
      entropy,
    });
  return sealEip8(
    auth.publicKey,
    encodeAs(ackBody, { ephemeralPublicKey, nonce: share.nonce, version: VERSION }),
    entropy,
  );
}

/**
 * Opens an ack packet, size prefix included.
 *
 * @throws RLPX_BAD_HANDSHAKE: see `openAuth`; also for a nonce of zeros (RX-09)
 */
export function openAck(
  packet: Uint8Array,
  key: PrivateKey,
  { isPlain = false }: { isPlain?: boolean } = {},
): Ack {
  return orBadHandshake("ack", () => {
    const ack = isPlain ? readPlainAck(packet, key) : copied(decodeAs(ackBody, openEip8(packet, key)));
    if (!isValidPublicKey(ack.ephemeralPublicKey) || ack.nonce.every((byte) => byte === 0)) return undefined;
    return ack;
  });
}

function readPlainAck(packet: Uint8Array, key: PrivateKey): Ack {
  const body = eciesDecrypt(key, packet);
  if (body.length !== 97) throw RlpxError("BAD_HANDSHAKE", { what: "ack" });
  return { ephemeralPublicKey: body.slice(0, 64), nonce: body.slice(64, 96), version: VERSION };
}

/** Keys of the two directions. The MACs are running hashes. */
export interface Secrets {
  readonly aes: Uint8Array;
  readonly mac: Uint8Array;
  readonly egress: Keccak;
  readonly ingress: Keccak;
}

/**
 * Both sides' secrets from what was exchanged. One AES key and counter serve both directions: RLPx hides nothing from who
 * knows a plaintext (RX-15), so nothing secret may ever travel on it.
 *
 * @see rlpx.md "Secrets generated following the exchange of handshake messages" · geth p2p/rlpx.go:240-269@v1.8.27
 */
export function deriveSecrets(
  role: "initiator" | "recipient",
  exchange: Said & { readonly ephemeral: PrivateKey; readonly remoteEphemeral: Uint8Array },
): Secrets {
  const { ephemeral, remoteEphemeral } = exchange;
  const agreed = agree(ephemeral, remoteEphemeral, role === "initiator" ? "ack" : "auth");
  return secretsOf(role, { ...exchange, agreed });
}

/** The x both ephemeral keys make, 32 bytes. @throws RLPX_BAD_HANDSHAKE if the other's is no point */
export function agree(ephemeral: PrivateKey, remoteEphemeral: Uint8Array, what: "auth" | "ack"): Uint8Array {
  const agreed = ecdhX(ephemeral, remoteEphemeral);
  if (agreed === undefined) throw RlpxError("BAD_HANDSHAKE", { what });
  return agreed;
}

/** What was said in a handshake, whole packets included. */
export interface Said {
  readonly initiatorNonce: Uint8Array;
  readonly recipientNonce: Uint8Array;
  readonly authPacket: Uint8Array;
  readonly ackPacket: Uint8Array;
}

/** `deriveSecrets` from the x of `agree`: hashes only. */
export function secretsOf(
  role: "initiator" | "recipient",
  { agreed, initiatorNonce, recipientNonce, authPacket, ackPacket }: Said & { readonly agreed: Uint8Array },
): Secrets {
  const shared = keccak256(agreed, keccak256(recipientNonce, initiatorNonce));
  const aes = keccak256(agreed, shared);
  const mac = keccak256(agreed, aes);
  const fromInitiator = new Keccak().update(xor(mac, recipientNonce), authPacket);
  const fromRecipient = new Keccak().update(xor(mac, initiatorNonce), ackPacket);
  return role === "initiator"
    ? { aes, mac, egress: fromInitiator, ingress: fromRecipient }
    : { aes, mac, egress: fromRecipient, ingress: fromInitiator };
}

function sealEip8(receiver: Uint8Array, body: Uint8Array, entropy: EntropySource): Uint8Array {
  const [random = 0] = entropy.bytes(1);
  const message = new Uint8Array(body.length + 100 + Math.floor((random * 200) / 256)); // geth: 100 … 299
  message.set(body);
  const size = message.length + ECIES_OVERHEAD;
  const prefix = Uint8Array.of(size >>> 8, size & 0xff);
  return concatBytes(prefix, eciesEncrypt(receiver, message, { macData: prefix, entropy }));
}

/** RLP list of the packet, without what follows it. */
function openEip8(packet: Uint8Array, key: PrivateKey): Uint8Array {
  const message = eciesDecrypt(key, packet.subarray(2), { macData: packet.subarray(0, 2) });
  for (const first of splitItems(message)) return first;
  throw RlpxError("BAD_HANDSHAKE", { what: "auth" });
}

function staticSecret(key: PrivateKey, publicKey: Uint8Array, what: "auth" | "ack"): Uint8Array {
  const shared = ecdhX(key, publicKey);
  if (shared === undefined) throw RlpxError("BAD_HANDSHAKE", { what });
  return shared;
}

/** Whatever a stranger's packet breaks, the outcome is one and the same. */
function orBadHandshake<T>(what: "auth" | "ack", open: () => T | undefined): T {
  let opened: T | undefined;
  try {
    opened = open();
  } catch (error) {
    if (!(error instanceof GlimError) || error.blame !== "peer") throw error;
    throw RlpxError("BAD_HANDSHAKE", { what }, { cause: error });
  }
  if (opened === undefined) throw RlpxError("BAD_HANDSHAKE", { what });
  return opened;
}

/** Byte fields of a packet as copies: views would keep it alive. */
function copied<T extends object>(fields: T): T {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? value.slice() : value,
    ]),
  ) as T; // the same fields
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}
