/** Smallest slab, and the largest that is cut from a region: 50 million gas pay for a frame of 4.9 MiB. */
const LEAST_BYTES = 16 * 1024;
const LARGEST_CUT_BYTES = 8 * 1024 * 1024;

/** Sizes are so many to a doubling: an eighth of a slab is wasted, on average. */
const STEPS = 4;

/**
 * What the system is asked for in one piece. Over 32 MiB glibc maps a piece by itself, whatever was freed before: what nobody
 * touched of it takes no memory, and all of it goes back when it is let go. Smaller pieces stay in its heap, in shreds.
 */
const REGION_BYTES = 33 * 1024 * 1024;
/** As many as hold the largest budget of calls (256 MiB). */
const MOST_REGIONS = 8;
/** What there is once and stays, so that ordinary calls never make a region: V8 answers a new one with a collection. */
const BASE_BYTES = 1024 * 1024;

export interface SlabBounds {
  readonly baseBytes: number;
  readonly regionBytes: number;
  /** Beside the base. */
  readonly mostRegions: number;
}

interface Hole {
  at: number;
  size: number;
}

/** Lends pieces of one array, the lowest that fits: what was used stays together. */
class Region {
  readonly buffer: ArrayBuffer;
  /** What is not lent, in order; two never touch. BOUNDED: half the least slabs that fit, and one. */
  readonly #holes: Hole[];
  /** What lies behind was never lent, so it is zeros. */
  usedBytes = 0;
  lent = 0;

  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes);
    this.#holes = [{ at: 0, size: bytes }];
  }

  take(size: number): Uint8Array | undefined {
    const place = this.#holes.findIndex((hole) => hole.size >= size);
    const hole = this.#holes[place];
    if (hole === undefined) return undefined;
    const slab = new Uint8Array(this.buffer, hole.at, size);
    if (hole.size === size) this.#holes.splice(place, 1);
    hole.at += size;
    hole.size -= size;
    if (slab.byteOffset < this.usedBytes) slab.fill(0);
    this.usedBytes = Math.max(this.usedBytes, slab.byteOffset + size);
    this.lent++;
    return slab;
  }

  give({ byteOffset: at, length: size }: Uint8Array): void {
    this.lent--;
    let place = this.#holes.findIndex((hole) => hole.at > at);
    if (place < 0) place = this.#holes.length;
    const [before, after] = [this.#holes[place - 1], this.#holes[place]];
    const isBeside = before !== undefined && before.at + before.size === at;
    const freed = isBeside ? before : { at, size: 0 };
    freed.size += size;
    if (!isBeside) this.#holes.splice(place++, 0, freed);
    if (after === undefined || freed.at + freed.size !== after.at) return;
    freed.size += after.size;
    this.#holes.splice(place, 1);
  }
}

/** Memory that is lent for the time of a frame and used again. BOUNDED by its regions; what does not fit them is an array of its own. */
export class SlabPool {
  #base: Region | undefined;
  /** BOUNDED: bounds.mostRegions. Emptied: by `trim`. */
  readonly #regions: Region[] = [];
  readonly #bounds: SlabBounds;

  constructor(bounds: SlabBounds) {
    this.#bounds = bounds;
  }

  get #all(): Region[] {
    return this.#base === undefined ? [] : [this.#base, ...this.#regions];
  }

  /** Bytes that the pool has of the system, and those of them that may ever have been written to. */
  get figures(): { readonly heldBytes: number; readonly usedBytes: number; readonly lent: number } {
    const sum = (of: (region: Region) => number) => this.#all.reduce((all, region) => all + of(region), 0);
    return {
      heldBytes: sum(({ buffer }) => buffer.byteLength),
      usedBytes: sum(({ usedBytes }) => usedBytes),
      lent: sum(({ lent }) => lent),
    };
  }

  /** There is nothing that `trim` could let go of. */
  get isTrimmed(): boolean {
    return this.#regions.length === 0;
  }

  /** An array of zeros of at least `length` bytes. */
  take(length: number): Uint8Array {
    const size = sizeFor(length);
    if (size > Math.min(LARGEST_CUT_BYTES, this.#bounds.regionBytes)) return new Uint8Array(size);
    this.#base ??= new Region(this.#bounds.baseBytes);
    const small = this.#base.take(size);
    if (small !== undefined) return small;
    for (const region of this.#regions) {
      const slab = region.take(size);
      if (slab !== undefined) return slab;
    }
    if (this.#regions.length >= this.#bounds.mostRegions) return new Uint8Array(size);
    const region = new Region(this.#bounds.regionBytes);
    this.#regions.push(region);
    return region.take(size) ?? new Uint8Array(size);
  }

  /** Takes back what nobody looks at any more: once. */
  give(slab: Uint8Array): void {
    if (slab.buffer === this.#base?.buffer) this.#base.give(slab);
    else this.#regions.find(({ buffer }) => buffer === slab.buffer)?.give(slab);
  }

  /** Lets go of every region of which nothing is lent, but for the base. */
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

/** For all frames of the process. */
export const slabs = new SlabPool({
  baseBytes: BASE_BYTES,
  regionBytes: REGION_BYTES,
  mostRegions: MOST_REGIONS,
});
