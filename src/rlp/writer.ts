import { RlpError } from "./errors.ts";

const FIRST_SIZE = 4096;
/** A larger scratch is given back, so that one big message does not cost memory for ever. */
const KEPT_SIZE = 1 << 20;

let spare: Uint8Array | undefined = new Uint8Array(FIRST_SIZE);

/**
 * Writes RLP from the last byte to the first: a list's length is known once its items are written, so one pass does, without measuring
 * first. Writers therefore write the last item first. The result is one exact allocation.
 */
export class RlpWriter {
  #buffer: Uint8Array;
  #pos: number;

  constructor() {
    this.#buffer = spare ?? new Uint8Array(FIRST_SIZE);
    spare = undefined;
    this.#pos = this.#buffer.length;
  }

  /** Bytes written so far; `closeList` wants the value from before the list's items. */
  get written(): number {
    return this.#buffer.length - this.#pos;
  }

  /** Copies bytes as they are: they must be whole items. */
  raw(bytes: Uint8Array): void {
    if (this.#pos < bytes.length) this.#grow(bytes.length);
    this.#pos -= bytes.length;
    this.#buffer.set(bytes, this.#pos);
  }

  bytes(value: Uint8Array): void {
    const first = value[0];
    if (value.length === 1 && first !== undefined && first < 0x80) return this.#byte(first);
    this.raw(value);
    this.#header(0x80, value.length);
  }

  /** A non-negative safe integer. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw RlpError("ENCODE", { reason: `no whole number: ${value}` });
    if (value > 0 && value < 0x80) return this.#byte(value);
    let rest = value;
    let length = 0;
    for (; rest > 0; length++) {
      this.#byte(rest % 256);
      rest = Math.floor(rest / 256);
    }
    this.#byte(0x80 + length);
  }

  bigint(value: bigint): void {
    if (value < 0n) throw RlpError("ENCODE", { reason: "negative integer" });
    if (value <= 0x1f_ffff_ffff_ffffn) return this.number(Number(value));
    let rest = value;
    let length = 0;
    for (; rest > 0n; length++) {
      this.#byte(Number(rest & 0xffn));
      rest >>= 8n;
    }
    this.#header(0x80, length);
  }

  closeList(before: number): void {
    this.#header(0xc0, this.written - before);
  }

  /** The bytes, exactly; the writer must not be used after. */
  finish(): Uint8Array {
    const out = this.#buffer.slice(this.#pos);
    this.drop();
    return out;
  }

  /** Gives the scratch back without a result. */
  drop(): void {
    if (this.#buffer.length <= KEPT_SIZE) spare = this.#buffer;
  }

  #header(base: number, length: number): void {
    if (length <= 55) return this.#byte(base + length);
    let rest = length;
    let size = 0;
    for (; rest > 0; size++) {
      this.#byte(rest % 256);
      rest = Math.floor(rest / 256);
    }
    this.#byte(base + 55 + size);
  }

  #byte(value: number): void {
    if (this.#pos === 0) this.#grow(1);
    this.#buffer[--this.#pos] = value;
  }

  #grow(need: number): void {
    const written = this.written;
    const bigger = new Uint8Array(Math.max(this.#buffer.length * 2, written + need + 16));
    bigger.set(this.#buffer.subarray(this.#pos), bigger.length - written);
    this.#buffer = bigger;
    this.#pos = bigger.length - written;
  }
}

/** Runs `write` on a fresh writer. Encoding inside encoding is fine: the inner one has a scratch of its own. */
export function writeWith(write: (writer: RlpWriter) => void): Uint8Array {
  const writer = new RlpWriter();
  try {
    write(writer);
  } catch (error) {
    writer.drop();
    throw error;
  }
  return writer.finish();
}
