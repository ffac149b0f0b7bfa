import { keccak256 } from "#crypto";
import {
  type Body,
  type Header,
  type Receipt,
  receiptRoot,
  type Transaction,
  txRoot,
  unclesHash,
  withdrawalsRoot,
} from "#core/types";
import { type NodeStore, type ProofSet, TrieError } from "#trie";
import { equalBytes } from "#util";
import { LightError } from "./errors.ts";

/** A block as servers know it. */
export interface BlockRef {
  readonly hash: Uint8Array;
  readonly number: number;
}

/** Where one trie is walked: the state trie of a block, or the storage trie of the account at `accountKey`. */
export interface ProofAsk {
  readonly block: BlockRef;
  /** keccak(address) for a storage trie, empty for the state trie. */
  readonly accountKey: Uint8Array;
  /** keccak(address) or keccak(slot). */
  readonly key: Uint8Array;
  /** Nodes nearest the root that we have already and that may be left out of the reply. */
  readonly fromLevel: number;
  /** Those nodes. Whoever makes the ProofSet gives it as its base while this request is verified. */
  readonly known: NodeStore;
}

export interface CodeAsk {
  readonly block: BlockRef;
  /** keccak(address) */
  readonly accountKey: Uint8Array;
}

export interface HeadersAsk {
  readonly origin: Uint8Array | number;
  readonly amount: number;
  /** Headers left out between two. Default 0. */
  readonly skip?: number | undefined;
  readonly reverse: boolean;
  /** What the server's head must have reached. */
  readonly head: number;
}

/** What a server claims of a transaction. Nothing here is proven. */
export interface TxClaim {
  readonly status: "unknown" | "queued" | "pending" | "included";
  readonly place?:
    | { readonly blockHash: Uint8Array; readonly blockNumber: number; readonly index: number }
    | undefined;
  /** Why the server refused it; empty if it did not. A stranger's text, at most 1,024 bytes. */
  readonly error: string;
}

/** Everything a light node retrieves: what is asked, and in which form an answer reaches `verify`. */
export interface OdrKinds {
  readonly headers: { readonly ask: HeadersAsk; readonly answer: readonly Header[] };
  readonly body: { readonly ask: BlockRef; readonly answer: Body };
  readonly receipts: { readonly ask: BlockRef; readonly answer: readonly Receipt[] };
  /** The answer is the node set of a whole reply, which several requests may share. */
  readonly proof: { readonly ask: ProofAsk; readonly answer: ProofSet };
  readonly code: { readonly ask: CodeAsk; readonly answer: Uint8Array };
}
export type OdrKind = keyof OdrKinds;

/** What servers merely claim; the caller proves it by other requests. */
export interface ClaimKinds {
  readonly txStatus: { readonly ask: Uint8Array; readonly answer: TxClaim };
  readonly sendTx: { readonly ask: Transaction; readonly answer: TxClaim };
}
export type ClaimKind = keyof ClaimKinds;

/**
 * One thing to retrieve: what to ask, and how its answer is proven. `verify` returns what the answer proves or throws a LIGHT_*
 * error with blame "peer"; it changes nothing, and is called once per answer.
 */
export type OdrRequest<T, K extends OdrKind = OdrKind> = {
  [P in K]: {
    readonly kind: P;
    /** For error texts: "balance", "code" … */
    readonly what: string;
    readonly ask: OdrKinds[P]["ask"];
    verify(answer: OdrKinds[P]["answer"]): T;
  };
}[K];

/** `amount` headers from a hash or number on, each the parent or child of the one before, or `skip + 1` away from it. Whether they are valid is the chain's matter. */
export function headersRequest(ask: HeadersAsk): OdrRequest<readonly Header[], "headers"> {
  return {
    kind: "headers",
    what: "headers",
    ask,
    verify(headers) {
      if (headers.length > ask.amount)
        throw LightError("ITEM_COUNT", { what: "headers", want: ask.amount, got: headers.length });
      headers.forEach((header, i) => {
        const before = headers[i - 1];
        const isRight =
          before === undefined
            ? typeof ask.origin === "number"
              ? header.number === ask.origin
              : equalBytes(header.hash, ask.origin)
            : isNext(before, header, ask);
        if (!isRight) throw LightError("HEADERS_UNLINKED", { index: i });
      });
      return headers;
    },
  };
}

