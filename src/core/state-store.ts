import { readCode, readTrieNode, type Writer, writeCode, writeTrieNode } from "#core/rawdb";
import { type CodeStore, DirtyTries, stateReader, type StateReference, type StateUpdate } from "#core/state";
import type { Header } from "#core/types";
import type { StateReader } from "#core/vm";
import type { Batch, KeyValueStore } from "#ethdb";
import { emptyRoot, type NodeStore } from "#trie";
import { equalBytes, LruByteMap } from "#util";
import { stateUnavailable } from "./errors.ts";
import { FlatState } from "./flat-state.ts";
import { writeStateUpdate } from "./genesis.ts";
import { limits } from "./limits.ts";

/**
 * What is kept of states. `archive`: every one, on disk at once. `full`: those of the last 128 blocks, in memory; one is
 * written now and then and at the end, so a crash costs the execution of the blocks since then.
 */
export type GcMode = "full" | "archive";

export interface StateStoreOptions {
  readonly db: KeyValueStore;
  readonly gcMode: GcMode;
  /** Megabytes for all caches together. */
  readonly cacheMb: number;
  /** Makes the batch and writes it; lets others run when it is time. */
  readonly write: (make: () => Batch) => Promise<void>;
}

/** A state that is held in memory because its block is recent. */
interface Held {
  readonly number: number;
  readonly hash: Uint8Array;
  readonly reference: StateReference;
}

/** Shares of the cache: states not written yet (geth --cache.gc), nodes read (--cache.trie), the flat state (--cache.snapshot). */
const DIRTY_SHARE = 0.25;
const CLEAN_SHARE = 0.15;
const FLAT_SHARE = 0.1;
/** Bytes of an account or slot in memory. */
const FLAT_ENTRY_BYTES = 600;
/** Bytes of a node in the cache of nodes read, with what the cache itself takes. */
const CLEAN_NODE_BYTES = 1000;
/** When memory is short, so much of the limit stays. */
const SHRINK_TO = 0.75;
const MB = 1024 * 1024;

/** Trie nodes and codes of a chain's states, on disk and in memory, and the head's state flat. */
export class StateStore {
  readonly flat: FlatState;
  readonly gcMode: GcMode;
  readonly nodes: NodeStore = { get: (hash) => this.#node(hash) };
  readonly codes: CodeStore = { get: (hash) => this.#code(hash) };
  readonly #db: KeyValueStore;
  readonly #write: StateStoreOptions["write"];
  /** Empty in an archive. BOUNDED: `#dirtyBytes` and a block, by `settle`. */
  readonly #dirty = new DirtyTries();
  readonly #dirtyBytes: number;
  /** In the order they came. BOUNDED: limits.statesHeld. */
  readonly #held: Held[] = [];
  /** BOUNDED: by share of the cache, by node hash. Nodes on disk only: one in it is there with all below it. */
  readonly #nodeCache: LruByteMap<Uint8Array>;
  /** BOUNDED: limits.codeCache, by code hash. */
  readonly #codeCache = new LruByteMap<Uint8Array>(limits.codeCache);

  constructor({ db, gcMode, cacheMb, write }: StateStoreOptions) {
    this.gcMode = gcMode;
    this.#db = db;
    this.#write = write;
    this.#dirtyBytes = cacheMb * MB * DIRTY_SHARE;
    const cacheEntries = Math.ceil((cacheMb * MB * FLAT_SHARE) / FLAT_ENTRY_BYTES / 2);
    this.flat = new FlatState({ db, nodes: this.nodes, cacheEntries, write });
    this.#nodeCache = new LruByteMap(Math.ceil((cacheMb * MB * CLEAN_SHARE) / CLEAN_NODE_BYTES));
  }

  /** The whole state of this root is here. */
  has(root: Uint8Array): boolean {
    return equalBytes(root, emptyRoot) || this.#node(root) !== undefined;
  }

  /** Memory of states that are not on disk, bytes. */
  get dirtyBytes(): number {
    return this.#dirty.sizeBytes;
  }

  /** What has to be on disk together with the block. */
  stage(batch: Writer, update: StateUpdate): void {
    if (this.gcMode === "archive") writeStateUpdate(batch, update);
    else for (const [hash, code] of update.codes) writeCode(batch, hash, code);
  }

  /** Takes the state of a block whose batch was written. */
  keep({ number, hash }: Pick<Header, "number" | "hash">, { root, nodes }: StateUpdate): void {
    if (this.gcMode === "archive")
      for (const [node, encoding] of nodes.slice(-limits.nodesKept)) this.#nodeCache.set(node, encoding);
    else this.#held.push({ number, hash, reference: this.#dirty.insert(root, nodes) });
  }

  /** Lets go of states that are no longer recent: 128 blocks below the head, and not among the last 128 that came. */
  release(head: Header): void {
    const held = this.#held;
    for (let i = 0; i < held.length - limits.recentStates; ) {
      const { number, hash, reference } = held[i] as Held; // i is below the length
      const isRecent = number > head.number - limits.recentStates && held.length <= limits.statesHeld;
      if (isRecent || equalBytes(hash, head.hash)) i++;
      else {
        this.#dirty.release(reference);
        held.splice(i, 1);
      }
    }
  }

  /** More memory is taken than there should be. */
  get isFull(): boolean {
    return this.isShort || this.flat.isFull;
  }

  /** States that are not written take more memory than they should. */
  get isShort(): boolean {
    return this.#dirty.sizeBytes > this.#dirtyBytes;
  }

  /**
   * The state after that block, flat as long as it is the head's.
   * @throws CORE_STATE_UNAVAILABLE with geth's text when it was pruned
   */
  reader(header: Pick<Header, "number" | "stateRoot">): StateReader {
    const { stateRoot } = header;
    if (!this.has(stateRoot)) throw stateUnavailable(header);
    return this.flat.reader(stateRoot, stateReader(this.nodes, this.codes, stateRoot));
  }

  /** Writes the states of these roots, what of them is not on disk; then older nodes if memory is still short. */
  async persist(roots: readonly Uint8Array[]): Promise<void> {
    for (const root of roots) await this.#writeAll((sink) => this.#dirty.commit(root, sink));
    if (this.isShort) await this.#writeAll((sink) => this.#dirty.shrink(this.#dirtyBytes * SHRINK_TO, sink));
  }

  async #writeAll(steps: (sink: (hash: Uint8Array, node: Uint8Array) => void) => Generator): Promise<void> {
    let batch = this.#db.batch();
    const walk = steps((hash, node) => {
      writeTrieNode(batch, hash, node);
      this.#nodeCache.set(hash, node);
    });
    for (let isDone = false; !isDone; )
      await this.#write(() => {
        batch = this.#db.batch();
        while (!isDone && batch.sizeBytes < limits.stateBatchBytes) isDone = walk.next().done === true;
        return batch;
      });
  }

  #node(hash: Uint8Array): Uint8Array | undefined {
    const kept = this.#dirty.get(hash) ?? this.#nodeCache.get(hash);
    if (kept !== undefined) return kept;
    const node = readTrieNode(this.#db, hash);
    if (node !== undefined) this.#nodeCache.set(hash, node);
    return node;
  }

  #code(hash: Uint8Array): Uint8Array | undefined {
    const kept = this.#codeCache.get(hash);
    if (kept !== undefined) return kept;
    const code = readCode(this.#db, hash);
    if (code !== undefined) this.#codeCache.set(hash, code);
    return code;
  }
}
