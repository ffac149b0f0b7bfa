import type { Transaction } from "#core/types";
import type { Entry } from "./account.ts";
import { tipAt } from "./price.ts";

interface Run {
  readonly entries: readonly Entry[];
  at: number;
  /** What the entry at `at` pays the author. */
  tip: bigint;
  order: number;
}

/** Merges the runs of accounts into one list: always the dearest first entry next; equal ones by arrival. */
export function mergeByTip(queues: readonly (readonly Entry[])[], baseFee: bigint): readonly Transaction[] {
  const heap: Run[] = [];
  for (const entries of queues) {
    const run = { entries, at: -1, tip: 0n, order: 0 };
    if (advance(run, baseFee)) heap.push(run);
  }
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
  const ordered: Transaction[] = [];
  for (;;) {
    const best = heap[0];
    const entry = best?.entries[best.at];
    if (best === undefined || entry === undefined) return ordered;
    ordered.push(entry.tx);
    if (!advance(best, baseFee)) {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) heap[0] = last;
    }
    sink(heap, 0);
  }
}

function advance(run: Run, baseFee: bigint): boolean {
  const entry = run.entries[++run.at];
  if (entry === undefined) return false;
  run.tip = tipAt(entry.tx, baseFee);
  run.order = entry.order;
  return true;
}

const isBefore = (a: Run, b: Run): boolean => a.tip > b.tip || (a.tip === b.tip && a.order < b.order);

/** Restores the order of a heap whose item at `from` may belong further down. */
function sink(heap: Run[], from: number): void {
  let at = from;
  for (;;) {
    const item = heap[at];
    let child = 2 * at + 1;
    const [left, right] = [heap[child], heap[child + 1]];
    let first = left;
    if (left !== undefined && right !== undefined && isBefore(right, left)) {
      first = right;
      child++;
    }
    if (item === undefined || first === undefined || !isBefore(first, item)) return;
    heap[at] = first;
    heap[child] = item;
    at = child;
  }
}
