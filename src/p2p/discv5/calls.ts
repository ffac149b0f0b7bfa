import type { Enode } from "#enode";
import type { Clock, Endpoint, Timer } from "#host";
import { toHex } from "#util";
import { discv5Limits as limits } from "./limits.ts";
import type { Message, MessageName } from "./messages.ts";

/** A request of ours. */
export interface Call {
  readonly node: Enode;
  readonly to: Endpoint;
  readonly message: Message;
  readonly reply: MessageName;
  /** Takes a reply; true: more may come. */
  readonly take: (message: Message) => boolean;
}

interface Active extends Call {
  readonly requestId: Uint8Array;
  readonly end: (isAnswered: boolean) => void;
  nonce: string;
  timer: Timer;
  hasReply: boolean;
  handshakes: number;
}

/**
 * Requests under way: one of a node at a time, so that a challenge is for that one, the others behind it.
 *
 * A reply counts if it comes from the node and endpoint asked, with the request's id, and is of the kind that answers it (DI-04).
 */
export class Calls {
  readonly #clock: Pick<Clock, "after">;
  readonly #send: (call: Call) => Uint8Array;
  /** By node. BOUNDED: limits.calls, with the queues. */
  readonly #active = new Map<string, Active>();
  /** The same by the nonce of the packet that carried it. */
  readonly #byNonce = new Map<string, Active>();
  /** BOUNDED: limits.callsPerNode each. */
  readonly #queues = new Map<string, Active[]>();
  #size = 0;
  #isClosed = false;

  /** @param send - sends a request and gives its packet's nonce */
  constructor(clock: Pick<Clock, "after">, send: (call: Call) => Uint8Array) {
    this.#clock = clock;
    this.#send = send;
  }

  get size(): number {
    return this.#size;
  }

  /** Resolves when the reply is whole or nothing comes any more: true if anything came. Never rejects. */
  make(call: Call): Promise<boolean> {
    return new Promise((resolve) => {
      const { id } = call.node;
      const queue = this.#queues.get(id) ?? [];
      if (this.#isClosed || this.#size >= limits.calls || queue.length >= limits.callsPerNode)
        return resolve(false);
      this.#size++;
      const { requestId } = call.message.body;
      const active = {
        ...call,
        requestId,
        end: resolve,
        nonce: "",
        timer: noTimer,
        hasReply: false,
        handshakes: 0,
      };
      queue.push(active);
      this.#queues.set(id, queue);
      this.#next(id);
    });
  }

  /** The request that a challenge is for, which is sent again with the handshake: once for a request (DI-09). */
  challenged(nonce: Uint8Array, from: Endpoint): Call | undefined {
    const active = this.#byNonce.get(toHex(nonce));
    if (active === undefined || active.handshakes > 0 || !isSame(active.to, from)) return undefined;
    active.handshakes++;
    return active;
  }

  /** It was sent again, in another packet. */
  resent(id: string, nonce: Uint8Array): void {
    const active = this.#active.get(id);
    if (active !== undefined) this.#sent(active, nonce);
  }

  /** Hands a reply to who waits for it; false if nobody does. */
  settle(id: string, from: Endpoint, message: Message): boolean {
    const active = this.#active.get(id);
    if (active === undefined || active.reply !== message.name || !isSame(active.to, from)) return false;
    if (toHex(active.requestId) !== toHex(message.body.requestId)) return false;
    active.hasReply = true;
    if (active.take(message)) this.#arm(active);
    else this.#end(active);
    return true;
  }

  /** Ends all unanswered. */
  close(): void {
    this.#isClosed = true;
    const all = [...this.#active.values(), ...[...this.#queues.values()].flat()];
    this.#queues.clear();
    for (const active of all) {
      active.timer.cancel();
      active.end(false);
    }
    this.#active.clear();
    this.#byNonce.clear();
    this.#size = 0;
  }

  #next(id: string): void {
    const queue = this.#queues.get(id);
    if (queue === undefined || this.#active.has(id)) return;
    const active = queue.shift();
    if (queue.length === 0) this.#queues.delete(id);
    if (active === undefined) return;
    this.#active.set(id, active);
    this.#sent(active, this.#send(active));
  }

  #sent(active: Active, nonce: Uint8Array): void {
    this.#byNonce.delete(active.nonce);
    active.nonce = toHex(nonce);
    this.#byNonce.set(active.nonce, active);
    this.#arm(active);
  }

  #arm(active: Active): void {
    active.timer.cancel();
    active.timer = this.#clock.after(limits.responseTimeoutMs, () => this.#end(active));
  }

  #end(active: Active): void {
    const { id } = active.node;
    if (this.#active.get(id) !== active) return;
    active.timer.cancel();
    this.#active.delete(id);
    this.#byNonce.delete(active.nonce);
    this.#size--;
    active.end(active.hasReply);
    this.#next(id);
  }
}

const noTimer: Timer = { cancel() {} };
const isSame = (a: Endpoint, b: Endpoint): boolean => a.host === b.host && a.port === b.port;
