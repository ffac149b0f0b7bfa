/**
 * p2p/table: the Kademlia table of discovery. Which nodes we know by distance, who is pinged when, how a target is looked up.
 *
 * Is not: any wire or socket. `#p2p/discv4` and `#p2p/discv5` drive one each through `TableTransport`.
 */
export { tableLimits } from "./limits.ts";
export { Lookup, type Query } from "./lookup.ts";
export { nearest } from "./nearest.ts";
export { RandomWalk } from "./random-walk.ts";
export { Table, type TableConfig, type TableEvent, type TableRow, type TableTransport } from "./table.ts";
