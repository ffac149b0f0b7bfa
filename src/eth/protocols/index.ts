/**
 * eth/protocols: the eth protocol, versions 62 to 69, on one connection: message tables, status exchange, requests with typed answers,
 * serving with limits, broadcasts with bounds.
 *
 * Not here: who is connected, what is broadcast to whom, what announcements lead to (ProtocolManager of #eth), synchronising
 * (#eth/downloader), fetching what was announced (#eth/fetcher), the chain and the pool themselves (interfaces in backend.ts).
 *
 *   both → status            then, at any time and in any order:
 *   asker → get… [id?, …]    at most limits.ask items → reply [id?, …], matched before it is decoded
 *   both → newBlock, newBlockHashes, transactions, newPooledTransactionHashes, blockRangeUpdate
 */
export type { EthBackend, EthChain, EthPool } from "./backend.ts";
export { packTransactions } from "./broadcasts.ts";
export { EthProtocolError } from "./errors.ts";
export {
  checkTd,
  exchangeStatus,
  forkEntryOf,
  isOnOurChain,
  statusOf,
  type StatusTerms,
  termsOf,
} from "./handshake.ts";
export { KnownHashes } from "./known.ts";
export { ethLimits } from "./limits.ts";
export {
  type BlockAnnouncement,
  eth62,
  eth63,
  eth64,
  eth65,
  eth66,
  eth67,
  eth68,
  eth69,
  type EthTable,
  type EthVersion,
  ethTable,
  ethVersions,
  type HeadersQuery,
  hasMessage,
  type NewBlock,
  type TxAnnouncement,
} from "./messages.ts";
export { EthPeer } from "./peer.ts";
export type { EthHandlers, EthPeerOptions, HeadersRequest, Lazy, PeerHead } from "./peer-types.ts";
export { receipt69Rlp } from "./receipt69.ts";
export type { BlockRange, BlockSpan, EthStatus } from "./status.ts";
