import type { Header } from "#core/types";
import type { DownloaderDoor, SyncMode } from "#eth/downloader";
import type { EthPeer } from "#eth/protocols";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import { GlimError } from "#util";
import { managerLimits as limits } from "./limits.ts";
import type { PeerSet } from "./peer-set.ts";

export interface ChainSyncOptions {
  readonly peers: PeerSet;
  readonly downloader: DownloaderDoor;
  readonly clock: Clock;
  readonly log: Logger;
  /** Total difficulty of our head. */
  readonly td: () => bigint;
  readonly mode: () => SyncMode;
  /** A cycle has brought the chain up to a peer. */
  readonly onSynced: (head: Header) => void;
}

/**
 * When to synchronise, and with whom: with the peer of the highest total difficulty, if that is above ours; when a peer comes and there
 * are at least five, every ten seconds with any, and when a peer shows that it is ahead. One cycle at a time.
 *
 * @see geth eth/sync.go:132-214@v1.8.27
 */
export class ChainSync {
  readonly #options: ChainSyncOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: ChainSyncOptions) {
    this.#options = options;
  }

  start(): void {
    this.#arm();
  }

  /** Ends the running cycle and waits for it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#options.downloader.cancel();
    await this.#running;
  }

  peerJoined(): void {
    if (this.#options.peers.size >= limits.minSyncPeers) this.#try(this.#options.peers.best());
  }

  /** A peer has said that its chain is heavier than ours. */
  peerAhead(peer: EthPeer): void {
    this.#try(peer);
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(limits.forceSyncMs, () => {
      this.#try(this.#options.peers.best());
      this.#arm();
    });
  }

  #try(peer: EthPeer | undefined): void {
    const { downloader, td } = this.#options;
    if (this.#isStopped || this.#running !== undefined || downloader.isBusy) return;
    if (peer?.head.td === undefined || peer.head.td <= td()) return;
    this.#running = this.#synchronise(peer).finally(() => {
      this.#running = undefined;
    });
  }

  async #synchronise(peer: EthPeer): Promise<void> {
    const { downloader, mode, log, onSynced } = this.#options;
    try {
      const head = await downloader.synchronise(peer.id, { mode: mode() });
      if (!this.#isStopped) onSynced(head);
    } catch (error) {
      // the downloader has dropped whom it blames; the next round tries again
      if (!(error instanceof GlimError)) log.error("synchronisation broke", { error });
      else log.debug("synchronisation ended", { peer: peer.id.slice(0, 16), code: error.code });
    }
  }
}
