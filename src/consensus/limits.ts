/** Bounds of the header rules that are this node's own; those of the protocol stand in #params. */
export const limits = {
  /** A header may be this far ahead of our clock (consensus/ethash/consensus.go:48@v1.11.6). */
  futureSeconds: 15,
  /** Highest gas limit (params/protocol_params.go:28@v1.11.6). */
  maxGasLimit: (1n << 63n) - 1n,
} as const;
