import type { Clock, Endpoint, Timer } from "#host";
import { discv4Limits as limits } from "./limits.ts";
import { isTimely, type OpenPacket, openPacket, signerOf } from "./packets.ts";
import { addressRates, WorkBudget } from "./rates.ts";

/** What became of the packets that came. */
export interface IntakeCounts {
  received: number;
  /** No packet of this protocol: another one's, or noise. */
  junk: number;
  /** Body does not fit, time over, from an address that is not allowed. */
  malformed: number;
  untimely: number;
  notAllowed: number;
  /** Replies nobody waits for. */
  unasked: number;
  /** Over the rate of their address or subnet. */
  limited: number;
  /** Pushed out of the queue. */
  dropped: number;
  /** Whose signer was looked for, and those that had none. */
  recovered: number;
  unsigned: number;
}

interface Queued {
  readonly packet: OpenPacket;
  readonly from: Endpoint;
}

export interface IntakeConfig {
  readonly clock: Clock;
  readonly isAllowed: (ip: string) => boolean;
  /** Whether a reply is waited for from there. */
  readonly isExpected: (packet: OpenPacket, from: Endpoint) => boolean;
  readonly handle: (packet: OpenPacket, publicKey: Uint8Array, from: Endpoint) => void;
  /** Gets what is no packet of this protocol. */
  readonly unhandled?: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
}

/**
 * The way in: cheap questions first, the signer last, since finding it takes a hundred times longer than the rest (DI-13).
 * Replies that are waited for go before everything else; of the rest an address gets its share, a queue of 256 what the core has time for.
 */
export class Intake {
  readonly counts: IntakeCounts = {
    received: 0,
    junk: 0,
    malformed: 0,
    untimely: 0,
    notAllowed: 0,
    unasked: 0,
    limited: 0,
    dropped: 0,
    recovered: 0,
    unsigned: 0,
  };
  readonly #config: IntakeConfig;
  readonly #rates = addressRates();
  readonly #budget: WorkBudget;
  /** BOUNDED: limits.queue each. */
  readonly #replies: Queued[] = [];
  readonly #requests: Queued[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(config: IntakeConfig) {
    this.#config = config;
    this.#budget = new WorkBudget(config.clock.now());
  }

  get queued(): number {
    return this.#replies.length + this.#requests.length;
  }

  receive(bytes: Uint8Array, from: Endpoint): void {
    if (this.#isClosed) return;
    const { counts } = this;
    const config = this.#config;
    counts.received++;
    const packet = openPacket(bytes);
    if (packet === "junk") {
      counts.junk++;
      config.unhandled?.(bytes, from);
      return;
    }
    if (packet === "malformed") return void counts.malformed++;
    if (!isTimely(packet, config.clock.unixSeconds())) return void counts.untimely++;
    if (!config.isAllowed(from.host)) return void counts.notAllowed++;
    const isReply = packet.name === "pong" || packet.name === "neighbors" || packet.name === "enrResponse";
    if (isReply && !config.isExpected(packet, from)) return void counts.unasked++;
    if (!isReply && !this.#rates.take(from.host, config.clock.now())) return void counts.limited++;
    this.#enqueue(isReply ? this.#replies : this.#requests, { packet, from });
    if (this.#timer === undefined) this.#drain();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#replies.length = 0;
    this.#requests.length = 0;
  }

  #enqueue(queue: Queued[], entry: Queued): void {
    queue.push(entry);
    if (queue.length <= limits.queue) return;
    queue.shift();
    this.counts.dropped++;
  }

  /** Works as long as the budget lasts, then waits for more of it. */
  #drain(): void {
    const { clock } = this.#config;
    this.#timer = undefined;
    while (this.queued > 0 && !this.#isClosed) {
      const started = clock.now();
      const waitMs = this.#budget.wait(started);
      if (waitMs > 0) {
        this.#timer = clock.after(waitMs, () => this.#drain());
        return;
      }
      this.#next();
      this.#budget.spend(clock.now() - started);
    }
  }

  #next(): void {
    const entry = this.#replies.shift() ?? this.#requests.shift();
    if (entry === undefined) return;
    this.counts.recovered++;
    const publicKey = signerOf(entry.packet);
    if (publicKey === undefined) this.counts.unsigned++;
    else this.#config.handle(entry.packet, publicKey, entry.from);
  }
}
