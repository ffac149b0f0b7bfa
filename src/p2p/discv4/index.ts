/**
 * p2p/discv4: node discovery v4. Packets (EIP-8, EIP-868), endpoint proof, rates and budgets, the UDP driver of one `#p2p/table`.
 *
 *   bytes → length, type, hash, body, expiry → asked for? rate → queue → signer → proven? → answer, table
 *
 * Is not: the table (`#p2p/table`), v5 (what is no v4 packet is handed to `unhandled`), the socket's owner, dialling.
 */
export { Discv4, type Discv4Config, type Discv4Counts, type Discv4World } from "./discv4.ts";
export { discv4Limits } from "./limits.ts";
export {
  type BodyOf,
  openPacket,
  type OpenPacket,
  type Packet,
  type PacketName,
  packets,
  sealPacket,
  signerOf,
} from "./packets.ts";
