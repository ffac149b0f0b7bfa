import { keccak256 } from "#crypto";
import { ByteMap, equalBytes, type GlimError } from "#util";
import { emptyRoot } from "./encode.ts";
import { placeOf, TrieError } from "./errors.ts";
import { nibbleAt, toNibbles } from "./nibbles.ts";
import { NodeScan } from "./scan.ts";

/** Where nodes come from, by hash. */
export interface NodeStore {
  get(hash: Uint8Array): Uint8Array | undefined;
}

interface Walk {
  /** The node of this hash; throws if it cannot be had. `depth`: nibbles that led to it. */
  readonly resolve: (hash: Uint8Array, depth: number) => Uint8Array;
}

const scan = new NodeScan();

/**
 * Follows `key` from `root` to its value or to the proof that there is none. Every step takes a nibble of the key at least, so the walk ends;
 * there is no depth limit that could be mistaken for absence (TR-04).
 * @returns a copy of the value, or undefined if the key is proven absent
 */
function walk(root: Uint8Array, key: Uint8Array, { resolve }: Walk): Uint8Array | undefined {
  if (equalBytes(root, emptyRoot)) return undefined;
  const length = key.length * 2;
  let depth = 0;
  let bytes = resolve(root, 0);
  let start = 0;
  let stop = bytes.length;
  let mustBranch = false;
  for (;;) {
    scan.read(bytes, start, stop);
    let child: number;
    if (scan.kind === "branch") {
      if (depth === length)
        return scan.valueStart === scan.valueStop ? undefined : bytes.slice(scan.valueStart, scan.valueStop);
      child = nibbleAt(key, depth++);
      mustBranch = false;
    } else {
      if (mustBranch) throw TrieError("BAD_NODE", { reason: "extension to no branch" });
      const fits = matches(key, depth, length);
      if (scan.kind === "leaf")
        return fits && depth + scan.pathLength === length
          ? bytes.slice(scan.valueStart, scan.valueStop)
          : undefined;
      if (!fits) return undefined;
      depth += scan.pathLength;
      child = 0;
      mustBranch = true;
    }
    const kind = scan.refKind[child];
    if (kind === "none") return undefined;
    start = scan.refStart[child] ?? 0;
    stop = scan.refStop[child] ?? 0;
    if (kind === "embedded") continue;
    bytes = resolve(bytes.subarray(start, stop), depth);
    if (bytes.length < 32) throw TrieError("BAD_NODE", { reason: "node under 32 bytes by hash" });
    start = 0;
    stop = bytes.length;
  }
}

/** True if the scanned path is what the key goes on with. */
function matches(key: Uint8Array, depth: number, length: number): boolean {
  if (depth + scan.pathLength > length) return false;
  for (let i = 0; i < scan.pathLength; i++) if (scan.pathNibble(i) !== nibbleAt(key, depth + i)) return false;
  return true;
}

function missing(hash: Uint8Array, key: Uint8Array, depth: number): GlimError {
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
  const value = walk(root, key, {
    resolve(hash, depth) {
      const node = nodes[used];
      if (node === undefined || !equalBytes(keccak256(node), hash)) throw missing(hash, key, depth);
      used++;
      return node;
    },
  });
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
  read(
    root: Uint8Array,
    key: Uint8Array,
    visit?: (hash: Uint8Array, bytes: Uint8Array) => void,
  ): Uint8Array | undefined {
    return walk(root, key, {
      resolve: (hash, depth) => {
        let node = this.#nodes.get(tagOf(hash));
        while (node !== undefined && !equalBytes(node.hash, hash)) node = node.next;
        if (node === undefined) {
          const known = this.#base?.get(hash);
          if (known === undefined) throw missing(hash, key, depth);
          visit?.(hash, known);
          return known;
        }
        if (!node.isUsed) {
          node.isUsed = true;
          this.#unused--;
        }
        visit?.(hash, node.bytes);
        return node.bytes;
      },
    });
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

/**
 * Reads one key without building a trie, telling `visit` of each node on the path from the root downward.
 * @throws TRIE_MISSING_NODE, TRIE_CORRUPT (blame: environment)
 */
export function readPath(
  store: NodeStore,
  root: Uint8Array,
  key: Uint8Array,
  visit?: (hash: Uint8Array, bytes: Uint8Array) => void,
): Uint8Array | undefined {
  let at = { hash: root, depth: 0 };
  const place = (): ReturnType<typeof placeOf> => placeOf(at.hash, toNibbles(key).subarray(0, at.depth));
  try {
    return walk(root, key, {
      resolve(hash, depth) {
        at = { hash, depth };
        const bytes = store.get(hash);
        if (bytes === undefined) throw TrieError("MISSING_NODE", place());
        visit?.(hash, bytes);
        return bytes;
      },
    });
  } catch (error) {
    if (TrieError.is(error, "BAD_NODE")) throw TrieError("CORRUPT", place(), { cause: error });
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
