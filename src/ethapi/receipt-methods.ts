/** eth_sendRawTransactionSync and the subscription transactionReceipts: receipts as they come (internal/ethapi, eth/filters @v1.17.5). */
import {
  bytesUpTo,
  hash,
  hexOrDecimal,
  json,
  list,
  method,
  type Method,
  object,
  optional,
  RpcError,
  subscription,
  type Subscription,
} from "#rpc";
import { ByteSet, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";
import { formatReceipt, formatReceipts, type JsonObject } from "./format.ts";
import type { Parts } from "./parts.ts";
import { checkSubmission } from "./submission.ts";
import { readTransaction } from "./transaction-methods.ts";

/** geth TxSyncDefaultTimeout; and what one request may take here. */
const DEFAULT_WAIT_MS = 20_000;
const MAX_WAIT_MS = 25_000;
/** geth errCodeTxSyncTimeout. */
const SYNC_TIMEOUT = 4;
/** geth maxTxHashes. */
const MAX_HASHES = 200;
/** Events that may wait for one slow reader. */
const CAPACITY = 1_024;

export function receiptMethods({ backend, limits, clock }: Parts): Record<string, Method> {
  const receiptOf = async (id: Uint8Array, ctx: CallContext): Promise<JsonObject | undefined> => {
    const found = await backend.findTransaction(id, ctx);
    if (found?.header === undefined || found.index === undefined) return undefined;
    const { header, index } = found;
    const [body, receipts] = await Promise.all([backend.body(header, ctx), backend.receipts(header, ctx)]);
    return formatReceipt({ header, body, receipts, config: backend.chainConfig }, index);
  };

  return {
    sendRawTransactionSync: method({
      doc: "eth_sendRawTransaction that waits, at most 25 s (20 s unless told, in ms), until the transaction is in a block, and gives its receipt.",
      params: [bytesUpTo(limits.rawTransactionBytes), optional(hexOrDecimal)],
      result: json,
      handle: async ([bytesOfTx, wish = 0], ctx) => {
        const tx = readTransaction(bytesOfTx);
        checkSubmission(tx, backend.chainId, limits.txFeeCap);
        const waitMs = wish === 0 ? DEFAULT_WAIT_MS : Math.min(wish, MAX_WAIT_MS);
        const over = new AbortController();
        const timer = clock.after(waitMs, () => over.abort());
        const signal = AbortSignal.any([ctx.signal, over.signal]);
        const heads = backend.headEvents.stream({ signal, capacity: CAPACITY, overflow: "error" });
        try {
          await backend.sendTransaction(tx, ctx);
          const at = await receiptOf(tx.hash, ctx);
          if (at !== undefined) return at;
          for await (const _ of heads) {
            const receipt = await receiptOf(tx.hash, ctx);
            if (receipt !== undefined) return receipt;
          }
        } catch (error) {
          if (!over.signal.aborted) throw error;
        } finally {
          timer.cancel();
          over.abort();
        }
        ctx.signal.throwIfAborted();
        throw new RpcError(
          SYNC_TIMEOUT,
          `The transaction was added to the transaction pool but wasn't processed in ${waitMs / 1_000}s`,
          toHex(tx.hash),
        );
      },
    }),
  };
}

export function receiptSubscription({ backend }: Parts): Subscription {
  const criteria = object({ transactionHashes: optional(list(hash)) });
  return subscription({
    doc: "Receipts of transactions as they get into a block, those of a block together: all, or of these hashes.",
    params: [optional(criteria)],
    item: json,
    open: ([wanted], { signal }) => {
      const hashes = wanted?.transactionHashes ?? [];
      if (hashes.length > MAX_HASHES)
        throw EthApiError("INVALID", { reason: "exceed max transaction hashes" });
      const set = hashes.length === 0 ? undefined : new ByteSet(hashes);
      const events = backend.headEvents.stream({ signal, capacity: CAPACITY, overflow: "error" });
      return (async function* () {
        for await (const { added } of events)
          for (const header of added) {
            const body = await backend.body(header, { signal });
            const places = body.transactions.flatMap((tx, i) => (set?.has(tx.hash) === false ? [] : [i]));
            if (places.length === 0) continue;
            const receipts = await backend.receipts(header, { signal });
            const all = formatReceipts({ header, body, receipts, config: backend.chainConfig });
            yield places.map((i) => all[i] ?? null);
          }
      })();
    },
  });
}
