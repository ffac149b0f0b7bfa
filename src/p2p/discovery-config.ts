import type { PrivateKey } from "#crypto";
import { type Enode, parseNode } from "#enode";
import type { Endpoint, Host } from "#host";
import type { Logger } from "#log";
import { type Nat, parseNat } from "#p2p/nat";
import { isLoopback, parseListenAddr } from "#p2p/netutil";
import type { DiscoveryConfig } from "./discovery.ts";
import type { ServerConfig } from "./server-types.ts";

/** A node as the configuration or an operator names it. @throws ENODE_*, ENR_* */
export const nodeOf = (node: string | Enode): Enode => (typeof node === "string" ? parseNode(node) : node);

/** What a server knows beside its configuration when discovery begins. */
interface DiscoveryParts {
  readonly key: PrivateKey;
  /** Of the RLPx listener; undefined without one. */
  readonly local: Endpoint | undefined;
  readonly fallbackIp: string;
  readonly isAllowed: (ip: string) => boolean;
  readonly log: Logger;
}

/** What discovery runs with, of a server's configuration. @throws NETUTIL_*, NAT_*, ENODE_*, ENR_* */
export function discoveryConfigOf(config: ServerConfig, parts: DiscoveryParts, host: Host): DiscoveryConfig {
  const {
    noDiscovery = true,
    discoveryV5 = false,
    discAddr = "",
    listenAddr,
    nodeStore,
    externalIp,
  } = config;
  const { bootstrapNodes = [], bootstrapNodesV5 = bootstrapNodes, discoveryDns = [], netRestrict } = config;
  const { key, local, fallbackIp, isAllowed, log } = parts;
  const configured = discAddr === "" ? undefined : parseListenAddr(discAddr);
  return {
    ...{ key, fallbackIp, isAllowed, log, store: nodeStore, staticIp: externalIp },
    udp: configured ?? local ?? { host: "", port: 0 },
    v4: !noDiscovery,
    v5: discoveryV5,
    anyPort: configured === undefined && /:0$/.test(listenAddr ?? ":0"),
    tcp: local?.port ?? 0,
    bootnodes: bootstrapNodes.map(nodeOf),
    bootnodesV5: bootstrapNodesV5.map(nodeOf),
    dnsLists: noDiscovery ? [] : discoveryDns.filter((url) => url !== ""), // geth's `--discovery.dns ""`
    allowLanLists: netRestrict !== undefined,
    nat: natOf(config, local, host),
    protocols: config.protocols ?? [],
  };
}

/** The way through the router; none for who listens on loopback, or nowhere. */
function natOf({ nat = "" }: ServerConfig, local: Endpoint | undefined, host: Host): Nat | undefined {
  const parsed = parseNat(nat, host);
  return local === undefined || isLoopback(local.host) ? undefined : parsed;
}
