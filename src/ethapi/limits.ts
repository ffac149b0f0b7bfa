/** Bounds of the eth_ table. Origin: docs/limits, the column "ours"; geth's where the two agree. */
export interface EthApiLimits {
  /** Most gas one eth_call, eth_estimateGas or eth_createAccessList may use (geth --rpc.gascap, 50 M). */
  readonly callGas: bigint;
  /** Wall time of one of those, ms (geth --rpc.evmtimeout, 5 s). */
  readonly callTimeoutMs: number;
  /**
   * Memory of the frames of all those that run at once, bytes (RP-12); past it one that has more than 1 MiB ends with −32003.
   * A light node has less, so that the process stays below its ceiling.
   */
  readonly callMemoryBytes: number;
  /** Calls running at once; the next ones wait, up to `callQueue`. A light node's calls mostly wait for the network. */
  readonly callsAtOnce: number;
  /** Calls that may wait for a place; the one after is refused with −32005. */
  readonly callQueue: number;
  /** Data and overriding code that those which run and wait may bring along, bytes; past it −32005, but for one alone and for the small. */
  readonly callBytes: number;
  /** Accounts in one state override. */
  readonly overrideAccounts: number;
  /** Slots in one state override, all accounts together. */
  readonly overrideSlots: number;
  /** Blocks one log query may span. */
  readonly logBlocks: number;
  /** Logs one query may return. */
  readonly logs: number;
  /** Addresses in a log query, and topics in one position (geth eth/filters/api.go maxAddresses, maxTopics at 1,000). */
  readonly logCriteria: number;
  /** Log queries at work at once, of all callers; the next ones wait, up to `callQueue`. */
  readonly logQueriesAtOnce: number;
  /** Wall time of one log query, ms. */
  readonly logTimeoutMs: number;
  /** Filters of the whole node. */
  readonly filters: number;
  /** A filter nobody asked about for so long is removed, ms (geth eth/filters/api.go deadline). */
  readonly filterIdleMs: number;
  /** Items one filter keeps between two polls; beyond, the filter ends and says so at the next poll. */
  readonly filterBacklog: number;
  /** Storage keys of one eth_getProof (geth maxGetStorageSlots, 1,024). */
  readonly proofKeys: number;
  /** Blocks of one eth_feeHistory (geth maxBlockHistory, 1,024). */
  readonly feeHistoryBlocks: number;
  /** Percentiles of one eth_feeHistory (geth maxQueryLimit, 100). */
  readonly feeHistoryPercentiles: number;
  /** Largest fee (gas price × gas) eth_sendRawTransaction lets pass, wei (geth --rpc.txfeecap, 1 ether); 0n: no cap. */
  readonly txFeeCap: bigint;
  /** Run JavaScript tracers for callers over HTTP and WebSocket too (IPC and in process: always). */
  readonly jsTracers: boolean;
  /** Largest encoded transaction eth_sendRawTransaction takes, bytes (geth txMaxSize, 128 KiB; a blob sidecar is not taken). */
  readonly rawTransactionBytes: number;
}

export const defaultLimits: EthApiLimits = {
  callGas: 50_000_000n,
  callTimeoutMs: 5_000,
  callMemoryBytes: 256 * 1024 * 1024,
  callsAtOnce: 16,
  callQueue: 1_024,
  callBytes: 16 * 1024 * 1024,
  overrideAccounts: 1_024,
  overrideSlots: 16_384,
  logBlocks: 10_000,
  logs: 10_000,
  logCriteria: 1_000,
  logQueriesAtOnce: 16,
  logTimeoutMs: 10_000,
  filters: 10_000,
  filterIdleMs: 300_000,
  filterBacklog: 10_000,
  proofKeys: 1_024,
  feeHistoryBlocks: 1_024,
  feeHistoryPercentiles: 100,
  txFeeCap: 10n ** 18n,
  jsTracers: false,
  rawTransactionBytes: 131_072,
};
