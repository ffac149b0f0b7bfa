import type { BlockChain } from "#core";
import type { Header } from "#core/types";
import type { Feed } from "#event";
import type { Clock, Rand } from "#host";
import type { Logger } from "#log";
import type { GlimError } from "#util";
import type { DownloadPeer } from "./peer.ts";
import type { DownloadProgress, SyncMode } from "./progress.ts";

export interface DownloaderOptions {
  readonly chain: BlockChain;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log?: Logger | undefined;
}

export interface SynchroniseOptions {
  /** Default full. `fast` is taken for `full` once the chain has a block beyond the genesis. */
  readonly mode?: SyncMode | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `done` tells the head after it. `failed` comes with what ended the cycle; nothing that was imported is lost. */
export type DownloadEvent =
  | { readonly type: "start"; readonly mode: SyncMode; readonly peer: string }
  | { readonly type: "progress"; readonly progress: DownloadProgress }
  | { readonly type: "done"; readonly head: Header }
  | { readonly type: "failed"; readonly error: GlimError };

/** One synchronisation at a time, of one chain, from registered peers. */
export interface DownloaderDoor {
  /** Known from now on. Twice is an error of the caller: USAGE. */
  register(peer: DownloadPeer): void;
  /** Its open requests are given to others. If a cycle follows this peer, the cycle is cancelled. */
  unregister(id: string): void;
  /** Resolves with the head when the chain has all that the peer has. @throws DOWNLOADER_*; peers at fault are dropped */
  synchronise(peerId: string, options?: SynchroniseOptions): Promise<Header>;
  readonly isBusy: boolean;
  /** undefined while no cycle runs. */
  readonly progress: DownloadProgress | undefined;
  /** Progress about once a second, start, done, failed. */
  readonly events: Feed<DownloadEvent>;
  /** Ends the running cycle with DOWNLOADER_CANCELLED and waits for it. */
  cancel(): Promise<void>;
}
