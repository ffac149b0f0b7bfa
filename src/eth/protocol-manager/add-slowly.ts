import type { Transaction } from "#core/types";
import type { TxVerdict } from "#eth/fetcher";
import type { Clock } from "#host";
import { managerLimits as limits } from "./limits.ts";
import { type ManagedPool, verdictOf } from "./options.ts";

/**
 * Gives a peer's transactions to the pool, which recovers a sender for each: a message of 5,000 is a third of a second of
 * work, so others run in between.
 */
export async function addSlowly(
  pool: Pick<ManagedPool, "addRemotes">,
  txs: readonly Transaction[],
  clock: Pick<Clock, "sleep">,
): Promise<TxVerdict[]> {
  const verdicts: TxVerdict[] = [];
  for (let from = 0; from < txs.length; from += limits.txsAtOnce) {
    if (from > 0) await clock.sleep(0);
    verdicts.push(...pool.addRemotes(txs.slice(from, from + limits.txsAtOnce)).map(verdictOf));
  }
  return verdicts;
}
