/** txpool_: what waits here. A light node tells of its own transactions (eth/tracers… internal/ethapi/api.go:186@v1.17.5). */
import { checksumAddress, senderOf, type Transaction } from "#core/types";
import { address, json, method, type Method } from "#rpc";
import { ByteMap, equalBytes } from "#util";
import type { Backend } from "./backend.ts";
import type { PoolContents } from "./controls.ts";
import { formatTransaction, type Json, quantityHex } from "./format.ts";

type BySender = ReturnType<PoolContents["content"]>["pending"];

/** A light node's pool: own transactions, all of which it takes for executable. */
export function ownTransactions(backend: Backend): PoolContents {
  const bySender = () => {
    const senders = new ByteMap<Transaction[]>();
    for (const tx of backend.pendingTransactions()) {
      const sender = senderOf(tx);
      const known = senders.get(sender);
      if (known === undefined) senders.set(sender, [tx]);
      else known.push(tx);
    }
    return [...senders];
  };
  return {
    content: () => ({ pending: bySender(), queued: [] }),
    stats: () => ({ pending: backend.pendingTransactions().length, queued: 0 }),
  };
}

/** Decimal nonce → what is said of the transaction. */
const byNonce = (txs: readonly Transaction[], say: (tx: Transaction) => Json): Json =>
  Object.fromEntries(txs.map((tx) => [tx.nonce.toString(), say(tx)]));

const bySender = (part: BySender, say: (tx: Transaction) => Json): Json =>
  Object.fromEntries(part.map(([sender, txs]) => [checksumAddress(sender), byNonce(txs, say)]));

function describe(tx: Transaction): string {
  const price = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  const to = tx.to === undefined ? "contract creation" : checksumAddress(tx.to);
  return `${to}: ${tx.value} wei + ${tx.gas} gas × ${price} wei`;
}

const txsOf = (part: BySender, sender: Uint8Array) =>
  part.find(([who]) => equalBytes(who, sender))?.[1] ?? [];

export function txpoolMethods(pool: PoolContents): Record<string, Method> {
  const whole = (say: (tx: Transaction) => Json): Json => {
    const { pending, queued } = pool.content();
    return { pending: bySender(pending, say), queued: bySender(queued, say) };
  };
  return {
    content: method({
      doc: "Waiting transactions by sender (checksummed) and decimal nonce.",
      params: [],
      result: json,
      isHeavy: true,
      handle: () => whole((tx) => formatTransaction(tx)),
    }),
    contentFrom: method({
      doc: "Waiting transactions of one sender by decimal nonce.",
      params: [address],
      result: json,
      isConcurrent: true,
      handle: ([sender]) => {
        const { pending, queued } = pool.content();
        const say = (tx: Transaction) => formatTransaction(tx);
        return { pending: byNonce(txsOf(pending, sender), say), queued: byNonce(txsOf(queued, sender), say) };
      },
    }),
    inspect: method({
      doc: "Like txpool_content, each transaction as a line of text.",
      params: [],
      result: json,
      isHeavy: true,
      handle: () => whole(describe),
    }),
    status: method({
      doc: "How many transactions wait: executable ones, and those that wait for others.",
      params: [],
      result: json,
      isConcurrent: true,
      handle: () => {
        const { pending, queued } = pool.stats();
        return { pending: quantityHex(pending), queued: quantityHex(queued) };
      },
    }),
  };
}
