import { isValidPublicKey, keccak256 } from "#crypto";
import { decodeEnr, type Enr, enrEntries, EnrError, readEntry } from "#enr";
import type { Endpoint } from "#host";
import { isLan, isLoopback } from "#p2p/netutil";
import { toHex } from "#util";
import { EnodeError } from "./errors.ts";

/** Node identity: keccak256 of the 64-byte public key, 64 lower-case hex digits, no 0x. */
export type NodeId = string;

/** A node: identity and, where known, where to reach it. */
export interface Enode {
  readonly id: NodeId;
  /** Uncompressed secp256k1 key without the 0x04 prefix: 64 bytes, checked to be on the curve. */
  readonly publicKey: Uint8Array;
  /** IP address in text form; absent in an incomplete node. */
  readonly ip?: string | undefined;
  /** TCP port of the RLPx listener; 0 = not known. */
  readonly tcp: number;
  /** UDP port of discovery; 0 = no discovery. */
  readonly udp: number;
  /** The signed record all this was read from; absent for a node known by an enode URL or a v4 packet. */
  readonly record?: Enr | undefined;
}

/** The id of a 64-byte public key. */
export function nodeIdOf(publicKey: Uint8Array): NodeId {
  return toHex(keccak256(publicKey)).slice(2);
}

/**
 * A node from its public key and, optionally, its endpoint.
 *
 * @throws ENODE_BAD_KEY if the key is not a curve point.
 */
export function makeEnode(
  publicKey: Uint8Array,
  endpoint: { ip?: string | undefined; tcp?: number; udp?: number } = {},
): Enode {
  if (publicKey.length !== 64 || !isValidPublicKey(publicKey)) {
    throw EnodeError("BAD_KEY", { reason: "invalid public key (not on the curve)" });
  }
  const tcp = endpoint.tcp ?? 0;
  return { id: nodeIdOf(publicKey), publicKey, ip: endpoint.ip, tcp, udp: endpoint.udp ?? tcp };
}

/**
 * The node a record tells of. Of two addresses the one that reaches further is taken, IPv4 when both reach as far; the ports
 * are those of its family, where `tcp6` and `udp6` default to `tcp` and `udp`.
 *
 * @see EIP-778 · geth p2p/enode/node.go:setIPv4, setIPv6@v1.17.5
 */
export function fromRecord(record: Enr): Enode {
  const read = <T>(entry: Parameters<typeof readEntry<T>>[1]) => readEntry(record, entry);
  const { ip: ip4, ip6, tcp, tcp6, udp, udp6 } = enrEntries;
  const address4 = read(ip4);
  const address6 = read(ip6);
  const isV6 = address6 !== undefined && (address4 === undefined || reach(address6) > reach(address4));
  return {
    id: nodeIdOf(record.publicKey),
    publicKey: record.publicKey,
    ip: isV6 ? address6 : address4,
    tcp: (isV6 ? read(tcp6) : undefined) ?? read(tcp) ?? 0,
    udp: (isV6 ? read(udp6) : undefined) ?? read(udp) ?? 0,
    record,
  };
}

/** The node of a record that somebody sent; undefined if it is none. */
export function readNode(record: Uint8Array): Enode | undefined {
  try {
    return fromRecord(decodeEnr(record));
  } catch (error) {
    if (EnrError.is(error)) return undefined;
    throw error;
  }
}

/** Where a node hears discovery; undefined if it does not. */
export function udpEndpointOf({ ip, udp }: Enode): Endpoint | undefined {
  return ip === undefined || udp === 0 ? undefined : { host: ip, port: udp };
}

/** From how far an address can be reached: not at all, this machine, this network, everywhere. */
function reach(ip: string): number {
  if (ip === "0.0.0.0" || ip === "::") return 0;
  if (isLoopback(ip)) return 1;
  return isLan(ip) ? 2 : 3;
}

/** Version of the node's record; 0 for a node without one. */
export function seqOf(node: Enode): bigint {
  return node.record?.seq ?? 0n;
}

/** The same identity at another place. Its record, which says otherwise, is left behind. */
export function withEndpoint(node: Enode, endpoint: { ip: string; tcp: number; udp: number }): Enode {
  return { id: node.id, publicKey: node.publicKey, ...endpoint };
}

/** First 16 hex digits, geth's terminal form, for logs. */
export function shortId(id: NodeId): string {
  return id.slice(0, 16);
}

/** XOR distance: negative if `a` is nearer to `target` than `b`, positive if farther, 0 if they are one. */
export function compareDistance(target: NodeId, a: NodeId, b: NodeId): number {
  for (let i = 0; i < target.length; i += 8) {
    const part = Number.parseInt(target.slice(i, i + 8), 16);
    const toA = (Number.parseInt(a.slice(i, i + 8), 16) ^ part) >>> 0;
    const toB = (Number.parseInt(b.slice(i, i + 8), 16) ^ part) >>> 0;
    if (toA !== toB) return toA - toB;
  }
  return 0;
}

/** Logarithmic distance, 0 … 256: bits of `a` XOR `b`. @see geth p2p/enode/node.go:LogDist@v1.17.5 */
export function logDistance(a: NodeId, b: NodeId): number {
  for (let i = 0; i < a.length; i += 8) {
    const part = (Number.parseInt(a.slice(i, i + 8), 16) ^ Number.parseInt(b.slice(i, i + 8), 16)) >>> 0;
    if (part !== 0) return 256 - i * 4 - Math.clz32(part);
  }
  return 0;
}
