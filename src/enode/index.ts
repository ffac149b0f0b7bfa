/**
 * enode: what names a node of the devp2p network, and what is known of it.
 *
 * Is: the node id (keccak of the public key, as 64 hex digits), the URL form `enode://<128 hex>@ip:tcp[?discport=udp]` with geth's
 * error texts, nodes read from records (`enr:…`), distances, sources of nodes, the local node and its signed record, the database of nodes met.
 * Is not: the bytes of records (`#enr`), discovery, name lookup (host names are refused, as geth 1.8 does).
 *
 * @see geth p2p/enode/urlv4.go:69-186@v1.8.27
 */
export { databaseLimits, NodeDatabase } from "./database.ts";
export { LocalNode } from "./local-node.ts";
export type { Enode, NodeId } from "./node.ts";
export {
  compareDistance,
  fromRecord,
  logDistance,
  makeEnode,
  nodeIdOf,
  readNode,
  seqOf,
  shortId,
  udpEndpointOf,
  withEndpoint,
} from "./node.ts";
export { FairMix, type NodeSource, refineSource } from "./source.ts";
export { EnodeError, formatEnode, parseEnode, parseNode } from "./url.ts";
