import type { Header } from "#core/types";
import type { DownloaderDoor, SyncMode } from "#eth/downloader";
import type { EthPeer } from "#eth/protocols";
import type { Clock, Rand, Timer } from "#host";
import type { Logger } from "#log";
import { GlimError } from "#util";
import { bestOf, isAhead, type OurHead } from "./lead.ts";
import { managerLimits as limits } from "./limits.ts";
import type { PeerSet } from "./peer-set.ts";

export interface ChainSyncOptions {
  readonly peers: PeerSet;
  readonly downloader: DownloaderDoor;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log: Logger;
  /** Of the head of our chain, now. */
  readonly ours: () => OurHead;
  readonly mode: () => SyncMode;
  /** A cycle has brought the chain up to a peer. */
  readonly onSynced: (head: Header) => void;
  /** No peer is ahead, or one was asked for more than we have and has no more. */
  readonly onLevel: () => void;
}

/**
 * When to synchronise, and with whom: with the best of the peers that are ahead of us (lead.ts); when a peer comes and there are at
 * least five, every ten seconds with any, and when a peer shows that it is ahead. One cycle at a time.
 *
 * After the merge no block is announced and no difficulty tells which head is right: choosing is a consensus layer's affair, and there
 * is none here. Peers are asked every two seconds whether they have a block after ours, and the longest valid chain among them is
 * followed. Such a head was executed and keeps every rule; nobody has attested it. See docs/design/heads-after-the-merge.md.
 *
 * @see geth eth/sync.go:132-214@v1.8.27
 */
export class ChainSync {
  readonly #options: ChainSyncOptions;
  readonly #timers = new Map<"force" | "poll", Timer>();
  #running: Promise<void> | undefined;
  #polling: Promise<void> | undefined;
  readonly #stopped = new AbortController();

  constructor(options: ChainSyncOptions) {
    this.#options = options;
  }

  start(): void {
    this.#every("force", limits.forceSyncMs, () => this.#round());
    if (this.#options.ours().terminalTd === undefined) return;
    this.#options.log.warn(
      "no consensus layer: the longest valid chain of the peers is followed, its head is not attested",
    );
    this.#every("poll", limits.pollMs, () => this.#poll());
  }

  /** Ends the running cycle and waits for it. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    await this.#options.downloader.cancel();
    await this.#running;
    await this.#polling;
  }

  /** The peer to follow, if any is ahead. */
  best(): EthPeer | undefined {
    const { ours, peers } = this.#options;
    return bestOf(ours(), peers);
  }

  peerJoined(peer: EthPeer): void {
    if (this.#options.peers.size >= limits.minSyncPeers) this.#try(this.best());
    else if (this.#options.ours().terminalTd !== undefined) this.#try(peer);
  }

  /** A peer has said that it may be ahead of us. */
  peerAhead(peer: EthPeer): void {
    this.#try(peer);
  }

  #every(name: "force" | "poll", ms: number, work: () => void): void {
    const again = () => {
      this.#timers.set(
        name,
        this.#options.clock.after(ms, () => {
          work();
          again();
        }),
      );
    };
    again();
  }

  #round(): void {
    const best = this.best();
    if (best !== undefined) return this.#try(best);
    const { peers, ours, onLevel } = this.#options;
    // after the merge they are asked, as what they told is old
    if (peers.size > 0 && !this.#isBusy && ours().terminalTd === undefined) onLevel();
  }

  get #isBusy(): boolean {
    return this.#stopped.signal.aborted || this.#running !== undefined || this.#options.downloader.isBusy;
  }

  #try(peer: EthPeer | undefined): void {
    if (this.#isBusy || peer === undefined || !isAhead(this.#options.ours(), peer.head)) return;
    this.#running = this.#synchronise(peer).finally(() => {
      this.#running = undefined;
    });
  }

  async #synchronise(peer: EthPeer): Promise<void> {
    const { downloader, mode, log, onSynced } = this.#options;
    try {
      const head = await downloader.synchronise(peer.id, { mode: mode() });
      if (!this.#stopped.signal.aborted) onSynced(head);
    } catch (error) {
      // the downloader has dropped whom it blames; the next round tries again
      if (!(error instanceof GlimError)) log.error("synchronisation broke", { error });
      else log.debug("synchronisation ended", { peer: peer.id.slice(0, 16), code: error.code });
    }
  }

  /** Asks a few peers for the block after our head; nothing is asked while a cycle runs, which goes to the end by itself. */
  #poll(): void {
    const { peers, rand } = this.#options;
    if (this.#isBusy || this.#polling !== undefined) return;
    const some = rand.shuffle([...peers]).slice(0, limits.polledPeers);
    this.#polling = Promise.all(some.map((peer) => this.#ask(peer))).then(() => {
      this.#polling = undefined;
    });
  }

  async #ask(peer: EthPeer): Promise<void> {
    const { ours, onLevel } = this.#options;
    const next = ours().number + 1;
    const options = { timeoutMs: limits.pollTimeoutMs, signal: this.#stopped.signal };
    // whoever does not answer is asked again; whoever answers falsely was dropped
    const headers = await peer.requestHeaders({ origin: next, amount: 1 }, options).catch(() => undefined);
    if (headers === undefined || this.#stopped.signal.aborted) return;
    const [header] = headers;
    if (header === undefined) return onLevel();
    if (header.number !== next || (peer.head.number ?? 0) > next) return this.#try(peer);
    peer.setHead({ ...peer.head, hash: header.hash, number: next });
    this.#try(peer);
  }
}
