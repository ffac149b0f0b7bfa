/** `full`: every block is executed. `fast`: state of a recent block by node data, the rest executed. `headers`: headers alone. */
export type SyncMode = "full" | "fast" | "headers";

/** How far a synchronisation has come. Block numbers and counts. */
export interface DownloadProgress {
  readonly mode: SyncMode;
  /** Where this synchronisation began. */
  readonly startingBlock: number;
  /** Last block (fast: block with receipts; headers: header) that is stored. */
  readonly currentBlock: number;
  /** Height of the peer that is followed. */
  readonly highestBlock: number;
  /** State entries stored, and those known to exist so far. 0 unless fast. */
  readonly pulledStates: number;
  readonly knownStates: number;
  /** Blocks a second over the last half minute. */
  readonly blocksPerSecond: number;
  readonly statesPerSecond: number;
  /** Seconds until `highestBlock` at that rate; undefined while there is none. The rest of a state is not foreseeable. */
  readonly secondsLeft: number | undefined;
}
