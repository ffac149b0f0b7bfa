import type { Clock } from "#host";
import { type Deferred, deferred } from "#util";
import { P2pError } from "./errors.ts";
import { MsgQueue } from "./msg-queue.ts";
import type { Msg, MsgReadWriter } from "./protocol.ts";

/** BOUNDED: messages between the ends, per direction; a writer past it waits. */
const CAPACITY = 256;

/** One end of a pipe. `close` ends both. */
export interface PipeEnd extends MsgReadWriter {
  close(error?: unknown): void;
}

/**
 * Two connected MsgReadWriters, for tests of protocols without sockets: what one writes, the other reads.
 *
 * @param options.clock - stamps messages and drives timeouts of sessions over the pipe
 * @see geth p2p/message.go:163-254@v1.8.27
 */
export function messagePipe({ clock }: { clock?: Clock | undefined } = {}): [PipeEnd, PipeEnd] {
  const left = new Direction(clock);
  const right = new Direction(clock);
  const close = (error: unknown = P2pError("PEER_CLOSED", { why: "pipe closed" })) => {
    left.close(error);
    right.close(error);
  };
  return [makeEnd(left, right, close, clock), makeEnd(right, left, close, clock)];
}

function makeEnd(
  incoming: Direction,
  outgoing: Direction,
  close: (error?: unknown) => void,
  clock: Clock | undefined,
): PipeEnd {
  return {
    clock,
    readMsg: () => incoming.queue.next(),
    writeMsg: (code, payload) => outgoing.write(code, payload),
    [Symbol.asyncIterator]: () => incoming.queue[Symbol.asyncIterator](),
    close,
  };
}

class Direction {
  readonly queue = new MsgQueue(() => this.#release());
  readonly #clock: Clock | undefined;
  #waiting: Deferred<void> | undefined;
  #end: { readonly error: unknown } | undefined;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  async write(code: number, payload: Uint8Array): Promise<void> {
    if (this.#end !== undefined) throw this.#end.error;
    const msg: Msg = {
      code,
      size: payload.length,
      payload: payload.slice(),
      receivedAt: this.#clock?.now() ?? 0,
    };
    this.queue.push(msg);
    if (this.queue.count < CAPACITY) return;
    this.#waiting ??= deferred<void>();
    await this.#waiting.promise;
  }

  close(error: unknown): void {
    this.#end ??= { error };
    this.queue.close(error);
    this.#waiting?.reject(error);
  }

  #release(): void {
    if (this.queue.count >= CAPACITY) return;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
