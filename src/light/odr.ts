import { decodeAccount, decodeSlot } from "#core/state";
import {
  type Body,
  decodeBody,
  emptyCodeHash,
  emptyTxRoot,
  emptyUnclesHash,
  encodeBody,
  type Header,
  type Receipt,
  receiptRlp,
} from "#core/types";
import type { Account, MaybePromise, StateReader } from "#core/vm";
import { keccak256 } from "#crypto";
import { decodeAs, encodeAs, list } from "#rlp";
import { emptyRoot, type NodeStore, readPath } from "#trie";
import { equalBytes, LruByteMap, orAborted } from "#util";
import type { RetrievedCache } from "./cache.ts";
import { LightError } from "./errors.ts";
import {
  bodyRequest,
  codeRequest,
  type OdrRequest,
  proofRequest,
  type ProvenPath,
  receiptsRequest,
  type TrieNode,
} from "./requests.ts";
import type { ProofSource } from "./source.ts";

/** An account and slots with the nodes that prove them (EIP-1186); fits the RPC backend's AccountProof. */
export interface ProvenAccount {
  readonly nonce: bigint;
  readonly balance: bigint;
  readonly storageRoot: Uint8Array;
  readonly codeHash: Uint8Array;
  readonly accountProof: readonly Uint8Array[];
  readonly storageProof: readonly {
    readonly key: Uint8Array;
    readonly value: Uint8Array;
    readonly proof: readonly Uint8Array[];
  }[];
}

type WithSignal = { readonly signal?: AbortSignal | undefined };

/** Thrown by the store below a walk and caught above it: a missing node is what every cold read begins with, and an Error costs 20 µs. */
const unknownNode = Symbol("unknown node");
const receiptsRlp = list(receiptRlp);
/** Decoded bodies, and receipt lists, kept. Few: each holds on to the whole reply it came in, 2 MiB at most from an honest server. */
const DECODED_BLOCKS = 16;
const noKey = new Uint8Array(0);
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/**
 * On-demand retrieval: reads from what is already proven and asks the source for the rest. Every value it returns is proven against the
 * header that is given; who gives the header answers for it being on the chain.
 *
 * Equal reads at the same time share one request. A proof is asked for from the first unknown node downward.
 */
export class Odr {
  readonly #source: ProofSource;
  readonly #cache: RetrievedCache;
  readonly #nodes: NodeStore;
  /** Retrievals under way, by what they ask. BOUNDED by the callers that wait: emptied by answer or failure. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #bodies = new LruByteMap<Body>(DECODED_BLOCKS);
  readonly #receipts = new LruByteMap<readonly Receipt[]>(DECODED_BLOCKS);
  /** Answers retrieved and verified since the start. */
  verified = 0;

