import type { Rules } from "#params";
import { numberToBytes } from "#util";

const P256VERIFY = 0x100;

/** Precompiled contracts of these rules are 1 to this one (core/vm/contracts.go@v1.17.5). */
function last({ isPrague, isCancun, isIstanbul, isByzantium }: Rules): number {
  if (isPrague) return 0x11;
  if (isCancun) return 0x0a;
  if (isIstanbul) return 9;
  return isByzantium ? 8 : 4;
}

/** Their addresses. */
export function precompilesOf(rules: Rules): Uint8Array[] {
  const numbers = Array.from({ length: last(rules) }, (_, i) => i + 1);
  if (rules.isOsaka) numbers.push(P256VERIFY);
  return numbers.map((number) => numberToBytes(number, 20));
}

export function isPrecompile(address: Uint8Array, rules: Rules): boolean {
  if (!address.subarray(0, -2).every((byte) => byte === 0)) return false;
  const number = (address.at(-2) ?? 0) * 256 + (address.at(-1) ?? 0);
  return (number >= 1 && number <= last(rules)) || (rules.isOsaka && number === P256VERIFY);
}
