import { recoverSenders, type Transaction } from "#core/types";
import type { TxVerdict } from "#eth/fetcher";
import type { Clock } from "#host";
import { managerLimits as limits } from "./limits.ts";
import { type ManagedPool, verdictOf } from "./options.ts";

/**
 * Gives a peer's transactions to the pool in parts, so that others run in between: a message of 5,000 is a third of a second of work if the
 * pool recovers all senders itself; those after the first part are recovered beside this thread.
 */
export async function addSlowly(
  pool: Pick<ManagedPool, "addRemotes">,
  txs: readonly Transaction[],
  clock: Pick<Clock, "sleep">,
): Promise<TxVerdict[]> {
  const verdicts: TxVerdict[] = [];
  const senders = txs.length > limits.txsAtOnce ? recoverSenders(txs.slice(limits.txsAtOnce)) : undefined;
  for (let from = 0; from < txs.length; from += limits.txsAtOnce) {
    if (from > 0) await clock.sleep(0);
    if (from > 0) await senders;
    verdicts.push(...pool.addRemotes(txs.slice(from, from + limits.txsAtOnce)).map(verdictOf));
  }
  return verdicts;
}
