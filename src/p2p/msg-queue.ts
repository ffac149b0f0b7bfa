import { type Deferred, deferred } from "#util";
import type { Msg } from "./protocol.ts";

/**
 * Messages that wait for their reader; one reader at a time.
 *
 * Not bounded by itself: who pushes looks at `count` and `bytes` (the peer pauses its socket, the pipe its writer) and is
 * told of every take by `onTake`.
 */
export class MsgQueue {
  #messages: Msg[] = [];
  #head = 0;
  #bytes = 0;
  #reader: Deferred<Msg> | undefined;
  #end: { readonly error: unknown } | undefined;
  readonly #onTake: (size: number) => void;

  constructor(onTake: (size: number) => void = () => {}) {
    this.#onTake = onTake;
  }

  get count(): number {
    return this.#messages.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(msg: Msg): void {
    if (this.#end !== undefined) return;
    if (this.#reader !== undefined) {
      this.#reader.resolve(msg);
      this.#reader = undefined;
      this.#onTake(msg.size);
      return;
    }
    this.#messages.push(msg);
    this.#bytes += msg.size;
  }

  /** @throws what `close` was given, once the queue is empty */
  async next(): Promise<Msg> {
    const msg = this.#messages[this.#head];
    if (msg === undefined) {
      if (this.#end !== undefined) throw this.#end.error;
      if (this.#reader !== undefined) throw new TypeError("two readers on one connection");
      this.#reader = deferred<Msg>();
      return this.#reader.promise;
    }
    this.#head++;
    if (this.#head >= 64 && this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    this.#bytes -= msg.size;
    this.#onTake(msg.size);
    return msg;
  }

  /** No more messages; what waits can still be read unless `discard`. */
  close(error: unknown, { discard = false }: { discard?: boolean } = {}): void {
    this.#end ??= { error };
    if (discard) {
      this.#messages = [];
      this.#head = 0;
      this.#bytes = 0;
    }
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  /** Yields messages until the end, which it throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Msg> {
    while (true) yield await this.next();
  }
}
