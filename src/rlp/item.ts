import { RlpError } from "./errors.ts";
import { type Budget, DEFAULT_MAX_DEPTH, DEFAULT_MAX_ITEMS, RlpReader } from "./reader.ts";
import { type RlpWriter, writeWith } from "./writer.ts";

/** Decoded RLP without a schema: byte strings are views of the input. */
export type RlpItem = Uint8Array | readonly RlpItem[];

/** What can be encoded without a schema. Numbers become their shortest big-endian bytes, 0 the empty string. */
export type RlpValue = Uint8Array | number | bigint | readonly RlpValue[];

const ENCODE_MAX_DEPTH = 1024;

/**
 * Decodes exactly one item.
 *
 * @param budget - default 2^20 items, 64 levels; items are counted before any object is made.
 * @returns views of `bytes`, which they keep alive.
 * @throws RLP_* (blame: peer)
 * @see https://ethereum.org/en/developers/docs/data-structures-and-encoding/rlp/ · geth rlp/decode.go@v1.9.25
 */
export function decode(bytes: Uint8Array, budget: Budget = {}): RlpItem {
  const reader = new RlpReader(bytes, budget);
  const item = readItem(reader, budget.maxDepth ?? DEFAULT_MAX_DEPTH, budget.maxItems ?? DEFAULT_MAX_ITEMS);
  reader.finish();
  return item;
}

/** Reads one item of any shape at the cursor, without recursion. */
export function readItem(reader: RlpReader, maxDepth: number, maxItems = DEFAULT_MAX_ITEMS): RlpItem {
  const from = reader.pos;
  reader.next();
  if (!reader.isList) return reader.view();
  if (maxDepth < 1) throw RlpError("DEPTH", { max: maxDepth });
  // an item takes a byte at least, so only a longer payload can hold too many
  if (reader.stop - reader.start > reader.left)
    countItems(reader.bytes.subarray(from, reader.stop), maxDepth, reader.left, maxItems);
  return readList(reader, maxDepth);
}

function readList(reader: RlpReader, maxDepth: number): RlpItem {
  const outer = reader.end;
  const root: RlpItem[] = [];
  const lists: RlpItem[][] = [root];
  const ends: number[] = [reader.stop];
  let list = root;
  let end = reader.stop;
  reader.pos = reader.start;
  reader.end = end;
  for (;;) {
    while (reader.pos === end) {
      lists.pop();
      ends.pop();
      const above = lists.at(-1);
      if (above === undefined) {
        reader.end = outer;
        return root;
      }
      list = above;
      reader.end = end = ends.at(-1) ?? 0;
    }
    reader.next();
    if (!reader.isList) {
      list.push(reader.view());
      continue;
    }
    if (lists.length === maxDepth) throw RlpError("DEPTH", { max: maxDepth });
    const inner: RlpItem[] = [];
    list.push(inner);
    list = inner;
    lists.push(inner);
    reader.pos = reader.start;
    reader.end = end = reader.stop;
    ends.push(end);
  }
}

/** Walks headers only: makes nothing per item. */
function countItems(bytes: Uint8Array, maxDepth: number, left: number, maxItems: number): void {
  const reader = new RlpReader(bytes, { maxItems: Number.MAX_SAFE_INTEGER });
  const ends: number[] = [];
  let count = 0;
  for (;;) {
    while (ends.length > 0 && reader.pos === reader.end) {
      ends.pop();
      reader.end = ends.at(-1) ?? bytes.length;
    }
    if (reader.pos === bytes.length) return;
    reader.next();
    if (count++ > left) throw RlpError("ITEMS", { max: maxItems });
    if (!reader.isList) continue;
    if (ends.length === maxDepth) throw RlpError("DEPTH", { max: maxDepth });
    ends.push(reader.stop);
    reader.pos = reader.start;
    reader.end = reader.stop;
  }
}

/** Encodes a tree of byte strings, integers and lists. */
export function encode(value: RlpValue): Uint8Array {
  return writeWith((writer) => writeValue(writer, value, 0));
}

export function writeValue(writer: RlpWriter, value: RlpValue, depth = 0): void {
  if (value instanceof Uint8Array) return writer.bytes(value);
  if (typeof value === "number") return writer.number(value);
  if (typeof value === "bigint") return writer.bigint(value);
  if (!Array.isArray(value)) throw RlpError("ENCODE", { reason: `not RLP: ${typeof value}` });
  if (depth >= ENCODE_MAX_DEPTH)
    throw RlpError("ENCODE", { reason: `nested deeper than ${ENCODE_MAX_DEPTH}` });
  const before = writer.written;
  for (let i = value.length - 1; i >= 0; i--) writeValue(writer, value[i], depth + 1);
  writer.closeList(before);
}

/**
 * Splits concatenated items (a chain export file, a list's payload) into views, each one whole item with its header. Only the outermost
 * headers are read.
 */
export function* splitItems(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  const reader = new RlpReader(bytes, { maxItems: Number.MAX_SAFE_INTEGER });
  while (reader.pos < bytes.length) {
    const from = reader.pos;
    reader.next();
    yield bytes.subarray(from, reader.stop);
  }
}
