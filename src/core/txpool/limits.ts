/**
 * What a pool may hold. Defaults from attacks-and-faults §3.3, column "ours" (geth's, and bytes).
 * A slot is `slotBytes` of a transaction, begun or full.
 */
export interface TxPoolLimits {
  /** Least tip of a remote transaction, wei. */
  readonly priceLimit: bigint;
  /** A replacement pays at least this much more, percent. */
  readonly priceBump: bigint;
  /** Executable slots that an account keeps when the pool is trimmed. */
  readonly accountSlots: number;
  /** Executable slots of all accounts. */
  readonly globalSlots: number;
  /** Transactions of one account that wait for a nonce. */
  readonly accountQueue: number;
  /** The same of all accounts. */
  readonly globalQueue: number;
  readonly poolBytes: number;
  /** How long an account's waiting transactions stay without anything new from it. */
  readonly lifetimeMs: number;
  /** A reorg deeper than this puts nothing back. */
  readonly reinjectDepth: number;
}

export const defaultLimits: TxPoolLimits = {
  priceLimit: 1n,
  priceBump: 10n,
  accountSlots: 16,
  globalSlots: 4096,
  accountQueue: 64,
  globalQueue: 1024,
  poolBytes: 64 << 20,
  lifetimeMs: 3 * 3_600_000,
  reinjectDepth: 64,
};

export const SLOT_BYTES = 32 << 10;
export const MAX_TRANSACTION_BYTES = 128 << 10;
export const EVICT_EVERY_MS = 60_000;
export const REJOURNAL_EVERY_MS = 3_600_000;
