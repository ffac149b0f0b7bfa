import type { Clock, Timer } from "#host";
import { VmError } from "./errors.ts";
import { slabs } from "./slabs.ts";

/** What any run may have, however much the others have taken: what ordinary calls need many times over. */
const FREE_BYTES = 1024 * 1024;
/** From this on a run is heavy: heavy ones go on one after the other. */
const HEAVY_BYTES = 512 * 1024;
/** What many or large frames had is let go of when there was no run for so long. */
const KEPT_MS = 250;

/** Bytes that all runs together may have in the memory of their frames. */
export class MemoryBudget implements Disposable {
  readonly mostBytes: number;
  readonly #clock: Pick<Clock, "now" | "after"> | undefined;
  #resting: Timer | undefined;
  #restedMs = 0;
  usedBytes = 0;
  /** The heavy run that goes on. */
  heavy: MemoryMeter | undefined;
  /** Heavy runs that wait. BOUNDED by who lets runs in. */
  readonly #aside = new Set<() => void>();

  /** @param clock - absent: the memory of frames that ended is kept for the next ones, within its bound */
  constructor(mostBytes: number, clock?: Pick<Clock, "now" | "after">) {
    this.mostBytes = mostBytes;
    this.#clock = clock;
  }

  /** A run has ended. */
  rest(): void {
    const clock = this.#clock;
    if (clock === undefined || this.usedBytes > 0 || slabs.isTrimmed) return;
    this.#restedMs = clock.now();
    if (this.#resting === undefined) this.#waitToTrim(clock, KEPT_MS);
  }

  #waitToTrim(clock: Pick<Clock, "now" | "after">, delayMs: number): void {
    this.#resting = clock.after(delayMs, () => {
      this.#resting = undefined;
      if (this.usedBytes > 0) return;
      const leftMs = this.#restedMs + KEPT_MS - clock.now();
      if (leftMs <= 0) slabs.trim();
      else this.#waitToTrim(clock, leftMs);
    });
  }

  [Symbol.dispose](): void {
    this.#resting?.cancel();
    this.#resting = undefined;
    slabs.trim();
  }

  /** Calls `look` when the heavy run has ended, or now and then: once, and not after it was disposed of. */
  stand(look: () => void): Disposable {
    this.#aside.add(look);
    return { [Symbol.dispose]: () => void this.#aside.delete(look) };
  }

  /** Those that wait look again, at their clocks too. */
  wake(): void {
    const waiting = [...this.#aside];
    this.#aside.clear();
    for (const look of waiting) look();
  }
}

/** The frames of one run, on a budget (RP-12). What a frame has is given back when it ends; the rest, when the run ends. */
export class MemoryMeter {
  readonly #budget: MemoryBudget;
  #ownBytes = 0;
  /** Frames that run, outermost first. BOUNDED: 1,025, the depth of calls. */
  readonly #frames: FrameMemory[] = [];

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

  /** A frame begins. @throws VM_MEMORY */
  enter(frame: FrameMemory): void {
    this.take(frame._store.length);
    this.#frames.push(frame);
  }

  /** The innermost frame has ended: nothing looks into its memory any more, what it returned is a copy. */
  leave(): void {
    const frame = this.#frames.pop();
    if (frame === undefined) return;
    this.#give(frame._store.length);
    returnSlab(frame);
  }

  #give(bytes: number): void {
    this.#ownBytes -= bytes;
    this.#budget.usedBytes -= bytes;
  }

  /** False: another heavy run is at work, wait. Asked before each message, which is where memory adds up. */
  mayGoOn(): boolean {
    if (this.#ownBytes <= HEAVY_BYTES) return true;
    this.#budget.heavy ??= this;
    return this.#budget.heavy === this;
  }

  /** @see MemoryBudget.stand */
  stand(look: () => void): Disposable {
    return this.#budget.stand(look);
  }

  /** Called when its run gives way: whoever waits for it must not miss the end of its time. */
  nudge(): void {
    if (this.#budget.heavy === this) this.#budget.wake();
  }

  /** The run is over, and with it every frame that it broke off. */
  release(): void {
    while (this.#frames.length > 0) this.leave();
    this.#budget.rest();
    if (this.#budget.heavy !== this) return;
    this.#budget.heavy = undefined;
    this.#budget.wake();
  }
}

/** The library's memory of a frame: grows by whole containers. Its class is not exported. */
export interface FrameMemory {
  _store: Uint8Array;
  extend: (this: FrameMemory, offset: number, size: number) => void;
  /** Ours. */
  meter?: MemoryMeter | undefined;
  /** Ours: what `_store` is the beginning of, once it has grown. */
  slab?: Uint8Array | undefined;
}

/** As the library's (memory.js), which says it to nobody. */
const CONTAINER_BYTES = 8192;
const patched = new WeakSet<object>();

/** The library makes a new array for every 8 KiB; here the memory of frames is used again. */
function extend(this: FrameMemory, offset: number, size: number): void {
  const missing = offset + size - this._store.length;
  if (size === 0 || missing <= 0) return;
  const grown = Math.ceil(missing / CONTAINER_BYTES) * CONTAINER_BYTES;
  this.meter?.take(grown);
  const length = this._store.length + grown;
  if (this.slab === undefined || this.slab.length < length) {
    const slab = slabs.take(length);
    slab.set(this._store);
    if (this.slab !== undefined) slabs.give(this.slab);
    this.slab = slab;
  }
  this._store = this.slab.subarray(0, length);
}

/** Puts a frame's memory on a meter. @throws VM_MEMORY */
export function meterFrame(memory: FrameMemory, meter: MemoryMeter | undefined): void {
  const prototype = Object.getPrototypeOf(memory) as FrameMemory;
  if (!patched.has(prototype)) {
    patched.add(prototype);
    prototype.extend = extend;
  }
  memory.meter = meter;
  meter?.enter(memory);
}

/** The frame has ended in its own way. */
export function releaseFrame(memory: FrameMemory): void {
  if (memory.meter === undefined) returnSlab(memory);
  else memory.meter.leave();
}

function returnSlab(memory: FrameMemory): void {
  if (memory.slab !== undefined) slabs.give(memory.slab);
  memory.slab = undefined;
}
