import { keccak256, type PrivateKey, recover, sign } from "#crypto";
import { bytes, encodeAs, fixed, type Schema, struct, uint53, uint64, uint256 } from "#rlp";
import { equalBytes } from "#util";
import { LesError } from "./errors.ts";
import { type KeyValue, KeyValues, keyValueList } from "./handshake.ts";

/** A server's new head. Hash of zeros: no new head, only changed keys. */
export interface Announce {
  readonly hash: Uint8Array;
  readonly number: number;
  readonly td: bigint;
  /** Blocks to go back from the head announced before to the last common one. Up to 2^64−1 on the wire: never loop on it. */
  readonly reorgDepth: bigint;
  readonly update: readonly KeyValue[];
}

export const announceSchema: Schema<Announce> = struct({
  hash: fixed(32),
  number: uint53,
  td: uint256,
  reorgDepth: uint64,
  update: keyValueList,
});

const blockInfo = struct({ hash: fixed(32), number: uint53, td: uint256 });
const signature = bytes({ max: 65 });

const signedHash = ({ hash, number, td }: Announce): Uint8Array =>
  keccak256(encodeAs(blockInfo, { hash, number, td }));

/** The announcement with a `sign` key: 65 bytes r ‖ s ‖ v over keccak(rlp([hash, number, td])). geth les/protocol.go:266@v1.11.6 */
export function signAnnounce(announce: Announce, key: PrivateKey): Announce {
  const value = encodeAs(signature, sign(signedHash(announce), key).bytes);
  return { ...announce, update: [...announce.update, { key: "sign", value }] };
}

/**
 * Checks the `sign` key against the server's node id (keccak of its public key, 32 bytes).
 * @throws LES_MISSING_KEY, LES_BAD_SIGNATURE. @see geth les/protocol.go:273@v1.11.6
 */
export function checkAnnounceSignature(announce: Announce, nodeId: Uint8Array): void {
  const sig = new KeyValues(announce.update).required("sign", signature);
  const publicKey = sig.length === 65 ? recover(signedHash(announce), sig) : undefined;
  if (publicKey === undefined || !equalBytes(keccak256(publicKey), nodeId))
    throw LesError("BAD_SIGNATURE", undefined);
}
