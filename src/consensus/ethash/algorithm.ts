import { keccak256, keccak512 } from "#crypto";
import { concatBytes } from "#util";

// Sizes and rounds of the protocol (consensus/ethash/algorithm.go:34@v1.11.6).
export const EPOCH_LENGTH = 30_000;
const DATASET_INIT = 2 ** 30;
const DATASET_GROWTH = 2 ** 23;
const CACHE_INIT = 2 ** 24;
const CACHE_GROWTH = 2 ** 17;
const MIX_BYTES = 128;
const HASH_BYTES = 64;
const HASH_WORDS = 16;
const MIX_WORDS = 32;
const DATASET_PARENTS = 256;
const CACHE_ROUNDS = 3;
const ACCESSES = 64;
const FNV_PRIME = 0x01000193;

function isPrime(n: number): boolean {
  if (n % 2 === 0) return n === 2;
  for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false;
  return n > 1;
}

/** The largest size with a prime number of rows. */
function primeRows(upper: number, rowBytes: number): number {
  let size = upper - rowBytes;
  while (!isPrime(size / rowBytes)) size -= 2 * rowBytes;
  return size;
}

/** Bytes of the cache of an epoch. */
export const cacheSize = (epoch: number): number => primeRows(CACHE_INIT + CACHE_GROWTH * epoch, HASH_BYTES);

/** Bytes of the dataset of an epoch; above 4 GiB from epoch 384 on. */
export const datasetSize = (epoch: number): number =>
  primeRows(DATASET_INIT + DATASET_GROWTH * epoch, MIX_BYTES);

/** 32 bytes that the cache of an epoch grows from. */
export function seedHash(epoch: number): Uint8Array {
  let seed: Uint8Array = new Uint8Array(32);
  for (let i = 0; i < epoch; i++) seed = keccak256(seed);
  return seed;
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Words are little-endian in hashes; on a big-endian machine they are turned around. */
function swapped(words: Uint32Array): Uint32Array {
  if (isLittleEndian) return words;
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  return words.map((_, i) => view.getUint32(4 * i, true));
}

/** Words of freshly hashed bytes. */
const wordsOf = (hash: Uint8Array): Uint32Array => swapped(new Uint32Array(hash.slice().buffer));

/** Little-endian bytes of words. */
const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(swapped(words.slice()).buffer);

/**
 * The cache of an epoch: about a million hashes for epoch 0.
 * @param size bytes, a multiple of 64
 * @see consensus/ethash/algorithm.go:141@v1.11.6 generateCache
 */
export function makeCache(size: number, seed: Uint8Array): Uint32Array {
  const rows = Math.floor(size / HASH_BYTES);
  const bytes = new Uint8Array(rows * HASH_BYTES);
  const row = (index: number) => bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  bytes.set(keccak512(seed), 0);
  for (let i = 1; i < rows; i++) bytes.set(keccak512(row(i - 1)), i * HASH_BYTES);
  const view = new DataView(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  const mixed = new Uint32Array(HASH_WORDS);
  const mixedBytes = new Uint8Array(mixed.buffer);
  for (let round = 0; round < CACHE_ROUNDS; round++)
    for (let i = 0; i < rows; i++) {
      const before = ((i - 1 + rows) % rows) * HASH_WORDS;
      const other = (view.getUint32(i * HASH_BYTES, true) % rows) * HASH_WORDS;
      for (let w = 0; w < HASH_WORDS; w++) mixed[w] = (words[before + w] ?? 0) ^ (words[other + w] ?? 0);
      bytes.set(keccak512(mixedBytes), i * HASH_BYTES);
    }
  return swapped(words);
}

const fnv = (a: number, b: number): number => (Math.imul(a, FNV_PRIME) ^ b) >>> 0;

/** One row of the dataset, 16 words, from the cache. `index` may exceed 2^26 but not 2^32. */
function datasetRow(cache: Uint32Array, index: number): Uint32Array {
  const rows = cache.length / HASH_WORDS;
  const start = (index % rows) * HASH_WORDS;
  const first = cache.slice(start, start + HASH_WORDS);
  first[0] = (first[0] ?? 0) ^ index;
  const mix = wordsOf(keccak512(bytesOf(first)));
  for (let i = 0; i < DATASET_PARENTS; i++) {
    const parent = (fnv((index ^ i) >>> 0, mix[i % HASH_WORDS] ?? 0) % rows) * HASH_WORDS;
    for (let w = 0; w < HASH_WORDS; w++)
      mix[w] = Math.imul(mix[w] ?? 0, FNV_PRIME) ^ (cache[parent + w] ?? 0);
  }
  return wordsOf(keccak512(bytesOf(mix)));
}

/**
 * What a seal must agree with: `mixDigest` is the header's, `result` read as a number is at most 2^256 ÷ difficulty.
 * @param fullSize bytes of the dataset
 * @param hash 32 bytes, of the header without its seal
 * @param nonce 8 bytes, big-endian as in the header
 * @see consensus/ethash/algorithm.go:349@v1.11.6 hashimoto
 */
export function hashimotoLight(
  cache: Uint32Array,
  fullSize: number,
  hash: Uint8Array,
  nonce: Uint8Array,
): { mixDigest: Uint8Array; result: Uint8Array } {
  const rows = Math.floor(fullSize / MIX_BYTES);
  const seed = keccak512(hash, nonce.slice().reverse());
  const seedWords = wordsOf(seed);
  const head = seedWords[0] ?? 0;
  const mix = Uint32Array.from({ length: MIX_WORDS }, (_, i) => seedWords[i % HASH_WORDS] ?? 0);
  for (let i = 0; i < ACCESSES; i++) {
    const parent = fnv((i ^ head) >>> 0, mix[i % MIX_WORDS] ?? 0) % rows;
    for (let half = 0; half < 2; half++) {
      const row = datasetRow(cache, 2 * parent + half);
      for (let w = 0; w < HASH_WORDS; w++) {
        const at = half * HASH_WORDS + w;
        mix[at] = Math.imul(mix[at] ?? 0, FNV_PRIME) ^ (row[w] ?? 0);
      }
    }
  }
  const digest = new Uint32Array(MIX_WORDS / 4);
  for (let i = 0; i < MIX_WORDS; i += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = mix.subarray(i, i + 4);
    digest[i / 4] = fnv(fnv(fnv(a, b), c), d);
  }
  const mixDigest = bytesOf(digest);
  return { mixDigest, result: keccak256(concatBytes(seed, mixDigest)) };
}
