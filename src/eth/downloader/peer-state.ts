import { ByteSet } from "#util";
import type { DownloaderLimits } from "./limits.ts";
import type { DownloadPeer } from "./peer.ts";
import { type Kind, PeerRates } from "./rates.ts";

/** What is known of a registered peer. Rates stay from cycle to cycle, the rest is for one. */
export class PeerState {
  readonly peer: DownloadPeer;
  readonly rates = new PeerRates();
  /** Kinds of which a request is open. */
  readonly busy = new Set<Kind>();
  /** Left or was dropped. */
  isGone = false;
  /** Times in a row that it changed its chain under a cycle that followed it. */
  changes = 0;
  readonly #limits: DownloaderLimits;
  /** Blocks it has no body or receipts of. BOUNDED: limits.lacking, each. */
  readonly #lacking = { bodies: new ByteSet(), receipts: new ByteSet() };
  #timeouts = 0;
  #slow = 0;

  constructor(peer: DownloadPeer, limits: DownloaderLimits) {
    this.peer = peer;
    this.#limits = limits;
  }

  /** A new cycle: what it lacked it may have now. */
  reset(): void {
    this.#lacking.bodies.clear();
    this.#lacking.receipts.clear();
  }

  lacks(kind: "bodies" | "receipts", hash: Uint8Array): boolean {
    return this.#lacking[kind].has(hash);
  }

  setLacking(kind: "bodies" | "receipts", hash: Uint8Array): void {
    const lacking = this.#lacking[kind];
    if (lacking.size >= this.#limits.lacking) lacking.clear();
    lacking.add(hash);
  }

  /** @returns true when it was once too often */
  timedOut(kind: Kind): boolean {
    this.rates.delivered(kind, 0, 0);
    return ++this.#timeouts >= this.#limits.maxTimeouts;
  }

  /** @returns true when it has answered just before the deadline too often (ET-08) */
  answered(elapsedMs: number, deadlineMs: number): boolean {
    this.#timeouts = 0;
    if (elapsedMs <= deadlineMs * this.#limits.slowShare) {
      this.#slow = Math.max(0, this.#slow - 0.5);
      return false;
    }
    return ++this.#slow >= this.#limits.maxSlow;
  }
}
