const SHORT_LENGTH = 126;
const LONG_LENGTH = 127;

/** What a WebSocket client's bytes come to, told as they come. */
export interface FrameEvents {
  /** So many bytes of the message that comes in are there, all its fragments together. */
  grown(bytes: number): void;
  /** It is whole. */
  whole(): void;
}

/**
 * Follows the frames of RFC 6455 by their heads: how much of a message has come. It says nothing of whether they are in order (ws does, and
 * closes the connection), and keeps 14 bytes at most.
 */
export class FrameMeter {
  readonly #events: FrameEvents;
  readonly #head: number[] = [];
  /** Of the frame whose payload comes in. */
  #left = 0;
  #isControl = false;
  #isFinal = false;
  #messageBytes = 0;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) {
        this.#head.push(bytes[at++] ?? 0);
        if (this.#head.length >= 2 && this.#head.length === headBytes(this.#head)) this.#begin();
        continue;
      }
      const some = Math.min(this.#left, bytes.length - at);
      at += some;
      this.#left -= some;
      if (!this.#isControl) {
        this.#messageBytes += some;
        this.#events.grown(this.#messageBytes);
      }
      if (this.#left === 0) this.#end();
    }
  }

  #begin(): void {
    const [first = 0] = this.#head;
    this.#isControl = (first & 0x08) !== 0;
    this.#isFinal = (first & 0x80) !== 0;
    this.#left = payloadBytes(this.#head);
    this.#head.length = 0;
    if (this.#left === 0) this.#end();
  }

  #end(): void {
    if (this.#isControl || !this.#isFinal) return;
    this.#messageBytes = 0;
    this.#events.whole();
  }
}

function headBytes([, second = 0]: readonly number[]): number {
  const length = second & 0x7f;
  const more = length === SHORT_LENGTH ? 2 : length === LONG_LENGTH ? 8 : 0;
  return 2 + more + ((second & 0x80) === 0 ? 0 : 4);
}

function payloadBytes([, second = 0, ...rest]: readonly number[]): number {
  const length = second & 0x7f;
  if (length < SHORT_LENGTH) return length;
  return rest.slice(0, length === SHORT_LENGTH ? 2 : 8).reduce((sum, byte) => sum * 256 + byte, 0);
}
