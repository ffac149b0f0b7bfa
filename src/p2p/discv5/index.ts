/**
 * p2p/discv5: node discovery v5.1: masked packets, handshakes and sessions, PING, FINDNODE, TALKREQ. Topics are left out.
 *
 * Shares its socket with v4: what is no v5 packet costs one AES block to find out.
 * Is not: the table (`#p2p/table`), records (`#enr`).
 */
export { Discv5, type Discv5Config, type Discv5Counts, type Discv5World } from "./discv5.ts";
export { discv5Limits } from "./limits.ts";
export type { TalkHandler } from "./talk.ts";
