/** Half-bytes of a key, most significant first; one per element. */
export function toNibbles(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length * 2);
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0;
    out[2 * i] = byte >> 4;
    out[2 * i + 1] = byte & 15;
  }
  return out;
}

/** The inverse of `toNibbles`; an odd number of nibbles is no key: undefined. */
export function fromNibbles(nibbles: Uint8Array): Uint8Array | undefined {
  if (nibbles.length % 2 !== 0) return undefined;
  const out = new Uint8Array(nibbles.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = ((nibbles[2 * i] ?? 0) << 4) | (nibbles[2 * i + 1] ?? 0);
  return out;
}

/** Nibble `index` of a key in bytes. */
export function nibbleAt(key: Uint8Array, index: number): number {
  const byte = key[index >> 1] ?? 0;
  return (index & 1) === 0 ? byte >> 4 : byte & 15;
}

/** Length of the common prefix of `a` from `fromA` and `b`. */
export function commonPrefix(a: Uint8Array, fromA: number, b: Uint8Array): number {
  const most = Math.min(a.length - fromA, b.length);
  let i = 0;
  while (i < most && a[fromA + i] === b[i]) i++;
  return i;
}

/** Joins paths. */
export function joinPaths(a: Uint8Array, b: Uint8Array | number): Uint8Array {
  if (typeof b === "number") {
    const out = new Uint8Array(a.length + 1);
    out.set(a);
    out[a.length] = b;
    return out;
  }
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** One hexadecimal digit per nibble. */
export function formatNibbles(nibbles: Uint8Array): string {
  let text = "";
  for (const nibble of nibbles) text += nibble.toString(16);
  return text;
}

/** Hex-prefix form: flag nibble (leaf 2, odd 1), a zero nibble if even, the path. Yellow paper, appendix C. */
export function encodePath(path: Uint8Array, isLeaf: boolean): Uint8Array {
  const odd = path.length & 1;
  const out = new Uint8Array((path.length >> 1) + 1);
  out[0] = ((isLeaf ? 2 : 0) + odd) << 4;
  if (odd === 1) out[0] |= path[0] ?? 0;
  for (let i = odd, to = 1; i < path.length; i += 2, to++)
    out[to] = ((path[i] ?? 0) << 4) | (path[i + 1] ?? 0);
  return out;
}
