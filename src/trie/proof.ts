import { keccak256 } from "#crypto";
import { ByteMap, equalBytes, type GlimError } from "#util";
import { emptyRoot } from "./encode.ts";
import { placeOf, TrieError } from "./errors.ts";
import { nibbleAt, toNibbles } from "./nibbles.ts";
import { fullBranchChild, isFullBranch, NodeScan } from "./scan.ts";

/** Where nodes come from, by hash. */
export interface NodeStore {
  get(hash: Uint8Array): Uint8Array | undefined;
}

/** Where a walk ended: at a node that nobody has. */
interface Gap {
  readonly hash: Uint8Array;
  /** Nibbles of the key that led to it. */
  readonly depth: number;
}

/** What a walk found: the value, that there is none, or a gap. No exception: each read of a light node begins with a gap. */
type Found = Uint8Array | undefined | Gap;

const isGap = (found: Found): found is Gap => found !== undefined && !(found instanceof Uint8Array);

const scan = new NodeScan();

/**
 * Follows `key` from `root` to its value, to the proof that there is none, or to a node that `resolve` has not. Every step takes a nibble of
 * the key at least, so the walk ends; there is no depth limit that could be mistaken for absence (TR-04).
 * @returns a copy of the value, undefined if the key is proven absent, or the gap
 */
function walk(
  root: Uint8Array,
  key: Uint8Array,
  resolve: (hash: Uint8Array, depth: number) => Uint8Array | undefined,
): Found {
  if (equalBytes(root, emptyRoot)) return undefined;
  const length = key.length * 2;
  let depth = 0;
  let hash = root;
  let bytes = resolve(hash, depth);
  let start = 0;
  let stop = bytes?.length ?? 0;
  let mustBranch = false;
  while (bytes !== undefined) {
    if (isFullBranch(bytes, start, stop)) {
      if (depth === length) return undefined;
      start = fullBranchChild(start, nibbleAt(key, depth++));
      stop = start + 32;
      mustBranch = false;
    } else {
      scan.read(bytes, start, stop);
      let child = 0;
      if (scan.kind === "branch") {
        if (depth === length) return scannedValue(bytes);
        child = nibbleAt(key, depth++);
        mustBranch = false;
      } else {
        if (mustBranch) throw TrieError("BAD_NODE", { reason: "extension to no branch" });
        const fits = matches(key, depth, length);
        if (scan.kind === "leaf")
          return fits && depth + scan.pathLength === length ? scannedValue(bytes) : undefined;
        if (!fits) return undefined;
        depth += scan.pathLength;
        mustBranch = true;
      }
      const kind = scan.refKind[child];
      if (kind === "none") return undefined;
      start = scan.refStart[child] ?? 0;
      stop = scan.refStop[child] ?? 0;
      if (kind === "embedded") continue;
    }
    hash = bytes.subarray(start, stop);
    bytes = resolve(hash, depth);
    start = 0;
    stop = bytes?.length ?? 0;
    if (stop < 32 && bytes !== undefined)
      throw TrieError("BAD_NODE", { reason: "node under 32 bytes by hash" });
  }
  return { hash, depth };
}

/** A copy of the scanned node's value; a leaf has one, a branch may. */
const scannedValue = (bytes: Uint8Array): Uint8Array | undefined =>
  scan.valueStart === scan.valueStop ? undefined : bytes.slice(scan.valueStart, scan.valueStop);

/** True if the scanned path is what the key goes on with. */
function matches(key: Uint8Array, depth: number, length: number): boolean {
  if (depth + scan.pathLength > length) return false;
  for (let i = 0; i < scan.pathLength; i++) if (scan.pathNibble(i) !== nibbleAt(key, depth + i)) return false;
  return true;
}

function missing({ hash, depth }: Gap, key: Uint8Array): GlimError {
  return TrieError("PROOF_MISSING_NODE", placeOf(hash, toNibbles(key).subarray(0, depth)));
}

/** `exact`: a node that the proof does not need makes it invalid. */
export interface ProofOptions {
  readonly exact?: boolean | undefined;
}

/**
 * Verifies the proof of one key, nodes from the root downward, as `eth_getProof` and LES/1 give it. With `exact` they must be exactly
 * the nodes on the path, in order; without, others are passed over.
 *
 * @returns the value, or undefined if the nodes prove that the key is absent
 * @throws TRIE_PROOF_MISSING_NODE, TRIE_PROOF_UNUSED_NODE, TRIE_BAD_NODE (blame: peer)
 */
export function verifyProof(
  root: Uint8Array,
  key: Uint8Array,
  nodes: readonly Uint8Array[],
  { exact = false }: ProofOptions = {},
): Uint8Array | undefined {
  if (!exact) return new ProofSet(nodes).read(root, key);
  let used = 0;
  const value = walk(root, key, (hash) => {
    const node = nodes[used];
    if (node === undefined || !equalBytes(keccak256(node), hash)) return undefined;
    used++;
    return node;
  });
  if (isGap(value)) throw missing(value, key);
  if (used !== nodes.length) throw TrieError("PROOF_UNUSED_NODE", { unused: nodes.length - used });
  return value;
}

/**
 * Verifies many keys of one trie over one flat set of nodes in any order, as LES GetProofsV2 replies.
 * @returns one value (or undefined: proven absent) per key
 * @throws as `verifyProof`; with `exact`, nodes given twice are unused ones
 */
export function verifyProofs(
  root: Uint8Array,
  keys: readonly Uint8Array[],
  nodes: readonly Uint8Array[],
  { exact = false }: ProofOptions = {},
): (Uint8Array | undefined)[] {
  const set = new ProofSet(nodes);
  const values = keys.map((key) => set.read(root, key));
  if (exact) set.finish();
  return values;
}

