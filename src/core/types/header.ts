/** A block header. Hashes are 32 bytes, addresses 20. The fields after `nonce` exist from their fork on (geth's order). */
export interface Header {
  readonly parentHash: Uint8Array;
  readonly unclesHash: Uint8Array;
  readonly coinbase: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly txRoot: Uint8Array;
  readonly receiptRoot: Uint8Array;
  /** 256 bytes. */
  readonly bloom: Uint8Array;
  readonly difficulty: bigint;
  readonly number: number;
  readonly gasLimit: bigint;
  readonly gasUsed: bigint;
  /** Unix seconds. */
  readonly time: number;
  /** BOUNDED at decode: limits.MAX_HEADER_EXTRA. */
  readonly extra: Uint8Array;
  /** 32 bytes; prevRandao after the merge. */
  readonly mixDigest: Uint8Array;
  /** 8 bytes. */
  readonly nonce: Uint8Array;
  /** Wei; from London. */
  readonly baseFee?: bigint | undefined;
  /** From Shanghai. */
  readonly withdrawalsRoot?: Uint8Array | undefined;
  /** From Cancun. */
  readonly blobGasUsed?: bigint | undefined;
  /** From Cancun. */
  readonly excessBlobGas?: bigint | undefined;
  /** From Cancun. */
  readonly parentBeaconRoot?: Uint8Array | undefined;
  /** From Prague. */
  readonly requestsHash?: Uint8Array | undefined;
  /** keccak256 of the encoding; computed by `makeHeader` and `decodeHeader`. */
  readonly hash: Uint8Array;
}

/** A header without its hash: what `makeHeader` takes. */
export type HeaderFields = Omit<Header, "hash">;
