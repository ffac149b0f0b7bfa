import { RlpReader } from "#rlp";
import { GlimError } from "#util";
import { TrieError } from "./errors.ts";

/** A child: none, a node by its hash (32 bytes), or a node of fewer than 32 bytes that stands in its parent. */
export type RefKind = "none" | "hash" | "embedded";

/** Empty bytes, and the header of 32 bytes: what a child begins with. */
const NO_CHILD = 0x80;
const HASH_CHILD = 0xa0;
const HASH_CHILD_BYTES = 33;
/** A list of 16 hashes and empty bytes. */
const FULL_BRANCH_HEADER = 3;
const FULL_BRANCH_BYTES = FULL_BRANCH_HEADER + 16 * HASH_CHILD_BYTES + 1;

/**
 * Whether `bytes[start, stop)` is a branch with all 16 children by hash and no value, in its one canonical form. The upper levels of a large
 * trie are of this kind, and then a child is found without reading the others: see `fullBranchChild`.
 */
export function isFullBranch(bytes: Uint8Array, start: number, stop: number): boolean {
  if (stop - start !== FULL_BRANCH_BYTES || bytes[stop - 1] !== NO_CHILD) return false;
  if (bytes[start] !== 0xf9 || bytes[start + 1] !== 0x02 || bytes[start + 2] !== 0x11) return false;
  for (let at = start + FULL_BRANCH_HEADER; at < stop - 1; at += HASH_CHILD_BYTES)
    if (bytes[at] !== HASH_CHILD) return false;
  return true;
}

/** Where the hash of child 0 … 15 of a full branch begins. */
export const fullBranchChild = (start: number, nibble: number): number =>
  start + FULL_BRANCH_HEADER + nibble * HASH_CHILD_BYTES + 1;

/**
 * A node's items found in its bytes, nothing copied. `kind` tells which fields hold:
 * branch: `refKind/refStart/refStop[0…15]` and the value; short nodes: the path, and for a leaf the value, for an extension ref 0.
 */
export class NodeScan {
  bytes: Uint8Array = new Uint8Array(0);
  kind: "branch" | "leaf" | "extension" = "branch";
  /** Nibble `pathStart + i` of `bytes`, counted in nibbles from the first byte of the node's buffer. */
  pathStart = 0;
  pathLength = 0;
  valueStart = 0;
  valueStop = 0;
  readonly refKind: RefKind[] = Array.from({ length: 16 }, () => "none");
  /** A hash without its header; an embedded node with it. */
  readonly refStart = new Int32Array(16);
  readonly refStop = new Int32Array(16);

  /**
   * Reads the node in `bytes[start, stop)`: a list of 2 or 17 items in canonical RLP with a canonical path. Strict, because every
   * looseness here has been somebody's forged proof (TR-02, TR-05).
   * @throws TRIE_BAD_NODE
   */
  read(bytes: Uint8Array, start = 0, stop = bytes.length): this {
    try {
      this.#read(bytes, start, stop);
    } catch (error) {
      if (error instanceof GlimError && error.code.startsWith("RLP_"))
        throw TrieError("BAD_NODE", { reason: error.message }, { cause: error });
      throw error;
    }
    return this;
  }

