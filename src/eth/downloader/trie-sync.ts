// long: one walk, whose order on disk is what a crash relies on
import { decodeAccount } from "#core/state";
import { emptyCodeHash } from "#core/types";
import { emptyRoot, nodeChildren } from "#trie";
import { ByteMap, ByteSet, equalBytes, GlimError } from "#util";
import { DownloaderError } from "./errors.ts";

type EntryKind = "account" | "storage" | "code";

/** One node or code to be fetched by its hash. */
export interface StateTask {
  readonly hash: Uint8Array;
  readonly kind: EntryKind;
  /** Nibbles of the key down to here; of the storage key, after the account's 64. */
  readonly depth: number;
  /** Peers that were asked and did not have it. BOUNDED: registered peers. */
  readonly tried: Set<string>;
  readonly parents: StateTask[];
  /** Tasks below that are not done. */
  missing: number;
  bytes: Uint8Array | undefined;
}

/** What is stored already: a node that is there is there with all below it. */
export interface StoredState {
  hasNode(hash: Uint8Array): boolean;
  hasCode(hash: Uint8Array): boolean;
}

/** Entries that may be stored: everything below them is stored, or in here too and before them. */
export interface CompleteEntries {
  readonly nodes: readonly (readonly [hash: Uint8Array, node: Uint8Array])[];
  readonly codes: readonly (readonly [hash: Uint8Array, code: Uint8Array])[];
  readonly sizeBytes: number;
}

const KEY_NIBBLES = 64;
const DEEPEST = 2 * KEY_NIBBLES + 1;

/**
 * What is missing of a state, and in which order to fetch it: the deepest first, so that few unfinished nodes are held.
 * A node is given out for storing only when everything below it is stored; so a store that has the root has all, and a
 * sync that was cut off goes on where it was (trie/sync.go@v1.9.25).
 * BOUNDED: by depth-first order, about 16 × 130 tasks for each node in flight.
 */
export class TrieSync {
  readonly root: Uint8Array;
  readonly #stored: StoredState;
  readonly #nodes = new ByteMap<StateTask>();
  readonly #codes = new ByteMap<StateTask>();
  /** Tasks that nobody works on, by depth. */
  readonly #open: StateTask[][] = Array.from({ length: DEEPEST + 1 }, () => []);
  #openCount = 0;
  #ready: { nodes: [Uint8Array, Uint8Array][]; codes: [Uint8Array, Uint8Array][]; sizeBytes: number } =
    nothing();
  /** What `#ready` holds. Apart from each other: a code may have the bytes of a node. */
  readonly #readyNodes = new ByteSet();
  readonly #readyCodes = new ByteSet();
  /** Entries that came, and those known to be needed so far. */
  pulled = 0;
  known = 0;

  constructor(root: Uint8Array, stored: StoredState) {
    this.root = root;
    this.#stored = stored;
    this.#needNode(root, "account", 0, undefined);
  }