  constructor(source: ProofSource, cache: RetrievedCache) {
    this.#source = source;
    this.#cache = cache;
    this.#nodes = {
      get(hash) {
        const node = cache.get("node", hash);
        if (node === undefined) throw unknownNode;
        return node;
      },
    };
  }

  get cache(): RetrievedCache {
    return this.#cache;
  }

  /** undefined: proven absent. At once if the path is known, else over the network. */
  account(header: Header, address: Uint8Array, options: WithSignal = {}): MaybePromise<Account | undefined> {
    const value = this.#read("account", header.stateRoot, header, noKey, keccak256(address), options);
    return value instanceof Promise ? value.then(accountOf) : accountOf(value);
  }

  /** Minimal value, empty for zero: proven against the storage root of an account already proven. */
  storage(
    header: Header,
    { address, storageRoot }: { readonly address: Uint8Array; readonly storageRoot: Uint8Array },
    slot: Uint8Array,
    options: WithSignal = {},
  ): MaybePromise<Uint8Array> {
    const value = this.#read("storage", storageRoot, header, keccak256(address), keccak256(slot), options);
    return value instanceof Promise ? value.then(slotOf) : slotOf(value);
  }

  code(
    header: Header,
    address: Uint8Array,
    codeHash: Uint8Array,
    { signal }: WithSignal = {},
  ): MaybePromise<Uint8Array> {
    if (equalBytes(codeHash, emptyCodeHash)) return noKey;
    const kept = this.#cache.get("code", codeHash);
    if (kept !== undefined) return kept;
    const ask = { block: header, accountKey: keccak256(address) };
    return this.#share(`c${textOf(codeHash)}`, signal, async () => {
      const code = await this.#retrieve(codeRequest(ask, codeHash));
      this.#cache.put("code", codeHash, code);
      return code;
    });
  }

  body(header: Header, { signal }: WithSignal = {}): MaybePromise<Body> {
    if (isEmptyBody(header)) return { transactions: [], uncles: [] };
    const decoded = this.#bodies.get(header.hash);
    if (decoded !== undefined) return decoded;
    const kept = this.#cache.get("body", header.hash);
    if (kept !== undefined) {
      const body = decodeBody(kept);
      this.#bodies.set(header.hash, body);
      return body;
    }
    return this.#share(`b${textOf(header.hash)}`, signal, async () => {
      const body = await this.#retrieve(bodyRequest(header));
      this.#cache.put("body", header.hash, encodeBody(body));
      this.#bodies.set(header.hash, body);
      return body;
    });
  }

  receipts(header: Header, { signal }: WithSignal = {}): MaybePromise<readonly Receipt[]> {
    if (equalBytes(header.receiptRoot, emptyRoot)) return [];
    const decoded = this.#receipts.get(header.hash);
    if (decoded !== undefined) return decoded;
    const kept = this.#cache.get("receipts", header.hash);
    if (kept !== undefined) {
      const receipts = decodeAs(receiptsRlp, kept);
      this.#receipts.set(header.hash, receipts);
      return receipts;
    }
    return this.#share(`r${textOf(header.hash)}`, signal, async () => {
      const receipts = await this.#retrieve(receiptsRequest(header));
      this.#cache.put("receipts", header.hash, encodeAs(receiptsRlp, receipts));
      this.#receipts.set(header.hash, receipts);
      return receipts;
    });
  }

  /** Account and slots with their nodes (eth_getProof). */
  async prove(
    header: Header,
    address: Uint8Array,
    slots: readonly Uint8Array[],
    options: WithSignal = {},
  ): Promise<ProvenAccount> {
    const accountKey = keccak256(address);
    const proven = await this.#path("account", header.stateRoot, header, noKey, accountKey, options);
    const account = accountOf(proven.value);
    const storageRoot = account?.storageRoot ?? emptyRoot;
    const storageProof = await Promise.all(
      slots.map(async (key) => {
        const path = await this.#path("storage", storageRoot, header, accountKey, keccak256(key), options);
        return { key, value: slotOf(path.value), proof: path.nodes.map((node) => node.bytes) };
      }),
    );
    return {
      nonce: account?.nonce ?? 0n,
      balance: account?.balance ?? 0n,
      storageRoot,
      codeHash: account?.codeHash ?? emptyCodeHash,
      accountProof: proven.nodes.map((node) => node.bytes),
      storageProof,
    };
  }

  /** State after a block, as the EVM reads it. Reads of one account share its proof. */
  stateReader(header: Header, options: WithSignal = {}): StateReader {
    // BOUNDED by the gas of one call: the reader lives as long as it
    const accounts = new Map<string, MaybePromise<Account | undefined>>();
    const account = (address: Uint8Array): MaybePromise<Account | undefined> => {
      const key = textOf(address);
      if (accounts.has(key)) return accounts.get(key);
      const read = this.account(header, address, options);
      accounts.set(key, read);
      return read;
    };
    const slotOf = (
      address: Uint8Array,
      slot: Uint8Array,
      found: Account | undefined,
    ): MaybePromise<Uint8Array> =>
      found === undefined || equalBytes(found.storageRoot, emptyRoot)
        ? noKey
        : this.storage(header, { address, storageRoot: found.storageRoot }, slot, options);
    return {
      account,
      storage: (address, slot) => {
        const found = account(address);
        return found instanceof Promise
          ? found.then((it) => slotOf(address, slot, it))
          : slotOf(address, slot, found);
      },
      code: (address, codeHash) => this.code(header, address, codeHash, options),
    };
  }

  /** The value at a key: from known nodes at once, else retrieved. */
  #read(
    what: string,
    root: Uint8Array,
    block: Header,
    accountKey: Uint8Array,
    key: Uint8Array,
    options: WithSignal,
  ): MaybePromise<Uint8Array | undefined> {
    const known: TrieNode[] = [];
    const found = this.#known(root, key, known);
    if (found !== undefined) return found.value;
    return this.#fetch(what, root, block, accountKey, key, known, options).then((path) => path.value);
  }

  async #path(
    what: string,
    root: Uint8Array,
    block: Header,
    accountKey: Uint8Array,
    key: Uint8Array,
    options: WithSignal,
  ): Promise<ProvenPath> {
    const known: TrieNode[] = [];
    const found = this.#known(root, key, known);
    if (found !== undefined) return { value: found.value, nodes: known };
    return await this.#fetch(what, root, block, accountKey, key, known, options);
  }

  /** Walks the nodes we hold into `passed`; undefined if one is missing. */
  #known(
    root: Uint8Array,
    key: Uint8Array,
    passed: TrieNode[],
  ): { readonly value: Uint8Array | undefined } | undefined {
    try {
      return { value: readPath(this.#nodes, root, key, (hash, bytes) => passed.push({ hash, bytes })) };
    } catch (error) {
      if (error === unknownNode) return undefined;
      throw error;
    }
  }

  #fetch(
    what: string,
    root: Uint8Array,
    block: Header,
    accountKey: Uint8Array,
    key: Uint8Array,
    held: readonly TrieNode[],
    { signal }: WithSignal,
  ): Promise<ProvenPath> {
    return this.#share(`${textOf(root)}${textOf(key)}`, signal, async () => {
      const known: NodeStore = { get: (hash) => held.find((node) => equalBytes(node.hash, hash))?.bytes };
      const path = await this.#retrieve(
        proofRequest(what, root, { block, accountKey, key, fromLevel: held.length, known }),
      );
      for (let i = held.length; i < path.nodes.length; i++) {
        const node = path.nodes[i];
        if (node !== undefined) this.#cache.put("node", node.hash, node.bytes);
      }
      return path;
    });
  }

  async #retrieve<T>(request: OdrRequest<T>): Promise<T> {
    const answer = await this.#source.retrieve(request);
    this.verified++;
    return answer;
  }

  /** Joins a retrieval under way or starts it. A caller that gives up leaves the others their answer. */
  #share<T>(key: string, signal: AbortSignal | undefined, start: () => Promise<T>): Promise<T> {
    let promise = this.#underWay.get(key) as Promise<T> | undefined; // the key names the kind, and the kind the type
    if (promise === undefined) {
      promise = start().finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, promise);
    }
    return signal === undefined ? promise : orAborted(promise, signal);
  }
}

function accountOf(value: Uint8Array | undefined): Account | undefined {
  if (value === undefined) return undefined;
  try {
    return decodeAccount(value);
  } catch (cause) {
    throw LightError("BAD_VALUE", { what: "account" }, { cause });
  }
}

function slotOf(value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return noKey;
  try {
    return decodeSlot(value);
  } catch (cause) {
    throw LightError("BAD_VALUE", { what: "storage slot" }, { cause });
  }
}

const isEmptyBody = (header: Header): boolean =>
  header.withdrawalsRoot === undefined &&
  equalBytes(header.txRoot, emptyTxRoot) &&
  equalBytes(header.unclesHash, emptyUnclesHash);
