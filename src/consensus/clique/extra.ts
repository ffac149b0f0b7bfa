import type { Header, HeaderFields } from "#core/types";
import { sealedFields } from "#consensus";
import { keccak256 } from "#crypto";
import { encode } from "#rlp";

/** Lengths of the parts of extra-data: vanity, signers (checkpoints only), seal (clique.go:57@v1.11.6). */
export const extraVanity = 32;
export const extraSeal = 65;
export const addressLength = 20;

/** The signers a checkpoint header lists, as stored: 20 bytes each. Call only when the length was checked. */
export function checkpointSigners(extra: Uint8Array): Uint8Array[] {
  const count = Math.floor((extra.length - extraVanity - extraSeal) / addressLength);
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const start = extraVanity + i * addressLength;
    return extra.slice(start, start + addressLength);
  });
}

/**
 * The hash that is signed: that of the header without the last 65 bytes of extra-data
 * (clique.go:702,732@v1.11.6).
 * @param header with at least 65 bytes of extra-data
 */
export function sealHash(header: Header | HeaderFields): Uint8Array {
  const extra = header.extra.subarray(0, header.extra.length - extraSeal);
  return keccak256(encode(sealedFields(header, extra, [header.mixDigest, header.nonce])));
}
