import { type Block, recoverSenders, type Transaction } from "#core/types";
import { limits } from "./limits.ts";

interface Group {
  /** Index of the block after its last. */
  end: number;
  readonly transactions: Transaction[];
}

/**
 * Recovers the senders of blocks beside this thread, some way ahead of their execution.
 * @returns resolves when those of the block of that index are there, or are left to the execution; ask in ascending order
 * @see geth core/sender_cacher.go@v1.11.6
 */
export function sendersAhead(blocks: readonly Block[]): (index: number) => Promise<void> {
  const groups: Group[] = [];
  for (const [index, { transactions }] of blocks.entries()) {
    let group = groups.at(-1);
    if (group === undefined || group.transactions.length >= limits.sendersAtOnce)
      groups.push((group = { end: 0, transactions: [] }));
    group.end = index + 1;
    for (const tx of transactions) group.transactions.push(tx);
  }
  // BOUNDED: limits.sendersAhead groups
  const underWay: { readonly end: number; readonly done: Promise<void> }[] = [];
  return async (index) => {
    while (underWay[0] !== undefined && underWay[0].end <= index) underWay.shift();
    while (underWay.length < limits.sendersAhead && groups.length > 0) {
      const { end, transactions } = groups.shift() ?? { end: 0, transactions: [] };
      underWay.push({ end, done: recoverSenders(transactions) });
    }
    await underWay[0]?.done;
  };
}
