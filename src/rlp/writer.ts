import { bigintToBytes } from "#util";
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
    const { length } = value;
    const need = length + 9; // with the longest header
    if (this.#pos < need) this.#grow(need);
    const first = value[0];
    if (length === 1 && first !== undefined && first < 0x80) {
      this.#buffer[--this.#pos] = first;
      return;
    }
    this.#pos -= length;
    this.#buffer.set(value, this.#pos);
    if (length <= 55) this.#buffer[--this.#pos] = 0x80 + length;
    else this.#longHeader(0x80, length);
  }

  /** A non-negative safe integer. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw RlpError("ENCODE", { reason: `no whole number: ${value}` });
    if (this.#pos < 9) this.#grow(9);
    const buffer = this.#buffer;
    let pos = this.#pos;
    if (value > 0 && value < 0x80) buffer[--pos] = value;
    else {
      let rest = value;
      for (; rest > 0xffff_ffff; rest = Math.floor(rest / 256)) buffer[--pos] = rest % 256;
      for (rest >>>= 0; rest > 0; rest >>>= 8) buffer[--pos] = rest & 0xff;
      buffer[pos - 1] = 0x80 + this.#pos - pos;
      pos--;
    }
    this.#pos = pos;
  }

  bigint(value: bigint): void {
    if (value < 0n) throw RlpError("ENCODE", { reason: "negative integer" });
    if (value <= 0x1f_ffff_ffff_ffffn) return this.number(Number(value));
    this.bytes(bigintToBytes(value));
  }

  closeList(before: number): void {
    if (this.#pos < 9) this.#grow(9);
    const length = this.written - before;
    if (length <= 55) this.#buffer[--this.#pos] = 0xc0 + length;
    else this.#longHeader(0xc0, length);
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

  #longHeader(base: number, length: number): void {
    let rest = length;
    let size = 0;
    for (; rest > 0; size++) {
      this.#buffer[--this.#pos] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#buffer[--this.#pos] = base + 55 + size;
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
