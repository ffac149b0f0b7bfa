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
import type { Account, StateReader } from "#core/vm";
import { keccak256 } from "#crypto";
import { decodeAs, encodeAs, list } from "#rlp";
import { emptyRoot, type NodeStore, readKnownPath } from "#trie";
import { andThen, equalBytes, latin1Of, LruByteMap, type MaybePromise, orAborted } from "#util";
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

/** What ends a wait. The signal is looked at only by a read that must wait: a caller may make it then. */
type WithSignal = { readonly signal?: AbortSignal | undefined };
const noSignal: WithSignal = {};

const receiptsRlp = list(receiptRlp);
/** Decoded bodies, and receipt lists, kept. Few: each holds on to the whole reply it came in, 2 MiB at most from an honest server. */
const DECODED_BLOCKS = 16;
const noKey = new Uint8Array(0);

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
    this.#nodes = { get: (hash) => cache.get("node", hash) };
  }

  get cache(): RetrievedCache {
    return this.#cache;
  }

  /** undefined: proven absent. At once if the path is known, else over the network. */
  account(
    header: Header,
    address: Uint8Array,
    options: WithSignal = noSignal,
  ): MaybePromise<Account | undefined> {
    const key = keccak256(address);
    return this.#read("account", header.stateRoot, header, noKey, key, options, accountOf);
  }

  /** Minimal value, empty for zero: proven against the storage root of an account already proven. */
  storage(
    header: Header,
    { address, storageRoot }: { readonly address: Uint8Array; readonly storageRoot: Uint8Array },
    slot: Uint8Array,
    options: WithSignal = noSignal,
  ): MaybePromise<Uint8Array> {
    const accountKey = keccak256(address);
    return this.#read("storage", storageRoot, header, accountKey, keccak256(slot), options, slotOf);
  }

  code(
    header: Header,
    address: Uint8Array,
    codeHash: Uint8Array,
    options: WithSignal = noSignal,
  ): MaybePromise<Uint8Array> {
    if (equalBytes(codeHash, emptyCodeHash)) return noKey;
    const kept = this.#cache.get("code", codeHash);
    if (kept !== undefined) return kept;
    const ask = { block: header, accountKey: keccak256(address) };
    return this.#share(
      `c${latin1Of(codeHash)}`,
      options,
      () => codeRequest(ask, codeHash),
      (code) => this.#cache.put("code", codeHash, code),
    );
  }

  body(header: Header, options: WithSignal = noSignal): MaybePromise<Body> {
    if (isEmptyBody(header)) return { transactions: [], uncles: [] };
    const decoded = this.#bodies.get(header.hash);
    if (decoded !== undefined) return decoded;
    const kept = this.#cache.get("body", header.hash);
    if (kept !== undefined) {
      const body = decodeBody(kept);
      this.#bodies.set(header.hash, body);
      return body;
    }
    return this.#share(
      `b${latin1Of(header.hash)}`,
      options,
      () => bodyRequest(header),
      (body) => {
        this.#cache.put("body", header.hash, encodeBody(body));
        this.#bodies.set(header.hash, body);
      },
    );
  }

  receipts(header: Header, options: WithSignal = noSignal): MaybePromise<readonly Receipt[]> {
    if (equalBytes(header.receiptRoot, emptyRoot)) return [];
    const decoded = this.#receipts.get(header.hash);
    if (decoded !== undefined) return decoded;
    const kept = this.#cache.get("receipts", header.hash);
    if (kept !== undefined) {
      const receipts = decodeAs(receiptsRlp, kept);
      this.#receipts.set(header.hash, receipts);
      return receipts;
    }
    return this.#share(
      `r${latin1Of(header.hash)}`,
      options,
      () => receiptsRequest(header),
      (receipts) => {
        this.#cache.put("receipts", header.hash, encodeAs(receiptsRlp, receipts));
        this.#receipts.set(header.hash, receipts);
      },
    );
  }

  /** Account and slots with their nodes (eth_getProof). */
  async prove(
    header: Header,
    address: Uint8Array,
    slots: readonly Uint8Array[],
    options: WithSignal = noSignal,
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
  stateReader(header: Header, options: WithSignal = noSignal): StateReader {
    return new OdrReader(this, header, options);
  }

  /** What the value at a key means: from known nodes at once, else retrieved. */
  #read<T>(
    what: string,
    root: Uint8Array,
    block: Header,
    accountKey: Uint8Array,
    key: Uint8Array,
    options: WithSignal,
    meaning: (value: Uint8Array | undefined) => T,
  ): MaybePromise<T> {
    const known: TrieNode[] = [];
    const found = readKnownPath(this.#nodes, root, key, (hash, bytes) => known.push({ hash, bytes }));
    if (found !== undefined) return meaning(found.value);
    return this.#fetch(what, root, block, accountKey, key, known, options).then(({ value }) =>
      meaning(value),
    );
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
    const found = readKnownPath(this.#nodes, root, key, (hash, bytes) => known.push({ hash, bytes }));
    if (found !== undefined) return { value: found.value, nodes: known };
    return await this.#fetch(what, root, block, accountKey, key, known, options);
  }

  #fetch(
    what: string,
    root: Uint8Array,
    block: Header,
    accountKey: Uint8Array,
    key: Uint8Array,
    held: readonly TrieNode[],
    options: WithSignal,
  ): Promise<ProvenPath> {
    const known: NodeStore = { get: (hash) => held.find((node) => equalBytes(node.hash, hash))?.bytes };
    return this.#share(
      latin1Of(root) + latin1Of(key),
      options,
      () => proofRequest(what, root, { block, accountKey, key, fromLevel: held.length, known }),
      ({ nodes }) => {
        for (let i = held.length; i < nodes.length; i++) {
          const node = nodes[i];
          if (node !== undefined) this.#cache.put("node", node.hash, node.bytes);
        }
      },
    );
  }

  /**
   * Joins a retrieval under way, or starts it and keeps its answer. A caller that gives up leaves the others theirs.
   */
  #share<T>(
    key: string,
    { signal }: WithSignal,
    request: () => OdrRequest<T>,
    keep: (answer: T) => void,
  ): Promise<T> {
    let promise = this.#underWay.get(key) as Promise<T> | undefined; // the key names the kind, and the kind the type
    if (promise === undefined) {
      promise = this.#source.retrieve(request()).then(
        (answer) => {
          this.#underWay.delete(key);
          this.verified++;
          keep(answer);
          return answer;
        },
        (error: unknown) => {
          this.#underWay.delete(key);
          throw error;
        },
      );
      this.#underWay.set(key, promise);
    }
    return signal === undefined ? promise : orAborted(promise, signal);
  }
}

