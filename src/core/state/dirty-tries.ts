import { type NodeSink, visitReferences } from "#trie";
import { type Hashed, HashTable } from "./hash-table.ts";

/** A node that is in memory only. */
interface DirtyNode extends Hashed {
  readonly hash: Uint8Array;
  readonly encoding: Uint8Array;
  /** Dirty nodes it leads to: each counts a reference from here. */
  readonly children: DirtyNode[];
  /** Dirty nodes that lead to it, and states kept that have it as their root. */
  references: number;
  isDirty: boolean;
  /** Neighbours by age. */
  older: DirtyNode | undefined;
  newer: DirtyNode | undefined;
}

/** Holds a state in memory until it is released. */
export interface StateReference {
  readonly node: DirtyNode | undefined;
}

/** What a node takes in memory besides its bytes: objects, list, table; measured roughly. */
const NODE_OVERHEAD = 300;
/** From the end of an account's RLP: 33 bytes of storage root, 33 of code hash, and the root has a byte before it. */
const STORAGE_ROOT_FROM_END = 65;
const LIST = 0xc0;

/**
 * Trie nodes that are not on disk, by hash, each with the count of what leads to it. A state that nobody holds any more
 * goes, with all that only it led to; what is still held is written when it is asked for, or when memory is short, the
 * oldest first. Children are always older than their parents, so a node on disk is there with all below it.
 *
 * Not here: which states are held, and where nodes are written. @see geth trie/database.go@v1.9.25
 */
export class DirtyTries {
  readonly #nodes = new HashTable<DirtyNode>();
  #oldest: DirtyNode | undefined;
  #newest: DirtyNode | undefined;
  #sizeBytes = 0;
  /** Where `#visitor` puts what it finds. */
  #children: DirtyNode[] = [];
  readonly #visitor = {
    hash: (encoding: Uint8Array, start: number) => this.#refer(encoding, start),
    value: (encoding: Uint8Array, start: number, stop: number) => {
      // an account is a list and names its storage; a slot is a string
      const at = stop - STORAGE_ROOT_FROM_END;
      if ((encoding[start] ?? 0) >= LIST && at > start) this.#refer(encoding, at);
    },
  };

  /** Memory taken, roughly. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(hash: Uint8Array): Uint8Array | undefined {
    return this.#nodes.get(hash)?.encoding;
  }

  /**
   * Takes the new nodes of a state, children before parents, and holds the state. What of them the root does not lead to
   * is dropped.
   */
  insert(
    root: Uint8Array,
    nodes: readonly (readonly [hash: Uint8Array, encoding: Uint8Array])[],
  ): StateReference {
    const added: DirtyNode[] = [];
    for (const [hash, encoding] of nodes)
      if (this.#nodes.get(hash) === undefined) added.push(this.#add(hash, encoding));
    const held = this.hold(root);
    for (let i = added.length - 1; i >= 0; i--) {
      const node = added[i];
      if (node !== undefined && node.references === 0 && node.isDirty) this.#drop(node);
    }
    return held;
  }

  /** Holds a state; nothing needs to be held of one that is on disk. */
  hold(root: Uint8Array): StateReference {
    const node = this.#nodes.get(root);
    if (node !== undefined) node.references++;
    return { node };
  }

  release({ node }: StateReference): void {
    if (node === undefined) return;
    node.references--;
    if (node.references === 0 && node.isDirty) this.#drop(node);
  }

  /** Gives every node of a state that is not on disk to `sink`, children first. They are no longer dirty. */
  *commit(root: Uint8Array, sink: NodeSink): Generator<void, void, undefined> {
    const first = this.#nodes.get(root);
    if (first === undefined) return;
    const path: { node: DirtyNode; next: number }[] = [{ node: first, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const child = top.node.children[top.next++];
      if (child !== undefined) {
        if (child.isDirty) path.push({ node: child, next: 0 });
        continue;
      }
      path.pop();
      if (!top.node.isDirty) continue; // it came by another way
      this.#write(top.node, sink);
      yield;
    }
  }

  /** Gives the oldest nodes to `sink` until no more memory than that is taken. */
  *shrink(toBytes: number, sink: NodeSink): Generator<void, void, undefined> {
    while (this.#sizeBytes > toBytes && this.#oldest !== undefined) {
      this.#write(this.#oldest, sink);
      yield;
    }
  }

  #refer(bytes: Uint8Array, at: number): void {
    const child = this.#nodes.get(bytes, at);
    if (child === undefined) return;
    child.references++;
    this.#children.push(child);
  }

  #add(hash: Uint8Array, encoding: Uint8Array): DirtyNode {
    this.#children = [];
    visitReferences(encoding, this.#visitor);
    const node: DirtyNode = {
      hash,
      encoding,
      children: this.#children,
      references: 0,
      isDirty: true,
      older: this.#newest,
      newer: undefined,
    };
    if (this.#newest === undefined) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
    this.#nodes.add(node);
    this.#sizeBytes += encoding.length + NODE_OVERHEAD;
    return node;
  }

  #write(node: DirtyNode, sink: NodeSink): void {
    sink(node.hash, node.encoding);
    this.#remove(node);
    // what is on disk holds its children there
    node.children.length = 0;
  }

  /** Takes a node out that nothing leads to, and what only it led to. */
  #drop(first: DirtyNode): void {
    const pending = [first];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      this.#remove(node);
      for (const child of node.children) if (--child.references === 0 && child.isDirty) pending.push(child);
    }
  }

  #remove(node: DirtyNode): void {
    node.isDirty = false;
    this.#nodes.delete(node);
    this.#sizeBytes -= node.encoding.length + NODE_OVERHEAD;
    if (node.older === undefined) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.#newest = node.older;
    else node.newer.older = node.older;
    node.older = undefined;
    node.newer = undefined;
  }
}
