/*
 * core: chains. Which headers are canonical, and what a full node stores of their blocks.
 *
 *   headers ──verify (engine)──> HeaderChain: links, total difficulty, head, reorgs   (light and full)
 *   blocks ──verify, execute (core/vm)──> BlockChain: bodies, receipts, states, lookups (full)
 *
 * Where of BlockChain: insert-blocks, reorg, set-head, regenerate and recovery act on it; write-queue is their one line.
 * What it holds: block-store (bodies, receipts), state-store (tries) and flat-state, aside-blocks (side blocks that were
 * not executed), fast-chain. upkeep writes states now and then; block-executor runs blocks (process) and makes them (build).
 *
 * Engines and the clock come in by the constructor. A change of head is one HeadEvent on `headEvents`.
 * Genesis setup and import/export in geth's file form are here; reading such a file from disk is the caller's.
 *
 * Not here: rules of headers (#consensus), EVM (#core/vm), tries (#core/state), keys (#core/rawdb), networks.
 */
export { BlockChain, type BlockChainOptions } from "./block-chain.ts";
export type { LocatedTransaction } from "./block-store.ts";
export type { BloomMatches } from "./bloom-index.ts";
export type { BuildOptions, BuiltBlock } from "./build.ts";
export { CoreError } from "./errors.ts";
export { type BlockWithReceipts, FastChain, verifyReceipts } from "./fast-chain.ts";
export {
  checkCompatible,
  readStoredGenesis,
  type SetupGenesisOptions,
  setupGenesis,
  type StoredGenesis,
} from "./genesis.ts";
export type { HeadEvent, InsertResult } from "./head-event.ts";
export { HeaderChain, type HeaderChainOptions, type StagedHeaders } from "./header-chain.ts";
export { type HeaderQuery, type HeaderSource, queryHeaders } from "./header-query.ts";
export { exportChain, type ImportOptions, type ImportProgress, importChain, readBlocks } from "./import.ts";
export { limits } from "./limits.ts";
export { verifyBody } from "./process.ts";
export type { GcMode } from "./state-store.ts";
export type { ExecutionWitness } from "./witness.ts";
export { type VerifyOptions, type VerifyProgress, type VerifyReport, verifyChain } from "./verify.ts";
