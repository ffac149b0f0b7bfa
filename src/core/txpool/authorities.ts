import { authorityOf, emptyCodeHash, type Transaction } from "#core/types";
import { ByteMap, equalBytes } from "#util";
import type { AccountState, AccountTxs } from "./account.ts";
import { TxPoolError } from "./errors.ts";

/**
 * What set-code transactions do to a pool (EIP-7702): code in an account can empty it, and an authorization uses up its
 * nonce, without a transaction of its own. So such an account has one transaction here, which is all that this can spoil
 * (TX-03). Counts the accounts whose authorization waits here. BOUNDED: by the authorizations of the pool's transactions.
 * @see core/txpool/legacypool/legacypool.go:596 validateAuth@v1.15.11
 */
export class Authorities {
  readonly #counts = new ByteMap<number>();

  /** @throws TXPOOL_DELEGATED_IN_FLIGHT, TXPOOL_DELEGATED_GAPPED, TXPOOL_AUTHORITY_RESERVED */
  check(
    tx: Transaction,
    account: AccountTxs,
    state: AccountState,
    accountOf: (authority: Uint8Array) => AccountTxs | undefined,
  ): void {
    const hasCode = state.codeHash !== undefined && !equalBytes(state.codeHash, emptyCodeHash);
    if (hasCode || this.#counts.has(account.sender)) {
      const isReplacement = account.pending.has(tx.nonce);
      if (account.pending.size > 0 && !isReplacement) throw TxPoolError("DELEGATED_IN_FLIGHT");
      if (account.pending.size === 0 && tx.nonce !== account.nextNonce(state))
        throw TxPoolError("DELEGATED_GAPPED");
    }
    for (const authority of authoritiesOf(tx)) {
      const waiting = accountOf(authority);
      if (waiting !== undefined && waiting.pending.size + waiting.queued.size > 1)
        throw TxPoolError("AUTHORITY_RESERVED");
    }
  }

  add(tx: Transaction): void {
    for (const authority of authoritiesOf(tx))
      this.#counts.set(authority, (this.#counts.get(authority) ?? 0) + 1);
  }

  remove(tx: Transaction): void {
    for (const authority of authoritiesOf(tx)) {
      const left = (this.#counts.get(authority) ?? 0) - 1;
      if (left > 0) this.#counts.set(authority, left);
      else this.#counts.delete(authority);
    }
  }
}

/** Recovered once for each transaction: its curve work is up to a thousand signatures. */
const recovered = new WeakMap<Transaction, readonly Uint8Array[]>();

function authoritiesOf(tx: Transaction): readonly Uint8Array[] {
  if (tx.authorizationList === undefined || tx.authorizationList.length === 0) return [];
  const known = recovered.get(tx);
  if (known !== undefined) return known;
  const authorities = tx.authorizationList.flatMap((entry) => authorityOf(entry) ?? []);
  recovered.set(tx, authorities);
  return authorities;
}
