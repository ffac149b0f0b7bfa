// What the EVM turns bigints into and back at every storage access: with views of one buffer, several times faster than by text.
const scratch = new Uint8Array(32);
const view = new DataView(scratch.buffer);
const MASK = (1n << 64n) - 1n;
/** Bytes of a word, and of the numbers it is put together from. */
const WORD = 32;
const QUARTER = 8;

/** An unsigned 256-bit value as 32 bytes, big-endian, in a new array. */
export function wordBytes(value: bigint): Uint8Array {
  put(value);
  return scratch.slice();
}

/** The same, without leading zeros: zero is empty. */
export function shortBytes(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  put(value);
  let zeros = 0;
  while (scratch[zeros] === 0) zeros++;
  return scratch.slice(zeros);
}

function put(value: bigint): void {
  if (value <= MASK) {
    scratch.fill(0, 0, WORD - QUARTER);
    view.setBigUint64(WORD - QUARTER, value);
    return;
  }
  view.setBigUint64(24, value & MASK);
  view.setBigUint64(16, (value >> 64n) & MASK);
  view.setBigUint64(8, (value >> 128n) & MASK);
  view.setBigUint64(0, (value >> 192n) & MASK);
}

/** Up to 32 bytes, big-endian, as a value; none is zero. */
export function wordOf(bytes: Uint8Array): bigint {
  const { length } = bytes;
  if (length <= 6) {
    let small = 0;
    for (const byte of bytes) small = small * 256 + byte;
    return BigInt(small);
  }
  scratch.fill(0, 0, WORD - length);
  scratch.set(bytes, WORD - length);
  const low = view.getBigUint64(24);
  if (length <= QUARTER) return low;
  const second = (view.getBigUint64(16) << 64n) | low;
  if (length <= 2 * QUARTER) return second;
  return (view.getBigUint64(0) << 192n) | (view.getBigUint64(8) << 128n) | second;
}
