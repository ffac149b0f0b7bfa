import type { Enode, NodeId } from "#enode";
import type { KeyValueStore } from "#ethdb";
import type { Logger } from "#log";
import type { Protocol } from "./protocol.ts";

/**
 * What a Server is made of; geth's names (seed-behaviour §4.1). Never changed while it runs.
 */
export interface ServerConfig {
  /** Static identity: 32 bytes. */
  readonly privateKey: Uint8Array;
  /** Client name in the hello, e.g. `glim/v0.1.0/linux-x64/node20`. */
  readonly name: string;
  /** Total cap; 0 = only trusted peers and our own static dials. Default 50. */
  readonly maxPeers?: number | undefined;
  /** Inbound handshakes at once. Default 50. */
  readonly maxPendingPeers?: number | undefined;
  /** Dynamic dials = floor(maxPeers / dialRatio). Default 3. */
  readonly dialRatio?: number | undefined;
  /** No search for nodes; all slots are inbound then. Default true: a library opens no socket unasked. */
  readonly noDiscovery?: boolean | undefined;
  /** Nodes to begin the search at: enode URLs, records or nodes. */
  readonly bootstrapNodes?: readonly (string | Enode)[] | undefined;
  /** Searches by discovery v5.1 too, whatever `noDiscovery` says of v4 and the DNS. Default false. */
  readonly discoveryV5?: boolean | undefined;
  /** The same for v5.1; default: `bootstrapNodes`. */
  readonly bootstrapNodesV5?: readonly (string | Enode)[] | undefined;
  /** Lists of nodes in the DNS (EIP-1459), `enrtree://…`; read unless `noDiscovery`. */
  readonly discoveryDns?: readonly string[] | undefined;
  /** How we learn the address others see, and have ports of the router lead here: geth's `--nat` (any, upnp, pmp, stun, extip:IP). Default none. */
  readonly nat?: string | undefined;
  /** Where discovery listens, in the form of `listenAddr`; absent or "" = there, on the same port by UDP. */
  readonly discAddr?: string | undefined;
  /** What remembers nodes and our record's version over restarts; absent = memory. Its owner closes it after the server. */
  readonly nodeStore?: KeyValueStore | undefined;
  /** No dynamic dials; static nodes are dialled all the same. */
  readonly noDial?: boolean | undefined;
  /** `host:port`, `:port` (all addresses), port 0 = any; absent or "" = no listener. */
  readonly listenAddr?: string | undefined;
  /** Nodes always kept connected: enode URLs or nodes. */
  readonly staticNodes?: readonly (string | Enode)[] | undefined;
  /** Nodes admitted over every cap. */
  readonly trustedNodes?: readonly (string | Enode)[] | undefined;
  /** CIDR allow-list for inbound connections and dials; absent = all. */
  readonly netRestrict?: readonly string[] | undefined;
  /** Empty = no capability check, peers stay connected and speak only the base protocol. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** Sends msgsend and msgrecv peer events. */
  readonly enableMsgEvents?: boolean | undefined;
  /** Accept the pre-EIP-8 handshake (RX-07). Default false. */
  readonly acceptPlainHandshake?: boolean | undefined;
  /** The address told in our enode URL; default: the listener's, or 127.0.0.1 when it listens everywhere. */
  readonly externalIp?: string | undefined;
  readonly log?: Logger | undefined;
}

/** What happened to a peer. `peer` is the 64-hex id. @see geth p2p/peer.go:70-100@v1.8.27 */
export type PeerEvent =
  | { readonly type: "add"; readonly peer: NodeId }
  | { readonly type: "drop"; readonly peer: NodeId; readonly error: string }
  | {
      readonly type: "msgsend" | "msgrecv";
      readonly peer: NodeId;
      readonly protocol: string;
      /** Relative to the protocol. */
      readonly msg_code: number;
      /** Uncompressed payload bytes. */
      readonly msg_size: number;
    };

/** admin_nodeInfo. @see geth p2p/server.go:1017-1060@v1.8.27 */
export interface NodeInfo {
  readonly id: NodeId;
  readonly name: string;
  readonly enode: string;
  /** Our node record, `enr:…`; "" before the start. */
  readonly enr: string;
  readonly ip: string;
  readonly ports: { readonly discovery: number; readonly listener: number };
  readonly listenAddr: string;
  readonly protocols: Readonly<Record<string, unknown>>;
}

/** This node as others know it. */
export interface Self {
  readonly id: NodeId;
  readonly node: Enode;
  /** URL form. */
  readonly enode: string;
  /** Record form; "" before the start. */
  readonly enr: string;
}
