/**
 * core/txpool: transactions that are in no block yet: checked, ordered by price and nonce, bounded, kept over a restart if
 * they are this node's own, and sorted anew at each change of head.
 *
 *   add → pending (executable: told to peers, ready to be mined) ⇄ queued (waits for a nonce or funds) → gone
 *
 * Not here: blob transactions (decoded and mined, not pooled yet), who they are told to (`eth`), the chain.
 */
export type { AccountState } from "./account.ts";
export { TxPoolError } from "./errors.ts";
export { TxJournal } from "./journal.ts";
export { defaultLimits, MAX_TRANSACTION_BYTES, type TxPoolLimits } from "./limits.ts";
export { type PoolContent, type PoolHead, TxPool, type TxPoolOptions, type TxStatus } from "./pool.ts";
