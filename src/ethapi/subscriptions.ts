/** eth_subscribe: newHeads, logs, newPendingTransactions, syncing. Each is a generator that ends when its reader leaves. */
import type { Header, Transaction } from "#core/types";
import { bool, json, optional, subscription, type Subscription } from "#rpc";
import { lastOnly, toHex } from "#util";
import type { Backend, CallContext } from "./backend.ts";
import { formatNewHead, formatTransaction, type Json, type JsonObject, quantityHex } from "./format.ts";
import { LiveLogs } from "./live-logs.ts";
import { allLogs, type LogQuery, logQuery } from "./log-criteria.ts";
import { checkLiveRange } from "./log-search.ts";
import type { Parts } from "./parts.ts";

/** Events that may wait for one slow reader; past it the subscription ends with an error, so nothing is missed silently. */
const CAPACITY = 1_024;
/** Between tries to read the logs of a block, and between looks at the sync. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const SYNC_LOOK_MS = 1_000;

export function ethSubscriptions(parts: Parts): Record<string, Subscription> {
  const { backend, limits } = parts;
  const formatted = lastOnly(formatNewHead);
  return {
    newHeads: subscription({
      doc: "Each header that joins the chain; after a reorg all headers of the new branch.",
      params: [],
      item: json,
      open: (_, { signal }) => newHeads(signal),
    }),
    logs: subscription({
      doc: "Logs as they appear; with removed: true when their block leaves the chain.",
      params: [optional(logQuery(limits.logCriteria))],
      item: json,
      open: ([query = allLogs], { signal }) => {
        checkLiveRange(query.range);
        return liveLogs(parts, query, signal);
      },
    }),
    newPendingTransactions: subscription({
      doc: "Transactions that this node takes and that are in no block yet: hashes, or whole with true.",
      params: [optional(bool)],
      item: json,
      open: ([full = false], { signal }) => pendingTransactions(full, signal),
    }),
    syncing: subscription({
      doc: "The first sync: an object while it runs, false when it has ended.",
      params: [],
      item: json,
      open: (_, { signal }) => syncStates(parts, signal),
    }),
  };

  function pendingTransactions(full: boolean, signal: AbortSignal): AsyncIterable<Json> {
    const events = backend.pendingEvents?.stream({ signal, capacity: CAPACITY, overflow: "error" });
    const format = (tx: Transaction): Json => (full ? formatTransaction(tx) : toHex(tx.hash));
    return (async function* () {
      if (events === undefined) await ended(signal);
      else for await (const tx of events) yield format(tx);
    })();
  }

  function newHeads(signal: AbortSignal): AsyncIterable<JsonObject> {
    const events = backend.headEvents.stream({ signal, capacity: CAPACITY, overflow: "error" });
    return (async function* () {
      for await (const { added } of events) for (const header of added) yield formatted(header);
    })();
  }
}

/** Resolves when the signal aborts. */
function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function liveLogs(parts: Parts, query: LogQuery, signal: AbortSignal): AsyncIterable<JsonObject> {
  const { backend } = parts;
  const live = new LiveLogs(parts.logs, query);
  const events = backend.headEvents.stream({ signal, capacity: CAPACITY, overflow: "error" });
  return (async function* () {
    for await (const { added, removed } of events) {
      for (const header of removed) yield* await removedLogs(parts, live, header, { signal });
      for (const header of added) yield* await addedLogs(parts, live, header, { signal });
    }
  })();
}

/** Tries until the logs are had, or the block is no longer wanted: new logs are late rather than missing. */
async function addedLogs(
  parts: Parts,
  live: LiveLogs,
  header: Header,
  ctx: CallContext,
): Promise<readonly JsonObject[]> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
    try {
      return await live.added(header, ctx);
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      parts.log.debug("logs of a new block are late", { number: header.number, error: String(error) });
      if (!parts.backend.isCanonical(header)) return [];
      await parts.clock.sleep(waitMs, { signal: ctx.signal });
    }
  }
}

async function removedLogs(
  parts: Parts,
  live: LiveLogs,
  header: Header,
  ctx: CallContext,
): Promise<readonly JsonObject[]> {
  try {
    return await live.removed(header, ctx);
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    // only for blocks older than LiveLogs remembers: whoever listens was told of them long ago
    parts.log.debug("logs of a removed block cannot be had", { number: header.number, error: String(error) });
    return [];
  }
}

/** The members of eth_syncing's object. */
export function formatSyncing(backend: Pick<Backend, "syncing">): JsonObject | false {
  const progress = backend.syncing();
  if (progress === undefined) return false;
  return {
    startingBlock: quantityHex(progress.startingBlock),
    currentBlock: quantityHex(progress.currentBlock),
    highestBlock: quantityHex(progress.highestBlock),
  };
}

/** What the syncing subscription tells: geth writes its Go struct as it is, capitals and plain numbers (Trap 22). */
function syncState(backend: Backend): Json {
  const progress = backend.syncing();
  if (progress === undefined) return false;
  const { startingBlock, currentBlock, highestBlock } = progress;
  const status = { StartingBlock: startingBlock, CurrentBlock: currentBlock, HighestBlock: highestBlock };
  return { syncing: true, status };
}

async function* syncStates({ backend, clock }: Parts, signal: AbortSignal): AsyncIterable<Json> {
  let said = "";
  while (!signal.aborted) {
    const state = syncState(backend);
    const text = JSON.stringify(state);
    if (text !== said) yield state;
    said = text;
    try {
      await clock.sleep(SYNC_LOOK_MS, { signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}
