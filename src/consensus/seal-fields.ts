import type { Header, HeaderFields } from "#core/types";
import { bigintToBytes, numberToBytes } from "#util";

/**
 * The header's fields as a seal covers them, in the order they are encoded: all before the seal's own, with `extra` as the
 * engine cuts it, then `seal` (what of the seal's own fields is covered), then the base fee where there is one.
 */
export function sealedFields(
  header: Header | HeaderFields,
  extra: Uint8Array,
  seal: readonly Uint8Array[] = [],
): Uint8Array[] {
  const fields = [
    header.parentHash,
    header.unclesHash,
    header.coinbase,
    header.stateRoot,
    header.txRoot,
    header.receiptRoot,
    header.bloom,
    bigintToBytes(header.difficulty),
    numberToBytes(header.number),
    bigintToBytes(header.gasLimit),
    bigintToBytes(header.gasUsed),
    numberToBytes(header.time),
    extra,
    ...seal,
  ];
  if (header.baseFee !== undefined) fields.push(bigintToBytes(header.baseFee));
  return fields;
}
