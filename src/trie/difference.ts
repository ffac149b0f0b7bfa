import { equalBytes } from "#util";
import { emptyRoot } from "./encode.ts";
import { fromNibbles, joinPaths } from "./nibbles.ts";
import type { TrieNode } from "./node.ts";
import type { NodeStore } from "./proof.ts";
import { loadNode } from "./trie.ts";

/** An entry that two tries do not have in common. `undefined`: it is not in that one. */
export interface Change {
  readonly key: Uint8Array;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
}

interface Pair {
  readonly path: Uint8Array;
  readonly before: TrieNode | undefined;
  readonly after: TrieNode | undefined;
}

const rootNode = (root: Uint8Array): TrieNode | undefined =>
  equalBytes(root, emptyRoot) ? undefined : { kind: "hash", ref: root };

/** The child of a node at the next nibble, as if every node were a branch; `undefined`: nothing begins so. */
function childAt(node: TrieNode | undefined, nibble: number): TrieNode | undefined {
  if (node === undefined || node.kind === "hash") return undefined;
  if (node.kind === "branch") return node.children[nibble];
  if (node.path[0] !== nibble) return undefined;
  const path = node.path.subarray(1);
  if (node.kind === "leaf") return { ...node, path, ref: undefined };
  return path.length === 0 ? node.child : { ...node, path, ref: undefined };
}

/** The value of the key that ends at this node. */
function valueAt(node: TrieNode | undefined): Uint8Array | undefined {
  if (node === undefined || node.kind === "hash" || node.kind === "extension") return undefined;
  if (node.kind === "branch") return node.value;
  return node.path.length === 0 ? node.value : undefined;
}

const refOf = (node: TrieNode | undefined): Uint8Array | undefined =>
  node === undefined ? undefined : node.ref;

const isSame = (a: TrieNode | undefined, b: TrieNode | undefined): boolean => {
  const [one, other] = [refOf(a), refOf(b)];
  return a === b || (one !== undefined && other !== undefined && equalBytes(one, other));
};

/** A leaf against nothing, or two of the same key, need no further steps. */
function leafChange(
  path: Uint8Array,
  old: TrieNode | undefined,
  next: TrieNode | undefined,
): Change | "none" | undefined {
  const leaf = old ?? next;
  if (leaf?.kind !== "leaf" || leaf.path.length === 0) return undefined;
  if (old !== undefined && next !== undefined) {
    if (next.kind !== "leaf" || old.kind !== "leaf" || !equalBytes(old.path, next.path)) return undefined;
    if (equalBytes(old.value, next.value)) return "none";
  }
  const key = fromNibbles(joinPaths(path, leaf.path));
  const valueOf = (node: TrieNode | undefined) => (node?.kind === "leaf" ? node.value : undefined);
  return key === undefined ? "none" : { key, before: valueOf(old), after: valueOf(next) };
}

/**
 * What changed from one trie to another, in key order. Parts they have in common are not read, so it costs what the
 * difference is large. From the empty root it is every entry.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT while it is walked
 */
export function* trieDifference(
  store: NodeStore,
  before: Uint8Array,
  after: Uint8Array,
): Generator<Change, void, undefined> {
  const resolve = (node: TrieNode | undefined, path: Uint8Array) =>
    node?.kind === "hash" ? loadNode(store, node, path) : node;
  const stack: Pair[] = [{ path: new Uint8Array(0), before: rootNode(before), after: rootNode(after) }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    if (isSame(pair.before, pair.after)) continue;
    const { path } = pair;
    const [old, next] = [resolve(pair.before, path), resolve(pair.after, path)];
    const [was, is] = [valueAt(old), valueAt(next)];
    if (was !== is && (was === undefined || is === undefined || !equalBytes(was, is))) {
      const key = fromNibbles(path);
      if (key !== undefined) yield { key, before: was, after: is };
    }
    const leaf = leafChange(path, old, next);
    if (leaf !== undefined) {
      if (leaf !== "none") yield leaf;
      continue;
    }
    for (let nibble = 15; nibble >= 0; nibble--) {
      const [left, right] = [childAt(old, nibble), childAt(next, nibble)];
      if (left !== undefined || right !== undefined)
        stack.push({ path: joinPaths(path, nibble), before: left, after: right });
    }
  }
}
