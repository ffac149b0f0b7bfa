/**
 * Reads an IP address: 4 bytes for IPv4 (also for IPv4 mapped into IPv6), 16 for IPv6; undefined if it is none. No zones.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text);
  if (bytes === undefined) return undefined;
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Digit by digit: every datagram's sender is read by it. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let [value, digits] = [0, 0];
  for (let i = 0; i <= text.length; i++) {
    if (i === text.length || text[i] === ".") {
      if (digits === 0 || part === 4) return undefined;
      bytes[part++] = value;
      [value, digits] = [0, 0];
      continue;
    }
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    if (digits > 0 && value === 0) return undefined; // Go refuses leading zeros since 1.17: some read them as octal
    value = value * 10 + digit;
    if (value > 255) return undefined;
    digits++;
  }
  return part === 4 ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const left = groupsOf(halves[0] ?? "");
  const right = groupsOf(halves[1] ?? "");
  if (left === undefined || right === undefined) return undefined;
  const missing = 16 - left.length - right.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(left);
  bytes.set(right, 16 - right.length);
  return bytes;
}

/** Bytes of `a:b:c` or `a:b:1.2.3.4`. */
function groupsOf(text: string): number[] | undefined {
  const bytes: number[] = [];
  const groups = text === "" ? [] : text.split(":");
  for (const [i, group] of groups.entries()) {
    if (group.includes(".") && i === groups.length - 1) {
      const tail = parseIpv4(group);
      if (tail === undefined) return undefined;
      bytes.push(...tail);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    }
  }
  return bytes;
}

/**
 * The text form of 4 or 16 address bytes: IPv6 as RFC 5952 has it (lower case, the longest run of zeros shortened), IPv4
 * mapped into IPv6 as IPv4.
 *
 * @throws RangeError for another length
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new RangeError("an IP address has 4 or 16 bytes");
  if (isMapped(bytes)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const text = (from: number, to?: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  const { start, length } = longestZeros(groups);
  return length < 2 ? text(0) : `${text(0, start)}::${text(start + length)}`;
}

/** True for IPv4 mapped into IPv6, `::ffff:a.b.c.d`. */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
