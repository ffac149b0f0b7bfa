import { defineErrors } from "#util";

const at = (offset: number): string => `at byte ${offset}`;

/**
 * Bytes that are no canonical RLP, exceed a bound, or do not fit the schema: always the sender's fault (breach of protocol, 0x02).
 * `ENCODE` alone is ours: a value that its schema cannot carry.
 */
export const RlpError = defineErrors("RLP", {
  EMPTY: { message: () => "no bytes where an item was expected", blame: "peer", disconnect: 0x02 },
  TRUNCATED: {
    message: (d: { offset: number }) => `item runs past its end ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  NON_CANONICAL: {
    message: (d: { offset: number }) => `length or single byte not in its shortest form ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  TRAILING: {
    message: (d: { offset: number }) => `bytes after the last item ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  DEPTH: { message: (d: { max: number }) => `nested deeper than ${d.max}`, blame: "peer", disconnect: 0x02 },
  ITEMS: { message: (d: { max: number }) => `more than ${d.max} items`, blame: "peer", disconnect: 0x02 },
  EXPECTED_BYTES: {
    message: (d: { offset: number }) => `list where bytes were expected ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  EXPECTED_LIST: {
    message: (d: { offset: number }) => `bytes where a list was expected ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  LENGTH: {
    message: (d: { offset: number; length: number; want: string }) =>
      `${d.length} bytes where ${d.want} were expected ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  INTEGER: {
    message: (d: { offset: number; reason: "leading zero" | "too large" }) =>
      `integer: ${d.reason}, ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  FIELDS: {
    message: (d: { offset: number; want: number; reason: "too few" | "too many" }) =>
      `${d.reason} fields, ${d.want} expected, ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  VALUE: {
    message: (d: { offset: number; reason: string }) => `${d.reason} ${at(d.offset)}`,
    blame: "peer",
    disconnect: 0x02,
  },
  ENCODE: { message: (d: { reason: string }) => `value cannot be encoded: ${d.reason}`, blame: "caller" },
});
