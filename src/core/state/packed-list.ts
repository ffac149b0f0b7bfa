const LENGTH = 4;

/** Byte strings in a row, each behind its length (4): one message of many. */
export function packList(items: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(items.reduce((sum, item) => sum + LENGTH + item.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const item of items) {
    view.setUint32(at, item.length);
    bytes.set(item, at + LENGTH);
    at += LENGTH + item.length;
  }
  return bytes;
}

/** Reads such a row from its beginning. */
export class PackedList {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** A view. */
  next(): Uint8Array {
    const start = this.#at + LENGTH;
    this.#at = start + this.#view.getUint32(this.#at);
    return this.#bytes.subarray(start, this.#at);
  }

  /** All that is left, as views. */
  rest(): Uint8Array[] {
    const items: Uint8Array[] = [];
    while (!this.isOver) items.push(this.next());
    return items;
  }
}
