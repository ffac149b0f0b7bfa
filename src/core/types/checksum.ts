import { keccak256 } from "#crypto";
import { toHex } from "#util";

/** An address as text whose letter case carries a checksum (EIP-55). */
export function checksumAddress(address: Uint8Array): string {
  const digits = toHex(address).slice(2);
  const digest = toHex(keccak256(Buffer.from(digits, "latin1"))).slice(2);
  const cased = digits.replace(/[a-f]/g, (digit, at: number) =>
    (digest[at] ?? "0") >= "8" ? digit.toUpperCase() : digit,
  );
  return `0x${cased}`;
}
