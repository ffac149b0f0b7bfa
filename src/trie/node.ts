import { keccak256 } from "#crypto";
import { encodeBranch, encodeExtension, encodeLeaf, type NodeSink, type Ref, refOf } from "./encode.ts";
import type { NodeScan } from "./scan.ts";

/** A node that is only known by its hash yet. */
export interface HashNode {
  readonly kind: "hash";
  readonly ref: Ref;
}
interface Made {
  /** Reference under which the parent holds it, once computed. */
  ref: Ref | undefined;
  /** Not in the store yet. */
  isNew: boolean;
}
export interface LeafNode extends Made {
  readonly kind: "leaf";
  readonly path: Uint8Array;
  readonly value: Uint8Array;
}
export interface ExtensionNode extends Made {
  readonly kind: "extension";
  readonly path: Uint8Array;
  readonly child: TrieNode;
}
export interface BranchNode extends Made {
  readonly kind: "branch";
  readonly children: readonly (TrieNode | undefined)[];
  readonly value: Uint8Array | undefined;
}
/** Nodes are never changed, only replaced: copies of a trie share them. */
export type TrieNode = HashNode | LeafNode | ExtensionNode | BranchNode;

export const makeLeaf = (path: Uint8Array, value: Uint8Array): LeafNode => ({
  kind: "leaf",
  path,
  value,
  ref: undefined,
  isNew: true,
});

export const makeExtension = (path: Uint8Array, child: TrieNode): ExtensionNode => ({
  kind: "extension",
  path,
  child,
  ref: undefined,
  isNew: true,
});

export const makeBranch = (
  children: readonly (TrieNode | undefined)[],
  value: Uint8Array | undefined,
): BranchNode => ({
  kind: "branch",
  children,
  value,
  ref: undefined,
  isNew: true,
});

/** Makes a node of what was scanned; embedded children are made too. `ref`: how the parent refers to it. */
export function nodeFromScan(scan: NodeScan, ref: Ref, nested: (bytes: Uint8Array) => TrieNode): TrieNode {
  const { bytes } = scan;
  if (scan.kind === "leaf")
    return {
      kind: "leaf",
      path: scan.path(),
      value: bytes.slice(scan.valueStart, scan.valueStop),
      ref,
      isNew: false,
    };
  const value =
    scan.kind === "branch" && scan.valueStart < scan.valueStop
      ? bytes.slice(scan.valueStart, scan.valueStop)
      : undefined;
  const path = scan.kind === "extension" ? scan.path() : undefined;
  const size = path === undefined ? 16 : 1;
  const children: (TrieNode | undefined)[] = new Array<undefined>(size).fill(undefined);
  const embedded: number[] = [];
  for (let i = 0; i < size; i++) {
    if (scan.refKind[i] === "none") continue;
    children[i] = { kind: "hash", ref: bytes.slice(scan.refStart[i], scan.refStop[i]) };
    if (scan.refKind[i] === "embedded") embedded.push(i);
  }
  // after the loop: reading a nested node overwrites the scan
  for (const i of embedded) children[i] = nested((children[i] as HashNode).ref);
  if (path === undefined) return { kind: "branch", children, value, ref, isNew: false };
  return { kind: "extension", path, child: children[0] as TrieNode, ref, isNew: false };
}

/** Encoding of a node that is not a mere hash; references of its children are computed on the way. */
function encodeNode(node: LeafNode | ExtensionNode | BranchNode): Uint8Array {
  switch (node.kind) {
    case "leaf":
      return encodeLeaf(node.path, node.value);
    case "extension":
      return encodeExtension(node.path, reference(node.child));
    case "branch":
      return encodeBranch(
        node.children.map((child) => (child === undefined ? undefined : reference(child))),
        node.value,
      );
  }
}

/** How the parent refers to the node. Recursion is as deep as the trie: at most the nibbles of a key. */
function reference(node: TrieNode): Ref {
  if (node.kind === "hash") return node.ref;
  node.ref ??= refOf(encodeNode(node));
  return node.ref;
}

export function rootHash(node: TrieNode): Uint8Array {
  const ref = reference(node);
  return ref.length === 32 ? ref : keccak256(ref);
}

/** Gives every new node to `sink`, children first, and marks it stored. Embedded nodes are part of their parents. */
export function commitNode(node: TrieNode, sink: NodeSink, isRoot: boolean): void {
  if (node.kind === "hash" || !node.isNew) return;
  if (node.kind === "extension") commitNode(node.child, sink, false);
  if (node.kind === "branch")
    for (const child of node.children) if (child !== undefined) commitNode(child, sink, false);
  node.isNew = false;
  const encoding = encodeNode(node);
  node.ref ??= refOf(encoding);
  if (node.ref.length === 32) sink(node.ref, encoding);
  else if (isRoot) sink(keccak256(encoding), encoding);
}

/** Levels of branches above the pieces of `commitSteps`. */
const STEP_LEVELS = 2;

/** `commitNode` a piece at a time, in the same order: of a trie of millions a piece has a 256th. */
export function* commitSteps(
  node: TrieNode,
  sink: NodeSink,
  isRoot = true,
  levels = STEP_LEVELS,
): Generator<void, void, undefined> {
  if (levels > 0 && node.kind === "branch" && node.isNew)
    for (const child of node.children)
      if (child !== undefined) yield* commitSteps(child, sink, false, levels - 1);
  commitNode(node, sink, isRoot);
  yield;
}
