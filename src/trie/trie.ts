import { equalBytes } from "#util";
import { emptyRoot } from "./encode.ts";
import { placeOf, TrieError } from "./errors.ts";
import { commonPrefix, joinPaths, toNibbles } from "./nibbles.ts";
import {
  commitNode,
  commitSteps,
  type HashNode,
  makeBranch,
  makeExtension,
  makeLeaf,
  nodeFromScan,
  rootHash,
  type TrieNode,
} from "./node.ts";
import type { NodeStore } from "./proof.ts";
import { NodeScan } from "./scan.ts";
import { type Leaf, walkLeaves } from "./leaves.ts";

/** What `commit` made: write the nodes in one batch, by hash. */
export interface Commit {
  readonly root: Uint8Array;
  /** New nodes, children before parents. */
  readonly nodes: readonly { readonly hash: Uint8Array; readonly encoding: Uint8Array }[];
}

const scan = new NodeScan();

/**
 * A Merkle Patricia trie over a node store, all in sync calls. Keys are taken as they are (hash them first for state tries: `secureKey`);
 * an empty value is no value. Changes stay in memory until `commit`, whose nodes the caller writes.
 *
 * @throws TRIE_MISSING_NODE from any read or change that needs a node the store has not; the trie is unchanged then
 * @see Yellow paper, appendix D · geth trie/trie.go@v1.9.25
 */
export class Trie {
  readonly #store: NodeStore;
  #root: TrieNode | undefined;

  /** `root`: 32 bytes; absent means empty. Nothing is read yet. */
  constructor(store: NodeStore, root: Uint8Array = emptyRoot) {
    this.#store = store;
    this.#root = equalBytes(root, emptyRoot) ? undefined : { kind: "hash", ref: root.slice() };
  }

