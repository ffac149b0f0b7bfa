import type { TransactionType } from "./transaction.ts";

/** An event of a contract. Its place in the block is known from the receipt that holds it. */
export interface Log {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** 0 to 4, 32 bytes each. */
  readonly topics: readonly Uint8Array[];
  readonly data: Uint8Array;
}

/** What consensus says of an executed transaction. Exactly one of `status` (from Byzantium) and `postState` exists. */
export interface Receipt {
  readonly type: TransactionType;
  /** 1 success, 0 failure. */
  readonly status?: 0 | 1 | undefined;
  /** Before Byzantium: 32 bytes, the state root after this transaction. */
  readonly postState?: Uint8Array | undefined;
  /** Gas used in the block up to and including this transaction. */
  readonly cumulativeGasUsed: bigint;
  /** 256 bytes. */
  readonly bloom: Uint8Array;
  readonly logs: readonly Log[];
}
