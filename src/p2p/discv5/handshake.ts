import {
  compressPublicKey,
  decompressPublicKey,
  ecdhPoint,
  hkdfSha256,
  type PrivateKey,
  publicKeyOf,
  sha256,
  sign,
  verify,
} from "#crypto";
import { concatBytes, utf8Encode } from "#util";

/** Keys of a session, 16 bytes each. */
export interface SessionKeys {
  readonly write: Uint8Array;
  readonly read: Uint8Array;
}

const PROOF = utf8Encode("discovery v5 identity proof");
const AGREEMENT = utf8Encode("discovery v5 key agreement");

interface Parties {
  /** The WHOAREYOU packet in the clear. */
  readonly challenge: Uint8Array;
  /** Ids of who answers the challenge and who sent it, 32 bytes each. */
  readonly initiator: Uint8Array;
  readonly recipient: Uint8Array;
}

/** Keys out of the product of an ephemeral and a static key; undefined if the point is none. */
export function deriveKeys(
  key: PrivateKey,
  publicKey: Uint8Array,
  { challenge, initiator, recipient }: Parties,
): { readonly initiatorKey: Uint8Array; readonly recipientKey: Uint8Array } | undefined {
  const secret = ecdhPoint(key, publicKey);
  if (secret === undefined) return undefined;
  const info = concatBytes(AGREEMENT, initiator, recipient);
  const keys = hkdfSha256(secret, { salt: challenge, info, length: 32 });
  return { initiatorKey: keys.slice(0, 16), recipientKey: keys.slice(16) };
}

const proofOf = ({ challenge, recipient }: Omit<Parties, "initiator">, ephemeral: Uint8Array): Uint8Array =>
  sha256(PROOF, challenge, ephemeral, recipient);

/** r ‖ s over challenge, ephemeral key (compressed) and recipient. */
export function signIdentity(
  key: PrivateKey,
  parties: Omit<Parties, "initiator">,
  ephemeral: Uint8Array,
): Uint8Array {
  return sign(proofOf(parties, ephemeral), key).bytes.subarray(0, 64);
}

/** What we answer a challenge with, and the session it makes. */
export function answerChallenge(
  ephemeralKey: PrivateKey,
  { key, remote, ...parties }: Parties & { readonly key: PrivateKey; readonly remote: Uint8Array },
):
  | { readonly ephemeral: Uint8Array; readonly signature: Uint8Array; readonly keys: SessionKeys }
  | undefined {
  const derived = deriveKeys(ephemeralKey, remote, parties);
  if (derived === undefined) return undefined;
  const ephemeral = compressPublicKey(publicKeyOf(ephemeralKey));
  return {
    ephemeral,
    signature: signIdentity(key, parties, ephemeral),
    keys: { write: derived.initiatorKey, read: derived.recipientKey },
  };
}

/** The session that an answer to our challenge makes; undefined if it is not signed by the node's key (64 bytes), or no point. */
export function acceptAnswer(
  answer: { readonly signature: Uint8Array; readonly ephemeral: Uint8Array },
  { key, remote, ...parties }: Parties & { readonly key: PrivateKey; readonly remote: Uint8Array },
): SessionKeys | undefined {
  const { signature, ephemeral } = answer;
  if (!verify(proofOf(parties, ephemeral), signature, remote)) return undefined;
  const point = decompressPublicKey(ephemeral);
  const derived = point === undefined ? undefined : deriveKeys(key, point, parties);
  return derived && { write: derived.recipientKey, read: derived.initiatorKey };
}
