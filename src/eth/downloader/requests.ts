import { type Clock, type Rand, type Slice, turnsOf } from "#host";
import type { Logger } from "#log";
import { GlimError, orAborted } from "#util";
import { DownloaderError } from "./errors.ts";
import type { Lane, Work } from "./lanes.ts";
import type { DownloaderLimits } from "./limits.ts";
import type { RequestOptions } from "./peer.ts";
import type { PeerState } from "./peer-state.ts";
import type { Kind, RttEstimate } from "./rates.ts";

export interface RequestsOptions {
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log: Logger;
  readonly limits: DownloaderLimits;
  readonly rtt: RttEstimate;
  /** Registered peers, now. */
  readonly peers: () => Iterable<PeerState>;
  /** The peer is at fault. */
  readonly onFault: (state: PeerState, error: GlimError) => void;
  /** The cycle cannot go on. */
  readonly onStuck: (error: unknown) => void;
  /** Something arrived. */
  readonly onDelivered: (items: number) => void;
  readonly signal: AbortSignal;
}

/** Spreads the work of all lanes over idle peers; measures, times out and punishes them. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #lanes: Lane[] = [];
  /** Requests on their way, by lane. */
  readonly #open = new Map<Lane, number>();
  /** What is left for checking answers until others have to be let run. */
  readonly #slice: Slice;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#slice = turnsOf(options.clock).slice();
  }

  addLane(lane: Lane): void {
    this.#lanes.push(lane);
    this.#open.set(lane, 0);
  }

  /** Gives out whatever can be given out now. */
  pump(): void {
    if (this.#options.signal.aborted) return;
    for (const lane of this.#lanes) this.#pumpLane(lane);
  }

  #pumpLane(lane: Lane): void {
    if (!lane.hasWork()) return;
    const { rtt, rand } = this.#options;
    const peers = [...this.#options.peers()];
    const idle = rand.shuffle(peers).filter((state) => !state.isGone && !state.busy.has(lane.kind));
    idle.sort((a, b) => b.rates.rate(lane.kind) - a.rates.rate(lane.kind));
    for (const state of idle) {
      if (!lane.hasWork()) return;
      const max = state.rates.capacity(lane.kind, rtt.targetMs, lane.most);
      const work = lane.reserve(state, max);
      if (work !== undefined) void this.#run(lane, state, work);
    }
    const isStuck = lane.hasWork() && this.#open.get(lane) === 0 && idle.length === peers.length;
    if (isStuck) this.#options.onStuck(lane.stuck(peers.length));
  }

  async #run(lane: Lane, state: PeerState, work: Work): Promise<void> {
    this.#count(lane, 1);
    state.busy.add(lane.kind);
    let delivered = 0;
    try {
      const answer = await this.#answer(state, lane.kind, (options) => work.send(options));
      if (answer === undefined) work.release();
      else {
        delivered = await work.deliver(answer.items, async () => this.#slice.giveWay());
        state.rates.delivered(lane.kind, delivered, answer.elapsedMs);
      }
    } catch (error) {
      // what an answer was refused for; the work went back before
      if (error instanceof GlimError && error.blame === "peer") this.#options.onFault(state, error);
      else if (!this.#options.signal.aborted) this.#options.onStuck(error);
    }
    this.#count(lane, -1);
    state.busy.delete(lane.kind);
    if (this.#options.signal.aborted) return;
    this.#options.onDelivered(delivered);
    this.pump();
  }

  /** The answer in time; undefined when there was none: the peer was counted, or is gone. */
  async #answer(
    state: PeerState,
    kind: Kind,
    send: (options: RequestOptions) => Promise<readonly unknown[]>,
  ): Promise<{ items: readonly unknown[]; elapsedMs: number } | undefined> {
    const { clock, rtt, onFault } = this.#options;
    const start = clock.now();
    const timeoutMs = rtt.deadlineMs;
    try {
      const items = await this.timed(send, timeoutMs);
      const elapsedMs = clock.now() - start;
      if (items === undefined) {
        if (state.timedOut(kind))
          onFault(state, DownloaderError("TIMEOUT", { what: kind, afterMs: timeoutMs }));
        return undefined;
      }
      if (state.answered(elapsedMs, timeoutMs))
        onFault(state, DownloaderError("STALLING", { reason: "its answers come just before the deadline" }));
      return state.isGone ? undefined : { items, elapsedMs };
    } catch (error) {
      if (this.#options.signal.aborted) return undefined;
      if (!(error instanceof GlimError)) throw error;
      if (error.blame === "peer") onFault(state, error);
      else if (state.timedOut(kind))
        onFault(state, DownloaderError("TIMEOUT", { what: kind, afterMs: timeoutMs }));
      return undefined;
    }
  }

  /** What `send` resolves with, undefined after the deadline. @throws what it rejects with */
  async timed<T>(send: (options: RequestOptions) => Promise<T>, timeoutMs: number): Promise<T | undefined> {
    const { clock, signal } = this.#options;
    let timer = { cancel: () => {} };
    const deadline = new Promise<undefined>((resolve) => {
      timer = clock.after(timeoutMs, () => resolve(undefined));
    });
    try {
      return await orAborted(Promise.race([send({ signal, timeoutMs }), deadline]), signal);
    } finally {
      timer.cancel();
    }
  }

  #count(lane: Lane, by: 1 | -1): void {
    this.#open.set(lane, (this.#open.get(lane) ?? 0) + by);
  }
}
