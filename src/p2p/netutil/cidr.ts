import { parseIp } from "#util";
import { NetutilError } from "./errors.ts";

/** A CIDR block. */
interface Block {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

function isInBlock(address: Uint8Array, { bytes, bits }: Block): boolean {
  return address.length === bytes.length && sharePrefix(address, bytes, bits);
}

function sharePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let i = 0; i * 8 < bits; i++) {
    const mask = 0xff & (0xff00 >>> Math.min(8, bits - i * 8));
    if (((a[i] ?? 0) & mask) !== ((b[i] ?? 0) & mask)) return false;
  }
  return true;
}

function parseBlock(text: string): Block {
  const match = /^([^/]+)\/([0-9]{1,3})$/.exec(text.trim());
  const bytes = parseIp(match?.[1] ?? "");
  const bits = Number(match?.[2]);
  if (bytes === undefined || bits > bytes.length * 8) throw NetutilError("BAD_CIDR", { text });
  return { bytes, bits };
}

/** Sockets tell link-local addresses with their interface, `fe80::1%eth0`. */
const addressOf = (ip: string): Uint8Array | undefined => parseIp(ip.split("%", 1)[0] ?? "");

/** Addresses allowed by a list of CIDR blocks; absent = all. @throws NETUTIL_BAD_CIDR */
export function makeAllowList(cidrs: readonly string[] | undefined): (ip: string) => boolean {
  if (cidrs === undefined) return () => true;
  const blocks = cidrs.map(parseBlock);
  return (ip) => {
    const address = addressOf(ip);
    return address !== undefined && blocks.some((block) => isInBlock(address, block));
  };
}

/** Splits geth's list form, CIDR masks by comma; spaces and extra commas are ignored. @throws NETUTIL_BAD_CIDR */
export function parseNetlist(text: string): readonly string[] {
  const masks = text
    .replaceAll(/\s/g, "")
    .split(",")
    .filter((mask) => mask !== "");
  for (const mask of masks) parseBlock(mask);
  return masks;
}

/** Private and link-local: where per-address rules do not apply. @see geth p2p/netutil/net.go:34-48@v1.8.27 */
const lan = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fe80::/10",
  "fc00::/7",
].map(parseBlock);

const loopback = ["127.0.0.0/8", "::1/128"].map(parseBlock);

/** Multicast, and what IANA keeps for special use (RFC 5735, RFC 5156). @see geth p2p/netutil/net.go:35-66@v1.17.5 */
const special = [
  "0.0.0.0/8",
  "192.0.0.0/29",
  "192.0.0.9/32",
  "192.0.0.170/32",
  "192.0.0.171/32",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "100::/64",
  "2001::/32",
  "2001:1::1/128",
  "2001:2::/48",
  "2001:3::/32",
  "2001:4:112::/48",
  "2001:5::/32",
  "2001:10::/28",
  "2001:20::/28",
  "2001:db8::/32",
  "2002::/16",
  "ff00::/8",
].map(parseBlock);

function isIn(ip: string, blocks: readonly Block[]): boolean {
  const address = addressOf(ip);
  return address !== undefined && blocks.some((block) => isInBlock(address, block));
}

/** True for loopback, private and link-local addresses. */
export function isLan(ip: string): boolean {
  return isIn(ip, lan);
}

export function isLoopback(ip: string): boolean {
  return isIn(ip, loopback);
}

/** True for broadcast, multicast, documentation and other special-use addresses. */
export function isSpecialNetwork(ip: string): boolean {
  return isIn(ip, special);
}

/** Why an address that was told by somebody is not contacted; geth's texts. */
export type RelayRefusal =
  | "invalid IP"
  | "zero address"
  | "special network"
  | "loopback address from non-loopback host"
  | "LAN address from WAN host";

/**
 * Whether `ip`, told by `sender`, is a valid target: special networks never, loopback from loopback only, LAN from LAN only.
 *
 * @returns why not, or undefined
 * @see geth p2p/netutil/net.go:CheckRelayIP@v1.17.5
 */
export function checkRelayIp(sender: string, ip: string): RelayRefusal | undefined {
  const address = parseIp(ip);
  if (address === undefined) return "invalid IP";
  if (address.every((byte) => byte === 0)) return "zero address";
  if (isSpecialNetwork(ip)) return "special network";
  if (isLoopback(ip) && !isLoopback(sender)) return "loopback address from non-loopback host";
  if (isLan(ip) && !isLan(sender)) return "LAN address from WAN host";
  return undefined;
}

/** Ports up to this belong to the system: nobody is sent there on the word of another. */
const LAST_LOW_PORT = 1024;

/** Whether an endpoint of discovery that `sender` told of may be contacted (DI-05). */
export function isRelayable(sender: string, ip: string, port: number): boolean {
  return port > LAST_LOW_PORT && checkRelayIp(sender, ip) === undefined;
}

/** True if both addresses are of one kind and share their first `bits`. */
export function isSameNet(bits: number, ip: string, other: string): boolean {
  const a = parseIp(ip);
  const b = parseIp(other);
  return a !== undefined && b !== undefined && a.length === b.length && sharePrefix(a, b, bits);
}

/** Key of the /24 (IPv6: /48) an address lies in, or of the prefix lengths given. */
export function subnetOf(ip: string, { v4Bits = 24, v6Bits = 48 } = {}): string {
  const address = parseIp(ip);
  if (address === undefined) return ip;
  const bits = address.length === 4 ? v4Bits : v6Bits;
  const kept = address.slice(0, Math.ceil(bits / 8));
  const last = kept.length - 1;
  if (bits % 8 !== 0) kept[last] = (kept[last] ?? 0) & (0xff00 >>> (bits % 8));
  return kept.join(address.length === 4 ? "." : ":");
}
