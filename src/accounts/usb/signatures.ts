import { addressOf, recover } from "#crypto";
import { decodeTransaction, encodeTransaction, type Transaction, type TransactionFields } from "#core/types";
import { bytesToBigint, concatBytes } from "#util";
import { UsbError } from "./errors.ts";

/** A whole transaction of fields and the device's signature; `recovery` is 0 or 1. */
export function withSignature(
  fields: TransactionFields,
  { r, s, recovery }: { readonly r: Uint8Array; readonly s: Uint8Array; readonly recovery: number },
): Transaction {
  const id = BigInt(recovery);
  const legacyV = fields.chainId === undefined ? 27n + id : 35n + 2n * fields.chainId + id;
  const v = fields.type === 0 ? legacyV : id;
  const whole = { ...fields, v, r: bytesToBigint(r), s: bytesToBigint(s) } as Transaction; // as: its hash is made of its bytes
  return decodeTransaction(encodeTransaction(whole));
}

/** 0 or 1 from what devices answer: that itself, 27 or 28, or the last byte of EIP-155's v. @throws USB_REPLY */
export function recoveryOf(v: number, vendor: string, chainId?: bigint): number {
  if (chainId !== undefined) {
    const parity = (v - Number((2n * chainId + 35n) & 0xffn)) & 0xff;
    if (parity <= 1) return parity;
  }
  if (v === 0 || v === 1) return v;
  if (v === 27 || v === 28) return v - 27;
  throw UsbError("REPLY", { vendor, why: "reply lacks signature" });
}

/** r ‖ s ‖ recovery. @throws USB_REPLY for other lengths */
export function joined(r: Uint8Array, s: Uint8Array, recovery: number, vendor: string): Uint8Array {
  if (r.length !== 32 || s.length !== 32) throw UsbError("REPLY", { vendor, why: "reply lacks signature" });
  return concatBytes(r, s, Uint8Array.of(recovery));
}

/** Who made a signature over 32 bytes; undefined for one that nobody made. */
export function signerOf(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  const key = recover(hash, signature);
  return key === undefined ? undefined : addressOf(key);
}
