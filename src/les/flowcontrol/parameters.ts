/** What a server grants one client. Both are positive integers below 2^53. */
export interface FlowParameters {
  /** Cost units the buffer holds when full. */
  readonly bufferLimit: number;
  /** Cost units the buffer gains per millisecond at least. */
  readonly minRecharge: number;
}
