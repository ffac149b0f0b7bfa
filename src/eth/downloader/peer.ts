import type { Body, Header, Receipt } from "#core/types";
import type { GlimError } from "#util";

/** What a peer says its chain ends with. The number is known to eth/69 only; the total difficulty until then. */
export interface RemoteHead {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly number?: number | undefined;
  readonly td?: bigint | undefined;
}

/** Headers from `origin` (number, or 32-byte hash) on, every `skip + 1`-th, towards the genesis if `reverse`. */
export interface HeadersQuery {
  readonly origin: number | Uint8Array;
  /** At most limits.headersPerRequest (192): old peers cut there. */
  readonly amount: number;
  readonly skip: number;
  readonly reverse: boolean;
}

/** Every request carries these. The downloader counts the deadline itself too: a late answer is ignored. */
export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * What the downloader needs of a peer. Answers are decoded items as the peer sent them, possibly fewer than asked, in
 * the order of the request with gaps; the downloader checks them against what it asked. A request rejects with a
 * GlimError: blame "peer" costs the peer its place, "network" counts as unanswered. At most one request of each kind
 * is open at a time. A peer of a protocol without request ids must not take the late answer of an expired request for
 * that of the next one.
 */
export interface DownloadPeer {
  /** Unique among registered peers. */
  readonly id: string;
  /** Read anew at the start of each cycle. */
  readonly head: RemoteHead;
  /**
   * Header requests that it takes at once. Absent: one. With it the peer is one that tells each new head with its number, as les servers do: the
   * head is believed while the headers come, and nothing is asked for beyond it.
   */
  readonly headersInFlight?: number | undefined;
  requestHeaders(query: HeadersQuery, options: RequestOptions): Promise<readonly Header[]>;
  requestBodies(hashes: readonly Uint8Array[], options: RequestOptions): Promise<readonly Body[]>;
  requestReceipts(
    hashes: readonly Uint8Array[],
    options: RequestOptions,
  ): Promise<readonly (readonly Receipt[])[]>;
  /** Trie nodes and codes by their hashes; absent where the protocol has none (eth/67 on). */
  requestNodeData?:
    | ((hashes: readonly Uint8Array[], options: RequestOptions) => Promise<readonly Uint8Array[]>)
    | undefined;
  /** Called at most once: the peer is of no use, for this reason. It must not be registered again soon. */
  drop(reason: GlimError): void;
}
