import type { DownloaderLimits } from "./limits.ts";

/** What is asked for: each kind has one open request a peer, and a rate of its own. */
export type Kind = "headers" | "bodies" | "receipts" | "nodes";

const IMPACT = 0.1;

/** Items a second of one peer by kind, as measured; how long it takes to answer (eth/downloader/peer.go:200@v1.9.25). */
export class PeerRates {
  readonly #rates: Record<Kind, number> = { headers: 0, bodies: 0, receipts: 0, nodes: 0 };
  /** Milliseconds an answer takes, smoothed; undefined before the first. */
  rttMs: number | undefined;

  rate(kind: Kind): number {
    return this.#rates[kind];
  }

  /** How many items to ask for so that they come within the target time. */
  capacity(kind: Kind, targetMs: number, most: number): number {
    return Math.min(most, Math.floor(1 + Math.max(1, (this.#rates[kind] * targetMs) / 1000)));
  }

  /** Nothing delivered sets the rate to 0. */
  delivered(kind: Kind, items: number, elapsedMs: number): void {
    if (items === 0) {
      this.#rates[kind] = 0;
      return;
    }
    const elapsed = Math.max(1, elapsedMs);
    this.#rates[kind] += IMPACT * ((items * 1000) / elapsed - this.#rates[kind]);
    this.rttMs = this.rttMs === undefined ? elapsed : this.rttMs + IMPACT * (elapsed - this.rttMs);
  }
}

const TUNING_PEERS = 5;
const CONFIDENCE_CAP = 10;
const TUNING_IMPACT = 0.25;
const MIN_CONFIDENCE = 0.1;
const TTL_SCALING = 3;

/** How long answers take among the best peers, and how sure that is (eth/downloader/downloader.go:qosTuner@v1.9.25). */
export class RttEstimate {
  readonly #limits: Pick<DownloaderLimits, "minDeadlineMs" | "maxDeadlineMs">;
  #rttMs: number;
  #confidence = 1;

  constructor(limits: Pick<DownloaderLimits, "minDeadlineMs" | "maxDeadlineMs">) {
    this.#limits = limits;
    this.#rttMs = limits.maxDeadlineMs;
  }

  /** The time that one request should take. */
  get targetMs(): number {
    return this.#rttMs * 0.9;
  }

  /** After this a request counts as lost. */
  get deadlineMs(): number {
    return this.#clamp((TTL_SCALING * this.#rttMs) / this.#confidence);
  }

  /** A peer came: what is known of the others tells less of it. */
  peerJoined(peers: number): void {
    if (peers <= 1) this.#confidence = 1;
    else if (peers < CONFIDENCE_CAP)
      this.#confidence = Math.max(MIN_CONFIDENCE, (this.#confidence * (peers - 1)) / peers);
  }

  /** Takes in the times of all peers, once per such time. */
  tune(rtts: readonly number[]): void {
    if (rtts.length === 0) return;
    const sorted = [...rtts].sort((a, b) => a - b);
    const median = sorted[Math.floor(Math.min(TUNING_PEERS, sorted.length) / 2)] ?? this.#rttMs;
    this.#rttMs = this.#clamp((1 - TUNING_IMPACT) * this.#rttMs + TUNING_IMPACT * median);
    this.#confidence += (1 - this.#confidence) / 2;
  }

  #clamp(ms: number): number {
    return Math.min(this.#limits.maxDeadlineMs, Math.max(this.#limits.minDeadlineMs, ms));
  }
}
