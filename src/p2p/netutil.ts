import { parseIp } from "#enode";
import { P2pError } from "./errors.ts";

/** A CIDR block. */
interface Block {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

function isInBlock(address: Uint8Array, { bytes, bits }: Block): boolean {
  if (address.length !== bytes.length) return false;
  for (let i = 0; i * 8 < bits; i++) {
    const mask = 0xff & (0xff00 >>> Math.min(8, bits - i * 8));
    if (((address[i] ?? 0) & mask) !== ((bytes[i] ?? 0) & mask)) return false;
  }
  return true;
}

function parseBlock(text: string): Block {
  const match = /^([^/]+)\/([0-9]{1,3})$/.exec(text.trim());
  const bytes = parseIp(match?.[1] ?? "");
  const bits = Number(match?.[2]);
  if (bytes === undefined || bits > bytes.length * 8)
    throw P2pError("BAD_CONFIG", { problem: `invalid CIDR address: ${text}` });
  return { bytes, bits };
}

/** Addresses allowed by a list of CIDR blocks; absent = all. @throws P2P_BAD_CONFIG */
export function makeAllowList(cidrs: readonly string[] | undefined): (ip: string) => boolean {
  if (cidrs === undefined) return () => true;
  const blocks = cidrs.map(parseBlock);
  return (ip) => {
    const address = parseIp(ip);
    return address !== undefined && blocks.some((block) => isInBlock(address, block));
  };
}

/** Loopback, private and link-local: where per-address rules do not apply. @see geth p2p/netutil/net.go:34-48@v1.8.27 */
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

/** True for loopback, private and link-local addresses. */
export function isLan(ip: string): boolean {
  const address = parseIp(ip);
  return address !== undefined && lan.some((block) => isInBlock(address, block));
}

/** Key of the /24 (IPv6: /48) an address lies in. */
export function subnetOf(ip: string): string {
  const address = parseIp(ip);
  return address === undefined ? ip : address.slice(0, address.length === 4 ? 3 : 6).join(".");
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads Go's listen form: `:30303`, `127.0.0.1:0`, `[::1]:30303`; an empty host means all addresses.
 *
 * @throws P2P_BAD_CONFIG
 */
export function parseListenAddr(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  const isHost = host === "" || host === "localhost" || parseIp(host) !== undefined;
  if (match === null || port > 65_535 || !isHost)
    throw P2pError("BAD_CONFIG", { problem: `invalid listen address: ${text}` });
  return { host, port };
}
