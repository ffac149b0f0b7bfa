import type { Header } from "./header.ts";
import type { Transaction } from "./transaction.ts";

/** EIP-4895. `amount` is in Gwei. */
export interface Withdrawal {
  readonly index: bigint;
  readonly validatorIndex: bigint;
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly amount: bigint;
}

export interface Body {
  readonly transactions: readonly Transaction[];
  readonly uncles: readonly Header[];
  /** From Shanghai. */
  readonly withdrawals?: readonly Withdrawal[] | undefined;
}

export interface Block extends Body {
  readonly header: Header;
}