  /** A trie with the same content that changes by itself. */
  copy(): Trie {
    const copy = new Trie(this.#store);
    copy.#root = this.#root;
    return copy;
  }

  /** Root hash of the content as it is now. */
  root(): Uint8Array {
    return this.#root === undefined ? emptyRoot : rootHash(this.#root);
  }

  /** The trie's own bytes: not to be changed. */
  get(key: Uint8Array): Uint8Array | undefined {
    const path = toNibbles(key);
    const [value, root] = this.#get(this.#root, path, 0);
    this.#root = root;
    return value;
  }

  /** An empty value deletes. */
  put(key: Uint8Array, value: Uint8Array): void {
    if (value.length === 0) return this.delete(key);
    this.#root = this.#put(this.#root, toNibbles(key), 0, value.slice());
  }

  delete(key: Uint8Array): void {
    this.#root = this.#delete(this.#root, toNibbles(key), 0);
  }

  /**
   * The nodes made since the last commit. They must be in the store before the trie, or a copy of it, is read from there. Writes nothing.
   */
  commit(): Commit {
    const nodes: { hash: Uint8Array; encoding: Uint8Array }[] = [];
    if (this.#root !== undefined)
      commitNode(this.#root, (hash, encoding) => nodes.push({ hash, encoding }), true);
    return { root: this.root(), nodes };
  }

  /** The same in pieces, between which others may run. The trie must not be used meanwhile. */
  *commitSteps(): Generator<void, Commit, undefined> {
    const nodes: { hash: Uint8Array; encoding: Uint8Array }[] = [];
    if (this.#root !== undefined)
      yield* commitSteps(this.#root, (hash, encoding) => nodes.push({ hash, encoding }));
    return { root: this.root(), nodes };
  }

  /** Entries in key order, from the first key not below `from`. Changes made meanwhile are not seen. */
  leaves(from?: Uint8Array): Generator<Leaf, void, undefined> {
    return walkLeaves(this.#root, (node, path) => this.#resolve(node, path), from);
  }

  #resolve(node: HashNode, path: Uint8Array): TrieNode {
    return loadNode(this.#store, node, path);
  }

  /** Returns the value and the node with what was loaded on the way kept in it. */
  #get(
    node: TrieNode | undefined,
    path: Uint8Array,
    at: number,
  ): [Uint8Array | undefined, TrieNode | undefined] {
    if (node === undefined) return [undefined, undefined];
    switch (node.kind) {
      case "hash":
        return this.#get(this.#resolve(node, path.subarray(0, at)), path, at);
      case "leaf":
        return [
          node.path.length === path.length - at && commonPrefix(path, at, node.path) === node.path.length
            ? node.value
            : undefined,
          node,
        ];
      case "extension": {
        if (commonPrefix(path, at, node.path) < node.path.length) return [undefined, node];
        const [value, child] = this.#get(node.child, path, at + node.path.length);
        return [value, child === node.child || child === undefined ? node : { ...node, child }];
      }
      case "branch": {
        if (at === path.length) return [node.value, node];
        const nibble = path[at] ?? 0;
        const before = node.children[nibble];
        const [value, child] = this.#get(before, path, at + 1);
        return [
          value,
          child === before ? node : { ...node, children: withChild(node.children, nibble, child) },
        ];
      }
    }
  }

  #put(node: TrieNode | undefined, path: Uint8Array, at: number, value: Uint8Array): TrieNode {
    if (node === undefined) return makeLeaf(path.slice(at), value);
    switch (node.kind) {
      case "hash":
        return this.#put(this.#resolve(node, path.subarray(0, at)), path, at, value);
      case "branch": {
        if (at === path.length) return makeBranch(node.children, value);
        const nibble = path[at] ?? 0;
        return makeBranch(
          withChild(node.children, nibble, this.#put(node.children[nibble], path, at + 1, value)),
          node.value,
        );
      }
      case "leaf":
      case "extension": {
        const shared = commonPrefix(path, at, node.path);
        if (node.kind === "extension" && shared === node.path.length)
          return makeExtension(node.path, this.#put(node.child, path, at + shared, value));
        if (node.kind === "leaf" && shared === node.path.length && at + shared === path.length)
          return makeLeaf(node.path, value);
        const branch = split(node, path, at + shared, shared, value);
        return shared === 0 ? branch : makeExtension(node.path.slice(0, shared), branch);
      }
    }
  }

  #delete(node: TrieNode | undefined, path: Uint8Array, at: number): TrieNode | undefined {
    if (node === undefined) return undefined;
    switch (node.kind) {
      case "hash": {
        const loaded = this.#resolve(node, path.subarray(0, at));
        return this.#delete(loaded, path, at);
      }
      case "leaf":
        return node.path.length === path.length - at && commonPrefix(path, at, node.path) === node.path.length
          ? undefined
          : node;
      case "extension": {
        if (commonPrefix(path, at, node.path) < node.path.length) return node;
        const child = this.#delete(node.child, path, at + node.path.length);
        return child === node.child || child === undefined ? node : this.#prepend(node.path, child);
      }
      case "branch": {
        if (at === path.length)
          return node.value === undefined
            ? node
            : this.#shrink(node.children, undefined, path.subarray(0, at));
        const nibble = path[at] ?? 0;
        const before = node.children[nibble];
        const child = this.#delete(before, path, at + 1);
        if (child === before) return node;
        return this.#shrink(withChild(node.children, nibble, child), node.value, path.subarray(0, at));
      }
    }
  }

  /** A branch, or what a branch with one occupant becomes. */
  #shrink(
    children: readonly (TrieNode | undefined)[],
    value: Uint8Array | undefined,
    path: Uint8Array,
  ): TrieNode | undefined {
    let only = -1;
    for (let i = 0; i < 16; i++) {
      if (children[i] === undefined) continue;
      if (only >= 0 || value !== undefined) return makeBranch(children, value);
      only = i;
    }
    const child = children[only];
    if (child === undefined) return value === undefined ? undefined : makeLeaf(new Uint8Array(0), value);
    const loaded = child.kind === "hash" ? this.#resolve(child, joinPaths(path, only)) : child;
    return this.#prepend(Uint8Array.of(only), loaded);
  }

  /** The node below a further stretch of path. */
  #prepend(path: Uint8Array, node: TrieNode): TrieNode {
    if (node.kind === "leaf") return makeLeaf(joinPaths(path, node.path), node.value);
    if (node.kind === "extension") return makeExtension(joinPaths(path, node.path), node.child);
    return makeExtension(path, node);
  }
}

function withChild(
  children: readonly (TrieNode | undefined)[],
  nibble: number,
  child: TrieNode | undefined,
): readonly (TrieNode | undefined)[] {
  const out = children.slice();
  out[nibble] = child;
  return out;
}

/** Parts a leaf or extension from a new entry: a branch where their paths differ, `shared` nibbles into the node's path. */
function split(
  node: Extract<TrieNode, { kind: "leaf" | "extension" }>,
  path: Uint8Array,
  at: number,
  shared: number,
  value: Uint8Array,
): TrieNode {
  const children: (TrieNode | undefined)[] = new Array<undefined>(16).fill(undefined);
  let own: Uint8Array | undefined;
  if (shared === node.path.length && node.kind === "leaf") own = node.value;
  else {
    const rest = node.path.slice(shared + 1);
    const nibble = node.path[shared] ?? 0;
    if (node.kind === "leaf") children[nibble] = makeLeaf(rest, node.value);
    else children[nibble] = rest.length === 0 ? node.child : makeExtension(rest, node.child);
  }
  if (at === path.length) own = value;
  else children[path[at] ?? 0] = makeLeaf(path.slice(at + 1), value);
  return makeBranch(children, own);
}

/** Reads a node from the store. `path`: the nibbles that led to it. @throws TRIE_MISSING_NODE, TRIE_CORRUPT */
export function loadNode(store: NodeStore, { ref }: HashNode, path: Uint8Array): TrieNode {
  const bytes = store.get(ref);
  if (bytes === undefined) throw TrieError("MISSING_NODE", placeOf(ref, path));
  try {
    return readNode(bytes, ref);
  } catch (error) {
    if (TrieError.is(error, "BAD_NODE")) throw TrieError("CORRUPT", placeOf(ref, path), { cause: error });
    throw error;
  }
}

/** Decodes a whole node, embedded ones included. @throws TRIE_BAD_NODE */
function readNode(bytes: Uint8Array, ref: Uint8Array): TrieNode {
  const node = nodeFromScan(scan.read(bytes), ref, (nested) => readNode(nested, nested));
  if (node.kind === "extension" && node.child.kind !== "hash" && node.child.kind !== "branch")
    throw TrieError("BAD_NODE", { reason: "extension to no branch" });
  return node;
}
