import { isValidPublicKey } from "#crypto";
import { type Enode, makeEnode } from "#enode";
import { isRelayable } from "#p2p/netutil";
import { parseIp } from "#util";
import { ipOf, type WireEndpoint, type WireNode } from "./packets.ts";

/**
 * A node that `sender` told us of; undefined if it is none to be contacted (DI-05): a low port, an address that is special or
 * nearer than the sender, one that is not allowed, a key off the curve.
 */
export function fromWire(
  node: WireNode,
  sender: string,
  isAllowed: (ip: string) => boolean,
): Enode | undefined {
  const ip = ipOf(node);
  if (ip === undefined || !isRelayable(sender, ip, node.udp)) return undefined;
  if (!isAllowed(ip) || !isValidPublicKey(node.publicKey)) return undefined;
  return makeEnode(node.publicKey.slice(), { ip, tcp: node.tcp, udp: node.udp });
}

/** The form in which a node is told to others; undefined without an address. */
export function toWire({ ip, udp, tcp, publicKey }: Enode): WireNode | undefined {
  const address = parseIp(ip ?? "");
  return address === undefined ? undefined : { ip: address, udp, tcp, publicKey };
}

/** An endpoint on the wire; 0.0.0.0 where the address is not known. */
export function toEndpoint(ip: string | undefined, udp: number, tcp: number): WireEndpoint {
  return { ip: parseIp(ip ?? "") ?? new Uint8Array(4), udp, tcp };
}
