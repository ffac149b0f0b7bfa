/** `size` bytes of memory from `start`, zeros where it is not yet that long. */
export function memoryAt(memory: Uint8Array, start: bigint, size: bigint): Uint8Array {
  const copy = new Uint8Array(Number(size));
  if (start < BigInt(memory.length)) copy.set(memory.subarray(Number(start), Number(start + size)));
  return copy;
}