class OdrReader implements StateReader {
  readonly #odr: Odr;
  readonly #header: Header;
  readonly #options: WithSignal;
  /** BOUNDED by the gas of one call: the reader lives as long as it. */
  readonly #accounts = new Map<string, MaybePromise<Account | undefined>>();

  constructor(odr: Odr, header: Header, options: WithSignal) {
    this.#odr = odr;
    this.#header = header;
    this.#options = options;
  }

  account(address: Uint8Array): MaybePromise<Account | undefined> {
    const key = latin1Of(address);
    const known = this.#accounts.get(key);
    if (known !== undefined || this.#accounts.has(key)) return known;
    const read = this.#odr.account(this.#header, address, this.#options);
    this.#accounts.set(key, read);
    return read;
  }

  storage(address: Uint8Array, slot: Uint8Array): MaybePromise<Uint8Array> {
    return andThen(this.account(address), (found) =>
      found === undefined || equalBytes(found.storageRoot, emptyRoot)
        ? noKey
        : this.#odr.storage(this.#header, { address, storageRoot: found.storageRoot }, slot, this.#options),
    );
  }

  code(address: Uint8Array, codeHash: Uint8Array): MaybePromise<Uint8Array> {
    return this.#odr.code(this.#header, address, codeHash, this.#options);
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
