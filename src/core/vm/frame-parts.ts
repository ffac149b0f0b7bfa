import { EVMError } from "@ethereumjs/evm";
import type { FrameMemory } from "./memory-meter.ts";

/** Of the yellow paper: items on a stack. */
const MOST_ITEMS = 1024;
const NOTHING = new Uint8Array(0);

/** A frame's stack, with the methods that the library's opcodes call. BOUNDED: 1,024 items. */
export class FrameStack {
  readonly items: bigint[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: bigint): void {
    if (this.#length >= MOST_ITEMS) throw new EVMError(EVMError.errorMessages.STACK_OVERFLOW);
    this.items[this.#length++] = value;
  }

  pop(): bigint {
    this.need(1);
    return this.items[--this.#length] as bigint; // there are that many
  }

  /** The topmost first. */
  popN(count = 1): bigint[] {
    const taken = this.peek(count);
    this.#length -= count;
    return taken;
  }

  /** The topmost first; they stay. */
  peek(count = 1): bigint[] {
    this.need(count);
    const seen: bigint[] = [];
    for (let i = 1; i <= count; i++) seen.push(this.items[this.#length - i] as bigint); // there are that many
    return seen;
  }

  /** The item so many below the top, which is there. */
  at(place: number): bigint {
    return this.items[this.#length - 1 - place] as bigint; // `need` was asked
  }

  /** Puts a result where the last of `operands` items was. */
  replace(operands: number, value: bigint): void {
    this.#length -= operands - 1;
    this.items[this.#length - 1] = value;
  }

  /** @throws EVMError stack underflow */
  need(count: number): void {
    if (this.#length < count) throw new EVMError(EVMError.errorMessages.STACK_UNDERFLOW);
  }

  swap(place: number): void {
    this.need(place + 1);
    const top = this.#length - 1;
    const other = this.items[top - place] as bigint; // there are that many
    this.items[top - place] = this.items[top] as bigint;
    this.items[top] = other;
  }

  /** The item so many from the top, counted from 1, once more. */
  dup(place: number): void {
    this.need(place);
    this.push(this.items[this.#length - place] as bigint); // there are that many
  }

  getStack(): bigint[] {
    return this.items.slice(0, this.#length);
  }
}

/** A frame's memory: nothing until it is written. How it grows is put in by `meterFrame`. */
export class OwnMemory implements FrameMemory {
  _store: Uint8Array = NOTHING;
  meter: FrameMemory["meter"] = undefined;
  slab: FrameMemory["slab"] = undefined;
  declare extend: FrameMemory["extend"];

  write(offset: number, size: number, value: Uint8Array): void {
    if (size === 0) return;
    this.extend(offset, size);
    if (value.length !== size) throw new RangeError("not as many bytes as are to be written");
    this._store.set(value, offset);
  }

  /** @param isView - not copied; whoever gets it must not keep it */
  read(offset: number, size: number, isView = false): Uint8Array {
    this.extend(offset, size);
    return isView ? this._store.subarray(offset, offset + size) : this._store.slice(offset, offset + size);
  }
}
