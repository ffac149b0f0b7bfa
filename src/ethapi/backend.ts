/**
 * What the tables need of a node. Declared here, because this room needs it; fitted structurally by `LightEthereum`
 * (whose answers come proven from other nodes) and by `Ethereum` (whose answers come from its own database).
 *
 * Everything that may have to wait takes a CallContext last. Not found is `undefined`. Whatever cannot be answered is a
 * typed error that says why (`rpcCode` and message reach the client); a backend never guesses.
 */
import type { BloomMatches, HeadEvent } from "#core";
import type { Body, Header, Receipt, Transaction } from "#core/types";
import type { StateDiff, StateReader } from "#core/vm";
import type { Feed } from "#event";
import type { ChainConfig } from "#params";
import type { ConnectionInfo } from "#rpc";
import type { MaybePromise } from "#util";

/** The caller's end of one call: aborted when the connection is gone or the call took too long. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** Who asked, where it is known: of those who wait, each is served in turn. */
  readonly connection?: ConnectionInfo | undefined;
}

/** Where a transaction is. `header` and `index` absent: it waits in this node's own pool. */
export interface FoundTransaction {
  readonly tx: Transaction;
  readonly header?: Header | undefined;
  /** Place in the block, from 0. Present exactly when `header` is. */
  readonly index?: number | undefined;
}

/** One slot of an AccountProof (EIP-1186). */
export interface StorageProof {
  /** The 32-byte slot that was asked for. */
  readonly key: Uint8Array;
  /** Minimal big-endian value; empty for zero or absent. */
  readonly value: Uint8Array;
  /** Trie nodes from the storage root down, as they are encoded in the trie. */
  readonly proof: readonly Uint8Array[];
}

/** Account, storage slots and the nodes that prove them against a state root (EIP-1186). */
export interface AccountProof {
  readonly nonce: bigint;
  readonly balance: bigint;
  /** 32 bytes. An absent account has the empty root. */
  readonly storageRoot: Uint8Array;
  /** 32 bytes. An absent account has the hash of empty code. */
  readonly codeHash: Uint8Array;
  /** Trie nodes from the state root down. */
  readonly accountProof: readonly Uint8Array[];
  readonly storageProof: readonly StorageProof[];
}

/** How far a first sync has come (eth_syncing). Block numbers. */
export interface SyncProgress {
  readonly startingBlock: number;
  readonly currentBlock: number;
  readonly highestBlock: number;
}

export interface Backend {
  readonly kind: "light" | "full";
  readonly chainConfig: ChainConfig;
  readonly chainId: bigint;
  readonly networkId: bigint;
  /** Header of the newest block this node believes. */
  head(): Header;
  /** One event per change of head: `added` and `removed` ascending by number. */
  readonly headEvents: Feed<HeadEvent>;
  /** The canonical header of that number; `undefined` above the head. */
  headerByNumber(number: number, ctx: CallContext): MaybePromise<Header | undefined>;
  /** A header of that hash, canonical or not; `undefined` when unknown. */
  headerByHash(hash: Uint8Array, ctx: CallContext): MaybePromise<Header | undefined>;
  /** Whether the header is on the chain that ends in `head()`. */
  isCanonical(header: Header): boolean;
  /** `undefined` when this node does not know it (side chains, after a checkpoint). */
  totalDifficulty(header: Header): bigint | undefined;
  body(header: Header, ctx: CallContext): Promise<Body>;
  /** In block order, one per transaction. */
  receipts(header: Header, ctx: CallContext): Promise<readonly Receipt[]>;
  /**
   * By an index of blooms, if there is one: blocks from `first` to `last`, or to where a part of the index ends, that may
   * hold for each clause one of its values. `next` is `first` where the index says nothing. Answers at once.
   */
  matchBlooms?(clauses: readonly (readonly Uint8Array[])[], first: number, last: number): BloomMatches;
  /**
   * State after that block. Throws an error with the range it can answer when the state is not to be had.
   * Without a context its reads are not cut short when their caller leaves; each ends by the node's own timeouts.
   */
  state(header: Header, ctx?: CallContext): MaybePromise<StateReader>;
  /** The same for who runs a block again, made anew if it was pruned and blocks not long before it have theirs. */
  regeneratedState?(header: Header, ctx: CallContext): Promise<StateReader>;
  prove(
    header: Header,
    address: Uint8Array,
    slots: readonly Uint8Array[],
    ctx: CallContext,
  ): Promise<AccountProof>;
  /**
   * A transaction by hash, wherever it is. `undefined` only when its absence is as sure as it can be made (a light node:
   * two servers, or all if fewer, said "unknown" and none limits its index); throws when nobody could be asked.
   */
  findTransaction(hash: Uint8Array, ctx: CallContext): Promise<FoundTransaction | undefined>;
  /** Takes and relays a signed transaction. Throws with the refusing side's own reason. */
  sendTransaction(tx: Transaction, ctx: CallContext): Promise<void>;
  /** Transactions this node holds and that are in no block yet, oldest first. */
  pendingTransactions(): readonly Transaction[];
  /** A transaction as it enters `pendingTransactions()`. Absent: newPendingTransactions stays silent. */
  readonly pendingEvents?: Feed<Transaction> | undefined;
  /** `undefined` once the first sync has ended. */
  syncing(): SyncProgress | undefined;
  /** Who gets a block's fees, for COINBASE in calls (clique: its signer). Absent, or undefined: `header.coinbase`. */
  author?(header: Header): Uint8Array | undefined;
  /** Highest version of the protocol this node speaks to its peers (eth_protocolVersion); of les, plus 10,000 (geth). */
  readonly protocolVersion?: number | undefined;
  /** Whether blocks are being sealed. Absent: when there is a coinbase. */
  isMining?(): boolean;
  /** Address that gets the block rewards (eth_coinbase), if this node seals. */
  coinbase?(): Uint8Array | undefined;
  /**
   * Roots of an imagined state on top of that block's: each call adds one change and tells the root after all of them.
   * Absent: a node without the tries, whose simulated blocks have a zero stateRoot.
   */
  imaginedRoot?(header: Header): (diff: StateDiff) => Uint8Array;
  /** Suggested while no block has a sample, wei (a sealer's own minimum). Absent: 1 gwei. */
  readonly minGasPrice?: bigint | undefined;
}
