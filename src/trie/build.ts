import { encode } from "#rlp";
import { compareBytes } from "#util";
import {
  emptyRoot,
  encodeBranch,
  encodeExtension,
  encodeLeaf,
  type NodeSink,
  type Ref,
  refOf,
} from "./encode.ts";
import { keccak256 } from "#crypto";
import { TrieError } from "./errors.ts";
import { nibbleAt } from "./nibbles.ts";

/**
 * Root of a trie whose whole content is at hand in ascending key order: each node is made once, bottom up.
 *
 * @param keys - strictly ascending; a key may be the prefix of a later one
 * @param values - one per key, none empty
 * @param sink - given every node that is referred to by hash, the root included
 * @throws TRIE_KEY if keys do not ascend or a value is empty
 */
export function sortedRoot(
  keys: readonly Uint8Array[],
  values: readonly Uint8Array[],
  sink?: NodeSink,
): Uint8Array {
  if (keys.length !== values.length)
    throw TrieError("KEY", { reason: `${keys.length} keys, ${values.length} values` });
  for (let i = 0; i < keys.length; i++) {
    if (values[i]?.length === 0) throw TrieError("KEY", { reason: "an empty value is no entry" });
    if (i > 0 && compareBytes(keys[i - 1] as Uint8Array, keys[i] as Uint8Array) >= 0)
      throw TrieError("KEY", { reason: "keys do not ascend" });
  }
  if (keys.length === 0) return emptyRoot;
  const encoding = build(keys, values, { from: 0, to: keys.length, depth: 0 }, sink);
  const root = keccak256(encoding);
  sink?.(root, encoding);
  return root;
}

interface Slice {
  readonly from: number;
  readonly to: number;
  /** Nibbles that all keys of the slice share. */
  readonly depth: number;
}

/** Depth of the recursion: at most the nibbles of the longest key. */
function build(
  keys: readonly Uint8Array[],
  values: readonly Uint8Array[],
  { from, to, depth }: Slice,
  sink?: NodeSink,
): Uint8Array {
  const first = keys[from] as Uint8Array; // slices are never empty
  if (to - from === 1)
    return encodeLeaf(nibblesOf(first, depth, first.length * 2), values[from] as Uint8Array);
  const last = keys[to - 1] as Uint8Array;
  let shared = depth;
  const most = Math.min(first.length, last.length) * 2;
  while (shared < most && nibbleAt(first, shared) === nibbleAt(last, shared)) shared++;
  const branch = buildBranch(keys, values, { from, to, depth: shared }, sink);
  if (shared === depth) return branch;
  return encodeExtension(nibblesOf(first, depth, shared), refOf(branch, sink));
}

function buildBranch(
  keys: readonly Uint8Array[],
  values: readonly Uint8Array[],
  { from, to, depth }: Slice,
  sink?: NodeSink,
): Uint8Array {
  const children: (Ref | undefined)[] = new Array<undefined>(16).fill(undefined);
  let start = from;
  let value: Uint8Array | undefined;
  if (keys[start]?.length === depth / 2) value = values[start++];
  while (start < to) {
    const nibble = nibbleAt(keys[start] as Uint8Array, depth);
    let stop = start + 1;
    while (stop < to && nibbleAt(keys[stop] as Uint8Array, depth) === nibble) stop++;
    children[nibble] = refOf(build(keys, values, { from: start, to: stop, depth: depth + 1 }, sink), sink);
    start = stop;
  }
  return encodeBranch(children, value);
}

function nibblesOf(key: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from);
  for (let i = from; i < to; i++) out[i - from] = nibbleAt(key, i);
  return out;
}

/**
 * Root of a list whose keys are rlp(index): transactions, receipts, withdrawals of a block.
 * @see geth core/types/derive_sha.go@v1.9.25
 */
export function orderedRoot(items: readonly Uint8Array[], sink?: NodeSink): Uint8Array {
  // rlp(1) … rlp(127) < rlp(0) = 0x80 < rlp(128) …
  const order = items.map((_, i) => i);
  const zero = Math.min(items.length, 128);
  if (zero > 0) {
    order.splice(0, 1);
    order.splice(zero - 1, 0, 0);
  }
  return sortedRoot(
    order.map((i) => encode(i)),
    order.map((i) => items[i] as Uint8Array),
    sink,
  );
}
