import type { Transaction } from "#core/types";
import type { Clock } from "#host";
import type { MsgReadWriter, Peer } from "#p2p";
import type { EthBackend } from "./backend.ts";
import type { BlockAnnouncement, EthVersion, NewBlock, TxAnnouncement } from "./messages.ts";
import type { BlockRange } from "./status.ts";

/** What a peer says its chain ends with. `number` is known to eth/69 only, or from its announcements; `td` until eth/68. */
export interface PeerHead {
  readonly hash: Uint8Array;
  readonly number?: number | undefined;
  readonly td?: bigint | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default 10 s. */
  readonly timeoutMs?: number | undefined;
}

/** A message that is decoded when its body is first read. @throws RLP_* then */
export interface Lazy<T> {
  readonly body: T;
  readonly size: number;
}

/**
 * What the node does with messages that are neither request nor reply. An error that escapes ends the peer. The next message is read
 * when the handler is done.
 */
export interface EthHandlers {
  newBlockHashes(message: Lazy<readonly BlockAnnouncement[]>): void | Promise<void>;
  newBlock(message: Lazy<NewBlock>): void | Promise<void>;
  transactions(message: Lazy<readonly Transaction[]>): void | Promise<void>;
  newPooledTransactionHashes(message: Lazy<readonly TxAnnouncement[]>): void | Promise<void>;
  blockRangeUpdate?(message: Lazy<BlockRange>): void | Promise<void>;
}

export interface EthPeerOptions {
  readonly peer: Peer;
  readonly rw: MsgReadWriter;
  readonly version: EthVersion;
  readonly clock: Clock;
  readonly backend: EthBackend;
}

/** Where a header query begins and how it goes on. */
export interface HeadersRequest {
  readonly origin: Uint8Array | number;
  /** At most limits.ask.headers. */
  readonly amount: number;
  /** Default 0. */
  readonly skip?: number | undefined;
  /** Default false. */
  readonly reverse?: boolean | undefined;
}
