/** Smallest slab, and the largest that is cut from a region. */
const LEAST_BYTES = 16 * 1024;
const LARGEST_CUT_BYTES = 4 * 1024 * 1024;

/** Sizes are so many to a doubling: an eighth of a slab is wasted, on average. */
const STEPS = 4;

/**
 * What the system is asked for in one piece. Over 32 MiB glibc maps a piece by itself, whatever was freed before: what nobody
 * touched of it takes no memory, and all of it goes back when it is let go. Smaller pieces stay in its heap, in shreds.
 */
const REGION_BYTES = 33 * 1024 * 1024;
/** As many as hold the largest budget of calls (256 MiB). */
const MOST_REGIONS = 8;

export interface SlabBounds {
  readonly regionBytes: number;
  readonly mostRegions: number;
}

interface Region {
  readonly buffer: ArrayBuffer;
  /** What lies before was cut. */
  top: number;
  /** What lies behind was never used, so it is zeros. */
  dirty: number;
  /** Slabs that somebody has. */
  lent: number;
  /** Slabs that came back, by their size. BOUNDED by what the region holds. */
  readonly back: Map<number, Uint8Array[]>;
}

/** Memory that is lent for the time of a frame and used again. BOUNDED by its regions; what does not fit them is an array of its own. */
export class SlabPool {
  readonly #regions: Region[] = [];
  readonly #bounds: SlabBounds;

  constructor(bounds: SlabBounds) {
    this.#bounds = bounds;
  }

  /** Bytes that the pool has of the system, and those of them that were ever written to. */
  get figures(): { readonly heldBytes: number; readonly usedBytes: number; readonly lent: number } {
    const heldBytes = this.#regions.length * this.#bounds.regionBytes;
    const usedBytes = this.#regions.reduce((sum, { top, dirty }) => sum + Math.max(top, dirty), 0);
    return { heldBytes, usedBytes, lent: this.#regions.reduce((sum, { lent }) => sum + lent, 0) };
  }

  get isEmpty(): boolean {
    return this.#regions.length === 0;
  }

  /** An array of zeros of at least `length` bytes. */
  take(length: number): Uint8Array {
    const size = sizeFor(length);
    if (size > Math.min(LARGEST_CUT_BYTES, this.#bounds.regionBytes)) return new Uint8Array(size);
    for (const region of this.#regions) {
      const slab = takeFrom(region, size);
      if (slab !== undefined) return slab;
    }
    if (this.#regions.length >= this.#bounds.mostRegions) return new Uint8Array(size);
    const region: Region = {
      buffer: new ArrayBuffer(this.#bounds.regionBytes),
      top: 0,
      dirty: 0,
      lent: 0,
      back: new Map(),
    };
    this.#regions.push(region);
    return takeFrom(region, size) ?? new Uint8Array(size);
  }

  /** Takes back what nobody looks at any more. */
  give(slab: Uint8Array): void {
    const region = this.#regions.find(({ buffer }) => buffer === slab.buffer);
    if (region === undefined) return;
    region.lent--;
    const same = region.back.get(slab.length);
    if (same === undefined) region.back.set(slab.length, [slab]);
    else same.push(slab);
  }

  /** Lets go of every region of which nothing is lent. */
  trim(): void {
    const lent = this.#regions.filter((region) => region.lent > 0);
    this.#regions.splice(0, this.#regions.length, ...lent);
  }
}

function sizeFor(length: number): number {
  let size = LEAST_BYTES;
  while (size < length) size *= 2;
  const step = size / 2 / STEPS;
  return size === LEAST_BYTES ? size : Math.ceil(length / step) * step;
}

function takeFrom(region: Region, size: number): Uint8Array | undefined {
  const used = region.back.get(size)?.pop();
  if (used !== undefined) {
    region.lent++;
    return used.fill(0);
  }
  if (region.top + size > region.buffer.byteLength) {
    if (region.lent > 0) return undefined;
    // cut anew, in other sizes
    region.dirty = region.top;
    region.top = 0;
    region.back.clear();
  }
  const slab = new Uint8Array(region.buffer, region.top, size);
  if (region.top < region.dirty) slab.fill(0);
  region.top += size;
  region.lent++;
  return slab;
}

/** For all frames of the process. */
export const slabs = new SlabPool({ regionBytes: REGION_BYTES, mostRegions: MOST_REGIONS });
