/**
 * p2p/netutil: what addresses mean. CIDR lists (netrestrict), private and special networks, the rule for addresses told by others, limits
 * per subnet, what hosts say our own endpoint is, and `host:port` texts.
 *
 * Is not: sockets (`#host`), address mapping at a router (nat).
 */
export {
  checkRelayIp,
  isLan,
  isLoopback,
  isRelayable,
  isSameNet,
  isSpecialNetwork,
  makeAllowList,
  parseNetlist,
  type RelayRefusal,
  subnetOf,
} from "./cidr.ts";
export { DistinctNetSet, type NetLimits } from "./distinct-net-set.ts";
export { NetRates } from "./net-rates.ts";
export { formatEndpoint, parseListenAddr } from "./endpoint.ts";
export { NetutilError } from "./errors.ts";
export { IpTracker, type IpTrackerConfig } from "./ip-tracker.ts";
