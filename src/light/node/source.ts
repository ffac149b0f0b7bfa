import type { HeaderChain } from "#core";
import type { Header } from "#core/types";
import type { SyncProgress } from "#ethapi";
import type { Feed } from "#event";
import type { Host } from "#host";
import type { BlockRange, ProofSource } from "#light";
import type { Logger } from "#log";
import type { Protocol } from "#p2p";
import type { GlimError } from "#util";

/** A server of proofs, as `light_status` shows it. */
export interface SourceServer {
  readonly id: string;
  readonly enode: string;
  readonly version: number;
  readonly head: { readonly number: number; readonly hash: Uint8Array };
  /** Blocks whose state it serves. */
  readonly state: BlockRange;
  readonly requests: number;
  readonly replies: number;
  readonly badReplies: number;
  readonly softTimeouts: number;
  readonly latencyMs: number;
  readonly isFrozen: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A server whose handshake failed. */
export interface RefusedServer {
  readonly enode: string;
  readonly error: GlimError;
}

/** What gives a light node its heads and its proofs. `les` has one; others follow (snap and sync committees). */
export interface LightSource extends ProofSource {
  /** For the p2p server; they may connect before `start`. */
  readonly protocols: readonly Protocol[];
  readonly syncedEvents: Feed<Header>;
  /** A server that cannot be used (another genesis, another network, no state): why, by its error. */
  readonly refusedEvents: Feed<RefusedServer>;
  readonly isSynced: boolean;
  /** undefined: nothing is being fetched, and a first sync has ended. */
  readonly progress: SyncProgress | undefined;
  /** Since the start; bytes of all servers, those that are gone too. */
  readonly counters: {
    readonly requests: number;
    readonly messages: number;
    readonly lies: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  };
  servers(): readonly SourceServer[];
  /** The chain to extend. */
  start(chain: HeaderChain): void;
  stop(): Promise<void>;
}

/** Makes the source of a light node. */
export type SourceFactory = (parts: {
  readonly networkId: bigint;
  readonly host: Host;
  readonly log: Logger;
}) => LightSource;
