/**
 * rlp: the item codec and schemas. Strict (one encoding per value), budgeted (items are counted before objects are made), bounded in
 * depth, never recursing on input, and zero-copy: byte strings are views of the message and keep it alive, so copy what you keep.
 *
 * `decode`/`encode` work on trees of bytes; `decodeAs`/`encodeAs` on a schema, whose TypeScript type is `Infer<typeof schema>`:
 *
 *   const status = struct({ version: uint53, td: uint256, head: fixed(32), forkId: optional(forkId) });
 *   const { td } = decodeAs(status, payload);
 *
 * Not here: message codes and request ids (`#p2p` wire tables), snappy, block and transaction shapes (`#core/types`).
 * All decoding errors are RLP_* with blame "peer"; RLP_ENCODE is the caller's.
 */
export {
  byShape,
  hashOrNumber,
  list,
  mapped,
  type OptionalField,
  optional,
  struct,
  type StructOf,
  type StructOptions,
  tuple,
  type TupleOf,
} from "./composite.ts";
export { RlpError } from "./errors.ts";
export { decode, encode, type RlpItem, type RlpValue, splitItems } from "./item.ts";
export { type Budget, DEFAULT_MAX_DEPTH, DEFAULT_MAX_ITEMS, RlpReader } from "./reader.ts";
export {
  address,
  bool,
  bytes,
  decodeAs,
  empty,
  encodeAs,
  type FieldShape,
  fixed,
  hash,
  type Infer,
  item,
  raw,
  type Schema,
  type Shape,
  uint256,
  uint53,
  uint64,
  utf8,
} from "./schema.ts";
export { RlpWriter, writeWith } from "./writer.ts";
