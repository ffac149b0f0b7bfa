import { keccak256 } from "#crypto";
import { encodePath } from "./nibbles.ts";

/** A child as it stands in its parent: 32 bytes are a hash, fewer are the node itself. */
export type Ref = Uint8Array;

/** Hash of the empty trie, keccak256(rlp("")): 0x56e81f17…b421. */
export const emptyRoot: Uint8Array = keccak256(Uint8Array.of(0x80));

/** Takes nodes as they are made: whoever stores or proves them. */
export type NodeSink = (hash: Uint8Array, encoding: Uint8Array) => void;

export function refOf(encoding: Uint8Array, sink?: NodeSink): Ref {
  if (encoding.length < 32) return encoding;
  const hash = keccak256(encoding);
  sink?.(hash, encoding);
  return hash;
}

const stringSize = (bytes: Uint8Array): number => {
  if (bytes.length === 1 && (bytes[0] ?? 0) < 0x80) return 1;
  return headerSize(bytes.length) + bytes.length;
};

function headerSize(length: number): number {
  if (length <= 55) return 1;
  let size = 2;
  for (let rest = length >>> 8; rest > 0; rest >>>= 8) size++;
  return size;
}

function writeHeader(out: Uint8Array, at: number, base: number, length: number): number {
  if (length <= 55) {
    out[at] = base + length;
    return at + 1;
  }
  const size = headerSize(length) - 1;
  out[at] = base + 55 + size;
  for (let i = size, rest = length; i > 0; i--, rest >>>= 8) out[at + i] = rest & 0xff;
  return at + 1 + size;
}

function writeString(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const start = bytes.length === 1 && (bytes[0] ?? 0) < 0x80 ? at : writeHeader(out, at, 0x80, bytes.length);
  out.set(bytes, start);
  return start + bytes.length;
}

const refSize = (ref: Ref | undefined): number =>
  ref === undefined ? 1 : ref.length === 32 ? 33 : ref.length;

function writeRef(out: Uint8Array, at: number, ref: Ref | undefined): number {
  if (ref === undefined) {
    out[at] = 0x80;
    return at + 1;
  }
  const start = ref.length === 32 ? at + 1 : at;
  if (ref.length === 32) out[at] = 0xa0;
  out.set(ref, start);
  return start + ref.length;
}

/** `path` in nibbles, of at least none; `value` not empty. */
export function encodeLeaf(path: Uint8Array, value: Uint8Array): Uint8Array {
  const prefixed = encodePath(path, true);
  const payload = stringSize(prefixed) + stringSize(value);
  const out = new Uint8Array(headerSize(payload) + payload);
  writeString(out, writeString(out, writeHeader(out, 0, 0xc0, payload), prefixed), value);
  return out;
}

/** `path` in nibbles, of at least one. */
export function encodeExtension(path: Uint8Array, child: Ref): Uint8Array {
  const prefixed = encodePath(path, false);
  const payload = stringSize(prefixed) + refSize(child);
  const out = new Uint8Array(headerSize(payload) + payload);
  writeRef(out, writeString(out, writeHeader(out, 0, 0xc0, payload), prefixed), child);
  return out;
}

const NO_VALUE = new Uint8Array(0);

/** 16 children and perhaps a value. */
export function encodeBranch(
  children: readonly (Ref | undefined)[],
  value: Uint8Array = NO_VALUE,
): Uint8Array {
  let payload = stringSize(value);
  for (let i = 0; i < 16; i++) payload += refSize(children[i]);
  const out = new Uint8Array(headerSize(payload) + payload);
  let at = writeHeader(out, 0, 0xc0, payload);
  for (let i = 0; i < 16; i++) at = writeRef(out, at, children[i]);
  writeString(out, at, value);
  return out;
}