  #read(bytes: Uint8Array, start: number, stop: number): void {
    this.bytes = bytes;
    const reader = new RlpReader(bytes);
    reader.pos = start;
    reader.end = stop;
    const outer = reader.enter();
    // the first two items tell nothing about how many follow, so count by reading
    const first = this.#item(reader);
    if (reader.pos === reader.end) throw bad("one item");
    const path = { isList: reader.isList, start: reader.start, stop: reader.stop };
    const second = this.#item(reader);
    if (reader.pos === reader.end) this.#short(path, reader, second);
    else this.#branch(reader, first, path, second);
    reader.leave(outer);
    reader.finish();
  }

  /** Steps over an item; returns where it starts, header included. */
  #item(reader: RlpReader): number {
    const from = reader.pos;
    reader.next();
    return from;
  }

  #short(path: { isList: boolean; start: number; stop: number }, reader: RlpReader, second: number): void {
    if (path.isList || path.stop === path.start) throw bad("no path");
    const prefix = this.bytes[path.start] ?? 0;
    const flag = prefix >> 4;
    if (flag > 3) throw bad("unknown path flag");
    const isOdd = (flag & 1) === 1;
    if (!isOdd && (prefix & 15) !== 0) throw bad("path padding is not zero");
    this.pathStart = 2 * path.start + (isOdd ? 1 : 2);
    this.pathLength = 2 * path.stop - this.pathStart;
    if (flag >= 2) {
      this.kind = "leaf";
      this.#value(reader);
      if (this.valueStart === this.valueStop) throw bad("leaf without value");
      return;
    }
    this.kind = "extension";
    if (this.pathLength === 0) throw bad("extension without path");
    this.#ref(0, reader, second);
    if (this.refKind[0] === "none") throw bad("extension to nothing");
  }

  #branch(
    reader: RlpReader,
    first: number,
    path: { isList: boolean; start: number; stop: number },
    second: number,
  ): void {
    this.kind = "branch";
    let used = 0;
    used += this.#ref(1, reader, second);
    used += this.#refOf(0, path.isList, first, path.start, path.stop);
    for (let i = 2; i < 16; i++) used += this.#child(i, reader);
    if (reader.pos === reader.end) throw bad("neither 2 nor 17 items");
    this.#item(reader);
    this.#value(reader);
    if (reader.pos !== reader.end) throw bad("neither 2 nor 17 items");
    if (this.valueStart !== this.valueStop) used++;
    if (used < 2) throw bad("branch that does not branch");
  }

  /** Nearly every child is a hash or none, each in one form only: these two are told by their header, the rest is read. */
  #child(index: number, reader: RlpReader): 0 | 1 {
    const { pos, end } = reader;
    if (pos === end) throw bad("neither 2 nor 17 items");
    const header = this.bytes[pos];
    if (header === NO_CHILD) {
      this.refKind[index] = "none";
      reader.pos = pos + 1;
      return 0;
    }
    if (header === HASH_CHILD && pos + HASH_CHILD_BYTES <= end) {
      this.refKind[index] = "hash";
      this.refStart[index] = pos + 1;
      reader.pos = this.refStop[index] = pos + HASH_CHILD_BYTES;
      return 1;
    }
    return this.#ref(index, reader, this.#item(reader));
  }

  #value(reader: RlpReader): void {
    if (reader.isList) throw bad("value is a list");
    this.valueStart = reader.start;
    this.valueStop = reader.stop;
  }

  #ref(index: number, reader: RlpReader, from: number): 0 | 1 {
    return this.#refOf(index, reader.isList, from, reader.start, reader.stop);
  }

  #refOf(index: number, isList: boolean, from: number, start: number, stop: number): 0 | 1 {
    if (isList) {
      if (stop - from >= 32) throw bad("embedded node of 32 bytes or more");
      this.refKind[index] = "embedded";
      this.refStart[index] = from;
    } else if (stop === start) {
      this.refKind[index] = "none";
      return 0;
    } else {
      if (stop - start !== 32) throw bad(`reference of ${stop - start} bytes`);
      this.refKind[index] = "hash";
      this.refStart[index] = start;
    }
    this.refStop[index] = stop;
    return 1;
  }

  /** Nibbles of the path, one per element. */
  path(): Uint8Array {
    const out = new Uint8Array(this.pathLength);
    for (let i = 0; i < out.length; i++) out[i] = this.pathNibble(i);
    return out;
  }

  pathNibble(index: number): number {
    const at = this.pathStart + index;
    const byte = this.bytes[at >> 1] ?? 0;
    return (at & 1) === 0 ? byte >> 4 : byte & 15;
  }
}

const bad = (reason: string): GlimError => TrieError("BAD_NODE", { reason });
