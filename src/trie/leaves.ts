import { TrieError } from "./errors.ts";
import { formatNibbles, fromNibbles, joinPaths, toNibbles } from "./nibbles.ts";
import type { HashNode, TrieNode } from "./node.ts";

/** An entry of a trie. */
export interface Leaf {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Frame {
  readonly node: TrieNode;
  readonly path: Uint8Array;
}

/** Entries below `root` in key order. Nodes are loaded when they are reached, and not kept. */
export function* walkLeaves(
  root: TrieNode | undefined,
  resolve: (node: HashNode, path: Uint8Array) => TrieNode,
  from?: Uint8Array,
): Generator<Leaf, void, undefined> {
  const least = from === undefined ? undefined : toNibbles(from);
  const stack: Frame[] = root === undefined ? [] : [{ node: root, path: new Uint8Array(0) }];
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { path } = frame;
    if (least !== undefined && isBelow(path, least)) continue;
    const node = frame.node.kind === "hash" ? resolve(frame.node, path) : frame.node;
    if (node.kind === "leaf") {
      const whole = joinPaths(path, node.path);
      if (least === undefined || !isBefore(whole, least)) yield { key: keyOf(whole), value: node.value };
    } else if (node.kind === "extension") stack.push({ node: node.child, path: joinPaths(path, node.path) });
    else if (node.kind === "branch") {
      for (let i = 15; i >= 0; i--) {
        const child = node.children[i];
        if (child !== undefined) stack.push({ node: child, path: joinPaths(path, i) });
      }
      if (node.value !== undefined && (least === undefined || !isBefore(path, least)))
        yield { key: keyOf(path), value: node.value };
    }
  }
}

/** True if everything under `path` comes before `least`. */
function isBelow(path: Uint8Array, least: Uint8Array): boolean {
  const most = Math.min(path.length, least.length);
  for (let i = 0; i < most; i++) {
    const difference = (path[i] ?? 0) - (least[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const isBefore = (path: Uint8Array, least: Uint8Array): boolean =>
  isBelow(path, least) || (path.length < least.length && !isBelow(least, path));

function keyOf(path: Uint8Array): Uint8Array {
  const key = fromNibbles(path);
  if (key === undefined)
    throw TrieError("BAD_NODE", { reason: `half a byte too many at path "${formatNibbles(path)}"` });
  return key;
}
