import { VmError } from "./errors.ts";

/** What any run may have, however much the others have taken: what ordinary calls need many times over. */
const FREE_BYTES = 1024 * 1024;

/** Bytes that all runs together may have in the memory of their frames. */
export class MemoryBudget {
  readonly mostBytes: number;
  usedBytes = 0;

  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }
}

/** The frames of one run, on a budget (RP-12). What a frame has is given back when it ends; the rest, when the run ends. */
export class MemoryMeter {
  readonly #budget: MemoryBudget;
  #ownBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Asked before memory is made. @throws VM_MEMORY */
  take(bytes: number): void {
    const { mostBytes, usedBytes } = this.#budget;
    if (usedBytes + bytes > mostBytes && this.#ownBytes + bytes > FREE_BYTES)
      throw VmError("MEMORY", { mebibytes: mostBytes / 1024 / 1024 });
    this.#ownBytes += bytes;
    this.#budget.usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#ownBytes -= bytes;
    this.#budget.usedBytes -= bytes;
  }

  /** The run is over, and with it every frame that it broke off. */
  release(): void {
    this.give(this.#ownBytes);
  }
}

/** The library's memory of a frame: grows by whole containers. Its class is not exported. */
export interface FrameMemory {
  _store: Uint8Array;
  extend: (this: FrameMemory, offset: number, size: number) => void;
  /** Ours. */
  meter?: MemoryMeter | undefined;
}

/** As the library's (memory.js), which says it to nobody. */
const CONTAINER_BYTES = 8192;
const patched = new WeakSet<object>();

/** Puts a frame's memory on a meter. The first container of each is free. */
export function meterFrame(memory: FrameMemory, meter: MemoryMeter): void {
  const prototype = Object.getPrototypeOf(memory) as FrameMemory;
  if (!patched.has(prototype)) {
    patched.add(prototype);
    const extend: (this: FrameMemory, offset: number, size: number) => void = prototype.extend;
    prototype.extend = function metered(this: FrameMemory, offset, size) {
      const missing = offset + size - this._store.length;
      if (size === 0 || missing <= 0) return;
      this.meter?.take(Math.ceil(missing / CONTAINER_BYTES) * CONTAINER_BYTES);
      extend.call(this, offset, size);
    };
  }
  memory.meter = meter;
}

/** The frame has ended. */
export function releaseFrame(memory: FrameMemory, meter: MemoryMeter): void {
  const bytes = memory._store.length - CONTAINER_BYTES;
  if (bytes > 0) meter.give(bytes);
}
