import type { RpcLimits } from "./limits.ts";

/** Where an outbox writes, and how it learns what has not gone out yet. */
export interface Sink {
  write(text: string, done: () => void): void;
  /** Bytes handed over and not yet taken by the kernel. */
  buffered(): number;
  /** Called once, when the bound is passed: the transport closes the connection. */
  overflow(): void;
}

/**
 * Counts what waits for a slow reader (RP-15). BOUNDED: limits.outgoingBytes and limits.outgoingMessages; past either,
 * nothing more is queued and the connection is closed.
 */
export class Outbox {
  readonly #maxBytes: number;
  readonly #maxMessages: number;
  readonly #sink: Sink;
  #waiting = 0;
  #isOver = false;

  constructor(
    { outgoingBytes, outgoingMessages }: Pick<RpcLimits, "outgoingBytes" | "outgoingMessages">,
    sink: Sink,
  ) {
    this.#maxBytes = outgoingBytes;
    this.#maxMessages = outgoingMessages;
    this.#sink = sink;
  }

  get waiting(): number {
    return this.#waiting;
  }

  push(text: string): void {
    if (this.#isOver) return;
    // a single reply may be larger than the bound (25 MB): it is the queue behind it that is refused
    if (
      this.#waiting >= this.#maxMessages ||
      (this.#waiting > 0 && this.#sink.buffered() + text.length > this.#maxBytes)
    ) {
      this.#isOver = true;
      this.#sink.overflow();
      return;
    }
    this.#waiting++;
    this.#sink.write(text, () => {
      this.#waiting--;
    });
  }
}
