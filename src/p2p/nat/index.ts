/**
 * p2p/nat: how a node behind a router is reached: the address the world sees, and ports of the router that lead here.
 *
 * `parseNat` reads geth's `--nat` (extip:IP, upnp, pmp, stun, any); `PortMapper` keeps mappings alive and tells what it learns.
 * Devices answer from the local network and are believed only for what they are asked: an address and a port.
 */
export { NatError } from "./errors.ts";
export type { Nat, NatHost, PortProtocol } from "./nat.ts";
export { natLimits } from "./limits.ts";
export { parseNat } from "./parse.ts";
export { PortMapper, type PortMapperOptions } from "./port-mapper.ts";
