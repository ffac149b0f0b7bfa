import { createRequire } from "node:module";
import * as snappyjs from "snappyjs";

/** One snappy implementation. `uncompress` may throw on anything that is no block. */
export interface SnappyBackend {
  readonly name: "native" | "js";
  compress(bytes: Uint8Array): Uint8Array;
  uncompress(bytes: Uint8Array): Uint8Array;
}

interface NativeSnappy {
  compressSync(bytes: Uint8Array): Uint8Array;
  uncompressSync(bytes: Uint8Array, options: { asBuffer: true }): Uint8Array;
}

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);

/** The Node-API add-on, if it loads here. */
export function nativeSnappy(): SnappyBackend | undefined {
  let lib: NativeSnappy;
  try {
    lib = createRequire(import.meta.url)("snappy") as NativeSnappy; // the shape its index.d.ts states
  } catch {
    return undefined; // optional dependency: absent, or no binary for this machine
  }
  return {
    name: "native",
    compress: (bytes) => plain(lib.compressSync(bytes)),
    uncompress: (bytes) => plain(lib.uncompressSync(bytes, { asBuffer: true })),
  };
}

/** Pure fallback. */
export const jsSnappy: SnappyBackend = {
  name: "js",
  compress: (bytes) => snappyjs.compress(bytes),
  uncompress(bytes) {
    // snappyjs takes streams that make less, or more, than they claim; the scan does not
    if (!isWholeBlock(bytes)) throw new RangeError("not a snappy block");
    return snappyjs.uncompress(bytes);
  },
};

const backend: SnappyBackend = nativeSnappy() ?? jsSnappy;

export const snappyBackend: "native" | "js" = backend.name;

/** A payload this short is hashes and numbers, which do not compress: it goes out as one literal, without the library's price. */
const SHORT = 128;
/** Tags of a literal: its length in the tag, or in the byte after it. */
const LONGEST_IN_TAG = 60;
const LENGTH_IN_NEXT_BYTE = 60 << 2;

/** One raw snappy block. */
export function compress(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length === 0 || length >= SHORT) return backend.compress(bytes);
  const isTagged = length <= LONGEST_IN_TAG;
  const block = new Uint8Array(length + (isTagged ? 2 : 3));
  block[0] = length;
  block[1] = isTagged ? (length - 1) << 2 : LENGTH_IN_NEXT_BYTE;
  if (!isTagged) block[2] = length - 1;
  block.set(bytes, block.length - length);
  return block;
}

/** The content of a block that is one literal, as a view: what does not compress comes so, trie nodes for one. */
function soleLiteral(
  bytes: Uint8Array,
  { length, next }: { length: number; next: number },
): Uint8Array | undefined {
  const tag = bytes[next] ?? 0;
  if ((tag & 3) !== 0) return undefined;
  const extra = Math.max(0, (tag >>> 2) - LONGEST_IN_TAG + 1);
  const size = 1 + (extra === 0 ? tag >>> 2 : littleEndian(bytes, next + 1, extra));
  const start = next + 1 + extra;
  return size === length && start + size === bytes.length ? bytes.subarray(start) : undefined;
}

/** No snappy element makes more than 64 bytes out of 3. */
const MAX_RATIO = 22;

/**
 * Opens one raw snappy block. The claimed length is read and checked before anything is allocated (BP-06). What it returns may be a view.
 *
 * @param maxBytes - most bytes the block may claim
 * @returns the bytes, or what was wrong: the claimed size if it is above the limit, else undefined
 */
export function uncompress(
  bytes: Uint8Array,
  maxBytes: number,
  use: SnappyBackend = backend,
): { readonly bytes: Uint8Array } | { readonly tooBig: number } | undefined {
  const claim = readLength(bytes);
  if (claim === undefined) return undefined;
  if (claim.length > maxBytes) return { tooBig: claim.length };
  if (claim.length > bytes.length * MAX_RATIO) return undefined;
  const literal = soleLiteral(bytes, claim);
  if (literal !== undefined) return { bytes: literal };
  try {
    const out = use.uncompress(bytes);
    return out.length === claim.length ? { bytes: out } : undefined;
  } catch {
    return undefined; // both libraries throw plain Errors, and only for streams that do not hold
  }
}

/** The varint in front; at most 5 bytes, at most 2^32 − 1. */
function readLength(bytes: Uint8Array): { length: number; next: number } | undefined {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length > 0xffff_ffff ? undefined : { length, next: i + 1 };
  }
  return undefined;
}

/** Walks the elements without copying: do they make exactly the claimed bytes, from inside what was made? */
function isWholeBlock(bytes: Uint8Array): boolean {
  const claim = readLength(bytes);
  if (claim === undefined) return false;
  let made = 0;
  for (let at = claim.next; at < bytes.length; ) {
    const tag = bytes[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const extra = length - 59;
        length = littleEndian(bytes, at, extra);
        at += extra;
      }
      at += length + 1;
      made += length + 1;
    } else {
      const extra = kind === 3 ? 4 : kind;
      const offset =
        kind === 1 ? ((tag >>> 5) << 8) + littleEndian(bytes, at, 1) : littleEndian(bytes, at, extra);
      at += extra;
      if (offset === 0 || offset > made) return false;
      made += kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    }
    if (at > bytes.length || made > claim.length) return false;
  }
  return made === claim.length;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value += (bytes[at + i] ?? 0) * 2 ** (8 * i);
  return value;
}
