import type { NodeId } from "#enode";
import type { Clock, Timer } from "#host";
import { equalBytes } from "#util";
import { discv4Limits as limits } from "./limits.ts";
import type { OpenPacket, PacketName } from "./packets.ts";

/** What one waits for. `ping` is theirs, which shows that they hold us for unproven and are about to prove us. */
type ReplyName = Extract<PacketName, "ping" | "pong" | "neighbors" | "enrResponse">;

/** What a reply leaves to wait for: nothing, the whole rest of the time, or stragglers sent together with it. */
type Left = "nothing" | "more" | "stragglers";

interface Waiting {
  readonly id: NodeId;
  readonly ip: string;
  readonly name: ReplyName;
  /** The hash a pong or an enrResponse must name. */
  readonly hash: Uint8Array | undefined;
  readonly take: (packet: OpenPacket) => Left;
  readonly end: (isAnswered: boolean) => void;
  timer: Timer;
  /** Packets that may still be looked at before their signer is known. */
  left: number;
  hasReply: boolean;
}

export interface Wait {
  readonly id: NodeId;
  readonly ip: string;
  readonly name: ReplyName;
  readonly hash?: Uint8Array | undefined;
  /** Takes a reply and says what is left to wait for; nothing unless told. */
  readonly take?: ((packet: OpenPacket) => Left) | undefined;
}

/** Requests that wait for their replies. A reply counts from the node and address that were asked, and naming the request where it can (DI-04). */
export class PendingReplies {
  readonly #clock: Pick<Clock, "after">;
  /** BOUNDED: limits.pending; emptied by replies and timeouts. */
  readonly #waiting = new Set<Waiting>();
  readonly #onEnd: (isAnswered: boolean) => void;
  #isClosed = false;

  /** @param onEnd - told of each request whether it was answered; not of those that `close` ends */
  constructor(clock: Pick<Clock, "after">, onEnd: (isAnswered: boolean) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Waits for a reply: true if at least one came in time. Never rejects. */
  wait({ id, ip, name, hash, take = () => "nothing" }: Wait): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#isClosed) return resolve(false);
      const waiting: Waiting = {
        id,
        ip,
        name,
        hash,
        take,
        timer: this.#clock.after(limits.responseTimeoutMs, () => this.#end(waiting)),
        left: limits.neighborsPackets,
        hasReply: false,
        end: resolve,
      };
      this.#waiting.add(waiting);
      if (this.#waiting.size > limits.pending) for (const oldest of this.#waiting) return this.#end(oldest);
    });
  }

  /** Whether a packet can be a reply that is waited for, before its signer is known. It counts against the request. */
  expects(packet: OpenPacket, ip: string): boolean {
    for (const waiting of this.#waiting) {
      if (waiting.ip !== ip || !fits(waiting, packet) || waiting.left === 0) continue;
      waiting.left--;
      return true;
    }
    return false;
  }

  /** Hands a reply to those who wait for it; false if nobody does. */
  settle(packet: OpenPacket, id: NodeId, ip: string): boolean {
    let isTaken = false;
    for (const waiting of [...this.#waiting]) {
      if (waiting.ip !== ip || waiting.id !== id || !fits(waiting, packet)) continue;
      isTaken = true;
      waiting.hasReply = true;
      const left = waiting.take(packet);
      if (left === "nothing") this.#end(waiting);
      else if (left === "stragglers") this.#hurry(waiting);
    }
    return isTaken;
  }

  /** Ends every wait unanswered, and those to come at once. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting) {
      waiting.timer.cancel();
      waiting.end(false);
    }
    this.#waiting.clear();
  }

  #hurry(waiting: Waiting): void {
    waiting.timer.cancel();
    waiting.timer = this.#clock.after(limits.stragglerMs, () => this.#end(waiting));
  }

  #end(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.timer.cancel();
    if (waiting.name !== "ping") this.#onEnd(waiting.hasReply);
    waiting.end(waiting.hasReply);
  }
}

function fits(waiting: Waiting, packet: OpenPacket): boolean {
  if (waiting.name !== packet.name) return false;
  if (waiting.hash === undefined) return true;
  if (packet.name === "pong") return equalBytes(packet.body.pingHash, waiting.hash);
  return packet.name === "enrResponse" && equalBytes(packet.body.requestHash, waiting.hash);
}