function isNext(before: Header, header: Header, { skip = 0, reverse }: HeadersAsk): boolean {
  if (header.number !== before.number + (reverse ? -1 - skip : 1 + skip)) return false;
  if (skip > 0) return true;
  return reverse ? equalBytes(before.parentHash, header.hash) : equalBytes(header.parentHash, before.hash);
}

/** Transactions and uncles, by the roots in the header. @see geth les/odr_requests.go:107@v1.11.6 */
export function bodyRequest(header: Header): OdrRequest<Body, "body"> {
  return {
    kind: "body",
    what: "block body",
    ask: header,
    verify(body) {
      checkBody(header, body);
      return body;
    },
  };
}

/** @throws LIGHT_ROOT_MISMATCH with the field */
export function checkBody(header: Header, body: Body): void {
  const mismatch = (field: string) => LightError("ROOT_MISMATCH", { field, block: header.number });
  if (!equalBytes(txRoot(body.transactions), header.txRoot)) throw mismatch("txRoot");
  if (!equalBytes(unclesHash(body.uncles), header.unclesHash)) throw mismatch("unclesHash");
  if ((header.withdrawalsRoot === undefined) !== (body.withdrawals === undefined))
    throw mismatch("withdrawalsRoot");
  if (
    header.withdrawalsRoot !== undefined &&
    body.withdrawals !== undefined &&
    !equalBytes(withdrawalsRoot(body.withdrawals), header.withdrawalsRoot)
  )
    throw mismatch("withdrawalsRoot");
}

/** Receipts by the root in the header. @see geth les/odr_requests.go:168@v1.11.6 */
export function receiptsRequest(header: Header): OdrRequest<readonly Receipt[], "receipts"> {
  return {
    kind: "receipts",
    what: "receipts",
    ask: header,
    verify(receipts) {
      if (!equalBytes(receiptRoot(receipts), header.receiptRoot))
        throw LightError("ROOT_MISMATCH", { field: "receiptRoot", block: header.number });
      return receipts;
    },
  };
}

/** Contract code by its hash. @see geth les/odr_requests.go:286@v1.11.6 */
export function codeRequest(ask: CodeAsk, codeHash: Uint8Array): OdrRequest<Uint8Array, "code"> {
  return {
    kind: "code",
    what: "code",
    ask,
    verify(code) {
      if (!equalBytes(keccak256(code), codeHash)) throw LightError("HASH_MISMATCH", { what: "code" });
      return code;
    },
  };
}

/** A trie node and its hash. */
export interface TrieNode {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A proven path: the value (undefined: proven absent) and the nodes from the root down, as views. */
export interface ProvenPath {
  readonly value: Uint8Array | undefined;
  readonly nodes: readonly TrieNode[];
}

/**
 * The value at a key of a trie, or its absence. That no node of the reply is useless is checked by the source, over all requests that
 * shared it.
 * @see geth les/odr_requests.go:224@v1.11.6
 */
export function proofRequest(what: string, root: Uint8Array, ask: ProofAsk): OdrRequest<ProvenPath, "proof"> {
  return {
    kind: "proof",
    what,
    ask,
    verify(set) {
      const nodes: TrieNode[] = [];
      try {
        const value = set.read(root, ask.key, (hash, bytes) => nodes.push({ hash, bytes }));
        return { value, nodes };
      } catch (cause) {
        if (!TrieError.is(cause, "PROOF_MISSING_NODE")) throw cause;
        if (nodes.length > ask.fromLevel)
          throw LightError("BROKEN_PROOF", { depth: nodes.length }, { cause });
        throw LightError("EMPTY_REPLY", { what }, { cause });
      }
    },
  };
}
