import { bloomBitsOf } from "#core/types";

/** Headers of a section (params/network_params.go BloomBitsBlocks@v1.9.25). */
export const SECTION_BLOCKS = 4096;
/** Bits of a bloom, so vectors of a section. */
export const BLOOM_BITS = 2048;

const BLOOM_BYTES = BLOOM_BITS / 8;
const VECTOR_BYTES = SECTION_BLOCKS / 8;

/**
 * @param blooms - of `SECTION_BLOCKS` headers in order, 256 bytes each
 * @returns one vector for each bit of a bloom: the first block is the highest bit of its first byte
 */
export function rotateBlooms(blooms: readonly Uint8Array[]): readonly Uint8Array[] {
  if (blooms.length !== SECTION_BLOCKS) throw new RangeError(`a section of ${blooms.length} blooms`);
  const all = new Uint8Array(BLOOM_BITS * VECTOR_BYTES);
  blooms.forEach((bloom, block) => {
    const [at, mask] = [block >> 3, 0x80 >> (block & 7)];
    for (let i = 0; i < BLOOM_BYTES; i++) {
      const byte = bloom[i] ?? 0;
      if (byte === 0) continue;
      const first = (BLOOM_BYTES - 1 - i) * 8;
      for (let bit = 0; bit < 8; bit++)
        if ((byte & (1 << bit)) !== 0) {
          const place = (first + bit) * VECTOR_BYTES + at;
          all[place] = (all[place] ?? 0) | mask;
        }
    }
  });
  return Array.from({ length: BLOOM_BITS }, (_, bit) =>
    all.subarray(bit * VECTOR_BYTES, (bit + 1) * VECTOR_BYTES),
  );
}

/** The vector of one bit of a section; undefined: no bloom has that bit. */
export type VectorSource = (bit: number) => Uint8Array | undefined;

/** Blocks whose blooms have all three bits of a value. */
function vectorOf(value: Uint8Array, source: VectorSource): Uint8Array | undefined {
  let all: Uint8Array | undefined;
  for (const bit of bloomBitsOf(value)) {
    const vector = source(bit);
    if (vector === undefined) return undefined;
    if (all === undefined) all = vector.slice();
    else for (let i = 0; i < VECTOR_BYTES; i++) all[i] = (all[i] ?? 0) & (vector[i] ?? 0);
  }
  return all;
}

/**
 * Which blocks of a section may hold, for each clause, one of its values. A clause without values lets all through.
 * @returns places in the section, ascending, from 0
 */
export function matchSection(
  clauses: readonly (readonly Uint8Array[])[],
  source: VectorSource,
): readonly number[] {
  const result = new Uint8Array(VECTOR_BYTES).fill(0xff);
  for (const values of clauses) {
    if (values.length === 0) continue;
    const any = new Uint8Array(VECTOR_BYTES);
    for (const value of values) {
      const vector = vectorOf(value, source);
      if (vector !== undefined)
        for (let i = 0; i < VECTOR_BYTES; i++) any[i] = (any[i] ?? 0) | (vector[i] ?? 0);
    }
    for (let i = 0; i < VECTOR_BYTES; i++) result[i] = (result[i] ?? 0) & (any[i] ?? 0);
  }
  const places: number[] = [];
  result.forEach((byte, i) => {
    for (let bit = 0; byte !== 0 && bit < 8; bit++)
      if ((byte & (0x80 >> bit)) !== 0) places.push(i * 8 + bit);
  });
  return places;
}
