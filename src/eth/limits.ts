/** Bounds of the room; from attacks-and-faults §3.3, column "ours". */
export const limits = {
  /** Transactions held, of all accounts. */
  poolTransactions: 4096,
  /** Bytes of transactions held. */
  poolBytes: 64 << 20,
  /** How far ahead of the next nonce a transaction may be. */
  noncesAhead: 64,
  /** One transaction, bytes. */
  transactionBytes: 128 << 10,
  /** A replacement pays at least this much more, percent. */
  priceBumpPercent: 10n,
} as const;
