import { pbkdf2Sync } from "node:crypto";

/** Turns of the inner loop between two breaths of this thread: about 5 ms. */
const SLICE = 8_192;
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by));

/** Salsa20/8 of the 16 words of `x`, in place. */
function salsa8(x: Uint32Array, w: Uint32Array): void {
  w.set(x);
  const quarter = (a: number, b: number, c: number, d: number) => {
    w[b] = (w[b] ?? 0) ^ rotate(((w[a] ?? 0) + (w[d] ?? 0)) | 0, 7);
    w[c] = (w[c] ?? 0) ^ rotate(((w[b] ?? 0) + (w[a] ?? 0)) | 0, 9);
    w[d] = (w[d] ?? 0) ^ rotate(((w[c] ?? 0) + (w[b] ?? 0)) | 0, 13);
    w[a] = (w[a] ?? 0) ^ rotate(((w[d] ?? 0) + (w[c] ?? 0)) | 0, 18);
  };
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 4; i++) quarter(5 * i, (5 * i + 4) % 16, (5 * i + 8) % 16, (5 * i + 12) % 16);
    for (let i = 0; i < 4; i++)
      quarter(5 * i, 4 * i + ((i + 1) % 4), 4 * i + ((i + 2) % 4), 4 * i + ((i + 3) % 4));
  }
  for (let i = 0; i < 16; i++) x[i] = (x[i] ?? 0) + (w[i] ?? 0);
}

/** scryptBlockMix for r = 1: two blocks of 16 words. */
function blockMix(block: Uint32Array, x: Uint32Array, w: Uint32Array): void {
  x.set(block.subarray(16));
  for (let half = 0; half < 32; half += 16) {
    for (let i = 0; i < 16; i++) x[i] = (x[i] ?? 0) ^ (block[half + i] ?? 0);
    salsa8(x, w);
    block.set(x, half);
  }
}

/** scryptROMix for r = 1, with a breath between slices. */
async function romix(block: Uint32Array, n: number, memory: Uint32Array): Promise<void> {
  const [x, w] = [new Uint32Array(16), new Uint32Array(16)];
  for (let i = 0; i < n; i++) {
    memory.set(block, 32 * i);
    blockMix(block, x, w);
    if (i % SLICE === 0) await nextTurn();
  }
  for (let i = 0; i < n; i++) {
    const at = 32 * ((block[16] ?? 0) & (n - 1));
    for (let k = 0; k < 32; k++) block[k] = (block[k] ?? 0) ^ (memory[at + k] ?? 0);
    blockMix(block, x, w);
    if (i % SLICE === 0) await nextTurn();
  }
}

/**
 * scrypt with r = 1 and n ≥ 2^16, which RFC 7914 leaves out and OpenSSL refuses, but which the first published test
 * vector of key files has. In slices on this thread, since no file is written so any more. Words are little-endian here
 * and on every machine that Node.js runs on.
 */
export async function scryptNarrow(
  password: Uint8Array,
  { salt, n, p, length }: { salt: Uint8Array; n: number; p: number; length: number },
): Promise<Uint8Array> {
  const bytes = new Uint8Array(pbkdf2Sync(password, salt, 1, 128 * p, "sha256")); // copied: aligned to words
  const words = new Uint32Array(bytes.buffer);
  const memory = new Uint32Array(32 * n);
  for (let i = 0; i < p; i++) await romix(words.subarray(32 * i, 32 * (i + 1)), n, memory);
  const key = new Uint8Array(pbkdf2Sync(password, bytes, 1, length, "sha256"));
  memory.fill(0);
  bytes.fill(0);
  return key;
}
