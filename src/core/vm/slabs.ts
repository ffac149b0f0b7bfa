/** Smallest slab, and the largest that is kept. */
const LEAST_BYTES = 16 * 1024;
const LARGEST_KEPT_BYTES = 2 * 1024 * 1024;
/** All that are kept together. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Sizes are so many to a doubling: an eighth of a slab is wasted, on average. */
const STEPS = 4;

/** Memory of frames that have ended, by its size. BOUNDED: KEPT_BYTES. */
const kept = new Map<number, Uint8Array[]>();
let keptBytes = 0;

/** An array of zeros of at least `length` bytes: a used one, or a new one. */
export function takeSlab(length: number): Uint8Array {
  let size = LEAST_BYTES;
  while (size < length) size *= 2;
  const step = size / 2 / STEPS;
  if (size > LEAST_BYTES) size = Math.ceil(length / step) * step;
  const slab = kept.get(size)?.pop();
  if (slab === undefined) return new Uint8Array(size);
  keptBytes -= size;
  return slab.fill(0);
}

/** Takes back what nobody looks at any more. */
export function giveSlab(slab: Uint8Array): void {
  const size = slab.length;
  if (size > LARGEST_KEPT_BYTES || keptBytes + size > KEPT_BYTES) return;
  keptBytes += size;
  const same = kept.get(size);
  if (same === undefined) kept.set(size, [slab]);
  else same.push(slab);
}