  /** Everything came; `takeReady` has the last of it. */
  get isDone(): boolean {
    return this.#nodes.size + this.#codes.size === 0;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Tasks held. */
  get size(): number {
    return this.#nodes.size + this.#codes.size;
  }

  get readyBytes(): number {
    return this.#ready.sizeBytes;
  }

  /** At most `max` tasks this peer was not tried for, the deepest first. */
  reserve(peer: string, max: number): readonly StateTask[] {
    const reserved: StateTask[] = [];
    for (let depth = DEEPEST; depth >= 0 && reserved.length < max; depth--) {
      const open = this.#open[depth] ?? [];
      if (open.length === 0) continue;
      const passed: StateTask[] = [];
      for (let task = open.pop(); task !== undefined; task = open.pop()) {
        if (task.tried.has(peer)) passed.push(task);
        else reserved.push(task);
        if (reserved.length === max) break;
      }
      open.push(...passed.reverse());
    }
    this.#openCount -= reserved.length;
    return reserved;
  }

  release(tasks: readonly StateTask[]): void {
    for (const task of tasks) this.#queue(task);
  }

  /** `bytes` hash to the task's hash. @throws DOWNLOADER_INVALID_STATE when they are no node of a state */
  deliver(task: StateTask, bytes: Uint8Array): void {
    if (task.bytes !== undefined) return;
    task.bytes = bytes;
    this.pulled++;
    if (task.kind !== "code") this.#expand(task, bytes);
    if (task.missing === 0) this.#complete(task);
  }

  /** Entries to be stored now, in one write. */
  takeReady(): CompleteEntries {
    const ready = this.#ready;
    this.#ready = nothing();
    this.#readyNodes.clear();
    this.#readyCodes.clear();
    return ready;
  }

  #expand(task: StateTask, bytes: Uint8Array): void {
    try {
      const { hashes, values } = nodeChildren(bytes);
      for (const { hash, nibbles } of hashes) {
        const depth = task.depth + nibbles;
        const limit = task.kind === "account" ? KEY_NIBBLES : 2 * KEY_NIBBLES;
        if (depth > limit) throw DownloaderError("INVALID_STATE", { reason: "a path longer than its key" });
        this.#needNode(hash.slice(), task.kind, depth, task);
      }
      if (task.kind === "account") for (const value of values) this.#needOf(value, task);
    } catch (error) {
      if (!(error instanceof GlimError) || DownloaderError.is(error)) throw error;
      throw DownloaderError("INVALID_STATE", { reason: error.message }, { cause: error });
    }
  }

  #needOf(account: Uint8Array, parent: StateTask): void {
    const { storageRoot, codeHash } = decodeAccount(account);
    this.#needNode(storageRoot.slice(), "storage", KEY_NIBBLES, parent);
    if (
      !equalBytes(codeHash, emptyCodeHash) &&
      !this.#readyCodes.has(codeHash) &&
      !this.#stored.hasCode(codeHash)
    )
      this.#need(this.#codes, codeHash.slice(), "code", DEEPEST, parent);
  }

  #needNode(hash: Uint8Array, kind: EntryKind, depth: number, parent: StateTask | undefined): void {
    if (equalBytes(hash, emptyRoot) || this.#readyNodes.has(hash) || this.#stored.hasNode(hash)) return;
    this.#need(this.#nodes, hash, kind, depth, parent);
  }

  #need(
    tasks: ByteMap<StateTask>,
    hash: Uint8Array,
    kind: EntryKind,
    depth: number,
    parent: StateTask | undefined,
  ): void {
    let task = tasks.get(hash);
    if (task === undefined) {
      task = { hash, kind, depth, tried: new Set(), parents: [], missing: 0, bytes: undefined };
      tasks.set(hash, task);
      this.known++;
      this.#queue(task);
    }
    if (parent === undefined) return;
    task.parents.push(parent);
    parent.missing++;
  }

  #queue(task: StateTask): void {
    this.#open[task.depth]?.push(task);
    this.#openCount++;
  }

  #complete(first: StateTask): void {
    const done = [first];
    for (let task = done.pop(); task !== undefined; task = done.pop()) {
      const { hash, kind, bytes } = task;
      if (bytes === undefined) continue;
      (kind === "code" ? this.#codes : this.#nodes).delete(hash);
      (kind === "code" ? this.#ready.codes : this.#ready.nodes).push([hash, bytes]);
      this.#ready.sizeBytes += bytes.length + 32;
      (kind === "code" ? this.#readyCodes : this.#readyNodes).add(hash);
      for (const parent of task.parents) {
        parent.missing--;
        if (parent.missing === 0 && parent.bytes !== undefined) done.push(parent);
      }
    }
  }
}

const nothing = () => ({
  nodes: [] as [Uint8Array, Uint8Array][],
  codes: [] as [Uint8Array, Uint8Array][],
  sizeBytes: 0,
});
