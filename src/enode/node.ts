import { isValidPublicKey, keccak256 } from "#crypto";
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

/** The same identity at another place. */
export function withEndpoint(node: Enode, endpoint: { ip: string; tcp: number; udp: number }): Enode {
  return { ...node, ...endpoint };
}

/** First 16 hex digits, geth's terminal form, for logs. */
export function shortId(id: NodeId): string {
  return id.slice(0, 16);
}
