import { bytesToBigint } from "#util";

/** Order of the field of secp256k1. SEC 2, section 2.4.1. */
export const FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn;
/** Order of its group. */
export const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** Above it a signature's s is "high": refused since homestead (EIP-2). */
export const HALF_ORDER = ORDER >> 1n;

/**
 * True if the 64 bytes x ‖ y are a point of the curve: both below the field's order and y² = x³ + 7. We ask ourselves and do not trust a
 * library to (CVE-2025-24883, CVE-2026-26314). Infinity has no such form; the group has prime order, so there is no small subgroup.
 */
export function isOnCurve(point: Uint8Array): boolean {
  if (point.length !== 64) return false;
  const x = bytesToBigint(point.subarray(0, 32));
  const y = bytesToBigint(point.subarray(32));
  if (x >= FIELD || y >= FIELD) return false;
  return (y * y - x * x * x - 7n) % FIELD === 0n;
}
