/** Chunks shorter than this are gathered, so that a drip of single bytes costs no object each. */
const SMALL = 512;
const GATHER = 16 * 1024;

/**
 * Received bytes in the pieces they came in. Taking n bytes copies at most those n, once, whatever the sizes of the pieces
 * (RX-12); a take inside one piece is a view.
 *
 * Not bounded by itself: the frame reader refuses a frame by its size before its body is gathered, and the driver pauses.
 */
export class ChunkList {
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Read position in the first chunk. */
  #offset = 0;
  #length = 0;
  /** Tail buffer being filled, the last chunk's backing store while it has room. */
  #gather: { readonly buffer: Uint8Array; used: number } | undefined;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    if (chunk.length >= SMALL || this.#head === this.#chunks.length) {
      this.#gather = undefined;
      this.#chunks.push(chunk);
      return;
    }
    this.#append(chunk);
  }

  #append(chunk: Uint8Array): void {
    const gather = this.#gather;
    if (gather === undefined || gather.used + chunk.length > gather.buffer.length) {
      const buffer = new Uint8Array(GATHER);
      buffer.set(chunk);
      this.#gather = { buffer, used: chunk.length };
      this.#chunks.push(buffer.subarray(0, chunk.length));
      return;
    }
    gather.buffer.set(chunk, gather.used);
    gather.used += chunk.length;
    const last = this.#chunks.length - 1;
    const from = this.#chunks[last]?.byteOffset ?? 0;
    this.#chunks[last] = gather.buffer.subarray(from - gather.buffer.byteOffset, gather.used);
  }

  /** The first `count` bytes, taken out. The caller has looked at `length`. */
  take(count: number): Uint8Array {
    const first = this.#chunks[this.#head];
    if (first !== undefined && first.length - this.#offset >= count) {
      const view = first.subarray(this.#offset, this.#offset + count);
      this.#advance(count);
      return view;
    }
    const out = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) throw new RangeError(`take(${count}) of fewer bytes`);
      const part = chunk.subarray(this.#offset, this.#offset + count - filled);
      out.set(part, filled);
      filled += part.length;
      this.#advance(part.length);
    }
    return out;
  }

  #advance(count: number): void {
    this.#offset += count;
    this.#length -= count;
    const first = this.#chunks[this.#head];
    if (first === undefined || this.#offset < first.length) return;
    this.#offset = 0;
    this.#head++;
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
      this.#gather = undefined;
    } else if (this.#head >= 256 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
