import { checksumAddress } from "#core/types";
import { ByteMap, compareBytes, toHex } from "#util";
import { VmError } from "./errors.ts";
import type { AccountOverride } from "./types.ts";

/** The EVM library's key of an address: 40 hex digits. */
const keyOf = (address: Uint8Array): string => toHex(address).slice(2);

/**
 * Which contract answers at which address once accounts are overridden: a precompile that is overridden is gone from its
 * address, and one that is moved answers elsewhere, in place of what was there. `undefined`: as ever.
 * @throws VM_BAD_OVERRIDE, with geth's text
 * @see internal/ethapi/override/override.go:64@v1.17.5
 */
export function movedPrecompiles<T>(
  natural: ReadonlyMap<string, T>,
  overrides: readonly AccountOverride[],
): Map<string, T> | undefined {
  const isTouching = ({ address, movePrecompileTo }: AccountOverride) =>
    movePrecompileTo !== undefined || natural.has(keyOf(address));
  if (!overrides.some(isTouching)) return undefined;
  const refuse = (address: Uint8Array, why: string) =>
    VmError("BAD_OVERRIDE", { reason: `account ${checksumAddress(address)} ${why}` });
  const named = new ByteMap<true>();
  for (const { address } of overrides) named.set(address, true);
  const moved = new Map(natural);
  for (const { address, movePrecompileTo: to } of [...overrides].sort((a, b) =>
    compareBytes(a.address, b.address),
  )) {
    const precompile = moved.get(keyOf(address));
    if (to !== undefined) {
      if (precompile === undefined) throw refuse(address, "is not a precompile");
      if (named.has(to)) throw refuse(to, "is already overridden");
      moved.set(keyOf(to), precompile);
    }
    if (precompile !== undefined) moved.delete(keyOf(address));
  }
  return moved;
}