interface SetNode {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
  /** Another node whose hash starts alike. */
  readonly next: SetNode | undefined;
  isUsed: boolean;
}

/** The first 30 bits of a hash: a small integer, looked up several times faster than a text of 32 bytes. */
const tagOf = (hash: Uint8Array): number =>
  (((hash[0] ?? 0) & 0x3f) << 24) | ((hash[1] ?? 0) << 16) | ((hash[2] ?? 0) << 8) | (hash[3] ?? 0);

/**
 * A set of proof nodes for keys of any number of tries. Each node is hashed once; `base` may hold nodes that the prover was told to leave out
 * (LES `fromLevel`).
 */
export class ProofSet {
  /** BOUNDED by the node list given. */
  readonly #nodes = new Map<number, SetNode>();
  readonly #base: NodeStore | undefined;
  #unused: number;

  constructor(nodes: readonly Uint8Array[], { base }: { base?: NodeStore | undefined } = {}) {
    for (const bytes of nodes) {
      const hash = keccak256(bytes);
      const tag = tagOf(hash);
      this.#nodes.set(tag, { hash, bytes, next: this.#nodes.get(tag), isUsed: false });
    }
    this.#unused = nodes.length;
    this.#base = base;
  }

  /**
   * `visit` is told of each node on the path, those of `base` too; the bytes are views.
   * @returns the value or undefined if it is proven absent. @throws TRIE_PROOF_MISSING_NODE, TRIE_BAD_NODE
   */
  read(root: Uint8Array, key: Uint8Array, visit?: Visit): Uint8Array | undefined {
    const value = walk(root, key, (hash) => {
      const bytes = this.#take(hash) ?? this.#base?.get(hash);
      if (bytes !== undefined) visit?.(hash, bytes);
      return bytes;
    });
    if (isGap(value)) throw missing(value, key);
    return value;
  }

  #take(hash: Uint8Array): Uint8Array | undefined {
    let node = this.#nodes.get(tagOf(hash));
    while (node !== undefined && !equalBytes(node.hash, hash)) node = node.next;
    if (node === undefined) return undefined;
    if (!node.isUsed) {
      node.isUsed = true;
      this.#unused--;
    }
    return node.bytes;
  }

  /** @throws TRIE_PROOF_UNUSED_NODE if a node proved nothing so far; one given twice is one too many */
  finish(): void {
    if (this.#unused > 0) throw TrieError("PROOF_UNUSED_NODE", { unused: this.#unused });
  }
}

/** Which part of a path a proof holds: LES leaves out the first `fromLevel` nodes. */
export interface ProveOptions {
  readonly fromLevel?: number | undefined;
}

/**
 * Collects nodes that prove keys, each once, in the order first met.
 * @see geth light/nodeset.go@v1.9.25
 */
export class ProofBuilder {
  readonly #store: NodeStore;
  readonly #nodes = new ByteMap<Uint8Array>();
  #sizeBytes = 0;

  constructor(store: NodeStore) {
    this.#store = store;
  }

  /** Adds the nodes on the path of `key`. @returns its value, if any. @throws TRIE_MISSING_NODE, TRIE_CORRUPT */
  add(root: Uint8Array, key: Uint8Array, { fromLevel = 0 }: ProveOptions = {}): Uint8Array | undefined {
    let level = 0;
    return readPath(this.#store, root, key, (hash, bytes) => {
      if (level++ < fromLevel || this.#nodes.has(hash)) return;
      this.#nodes.set(hash.slice(), bytes);
      this.#sizeBytes += bytes.length;
    });
  }

  get nodes(): Uint8Array[] {
    return [...this.#nodes.values()];
  }

  /** Of all nodes together, without RLP headers. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
}

/** Told of each node on a path, from the root downward. */
type Visit = (hash: Uint8Array, bytes: Uint8Array) => void;

/**
 * Reads one key without building a trie, telling `visit` of each node on the path from the root downward.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT (blame: environment)
 */
export function readPath(
  store: NodeStore,
  root: Uint8Array,
  key: Uint8Array,
  visit?: Visit,
): Uint8Array | undefined {
  const found = readStored(store, root, key, visit);
  if (isGap(found))
    throw TrieError("MISSING_NODE", placeOf(found.hash, toNibbles(key).subarray(0, found.depth)));
  return found;
}

/**
 * As `readPath`, from a store that has a part of the trie.
 * @returns undefined if a node is missing; `visit` has been told of those above it. @throws TRIE_CORRUPT
 */
export function readKnownPath(
  store: NodeStore,
  root: Uint8Array,
  key: Uint8Array,
  visit: Visit,
): { readonly value: Uint8Array | undefined } | undefined {
  const found = readStored(store, root, key, visit);
  return isGap(found) ? undefined : { value: found };
}

function readStored(store: NodeStore, root: Uint8Array, key: Uint8Array, visit: Visit | undefined): Found {
  let at: Gap = { hash: root, depth: 0 };
  try {
    return walk(root, key, (hash, depth) => {
      at = { hash, depth };
      const bytes = store.get(hash);
      if (bytes !== undefined) visit?.(hash, bytes);
      return bytes;
    });
  } catch (error) {
    if (TrieError.is(error, "BAD_NODE"))
      throw TrieError("CORRUPT", placeOf(at.hash, toNibbles(key).subarray(0, at.depth)), { cause: error });
    throw error;
  }
}

/**
 * Nodes that prove the value of `key` or its absence, from the root downward; none for the empty trie.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT
 * @see geth trie/proof.go:35@v1.9.25
 */
export function proveKey(
  store: NodeStore,
  root: Uint8Array,
  key: Uint8Array,
  options?: ProveOptions,
): Uint8Array[] {
  const builder = new ProofBuilder(store);
  builder.add(root, key, options);
  return builder.nodes;
}
