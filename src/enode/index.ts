/**
 * enode: what names a node of the devp2p network.
 *
 * Is: the node id (keccak of the public key, as 64 hex digits), the URL form
 * `enode://<128 hex>@ip:tcp[?discport=udp]`, its parser with geth's error texts, its printer.
 * Is not: node records (enr), a node database, discovery, name lookup (host names are refused, as geth 1.8 does).
 *
 * @see geth p2p/enode/urlv4.go:69-186@v1.8.27
 */
export { parseIp } from "./ip.ts";
export type { Enode, NodeId } from "./node.ts";
export { makeEnode, nodeIdOf, shortId, withEndpoint } from "./node.ts";
export { EnodeError, formatEnode, parseEnode } from "./url.ts";
