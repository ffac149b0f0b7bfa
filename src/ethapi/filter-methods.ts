/** Logs, and filters that are polled. */
import { bool, json, list, method, type Method, optional, textUpTo } from "#rpc";
import type { FilterRegistry } from "./filters.ts";
import { logQuery } from "./log-criteria.ts";
import type { Parts } from "./parts.ts";

export function filterMethods({ logs, limits }: Parts, filters: FilterRegistry): Record<string, Method> {
  const query = logQuery(limits.logCriteria);
  const id = textUpTo(66);
  return {
    getLogs: method({
      doc: "Logs of a range of blocks, or of one block by hash.",
      params: [query],
      result: list(json),
      isConcurrent: true,
      handle: ([wanted], ctx) => logs.find(wanted, ctx),
    }),
    newFilter: method({
      doc: "A filter that gathers new logs for eth_getFilterChanges.",
      params: [query],
      result: id,
      handle: ([wanted]) => filters.newLogFilter(wanted),
    }),
    newBlockFilter: method({
      doc: "A filter that gathers hashes of new blocks.",
      params: [],
      result: id,
      handle: () => filters.newBlockFilter(),
    }),
    newPendingTransactionFilter: method({
      doc: "A filter that gathers transactions this node takes: hashes, or whole with true.",
      params: [optional(bool)],
      result: id,
      handle: ([full = false]) => filters.newPendingTransactionFilter(full),
    }),
    getFilterChanges: method({
      doc: "What a filter gathered since it was last asked.",
      params: [id],
      result: list(json),
      handle: ([filter], ctx) => filters.changes(filter, ctx),
    }),
    getFilterLogs: method({
      doc: "All logs a log filter means.",
      params: [id],
      result: list(json),
      handle: ([filter], ctx) => filters.logs(filter, ctx),
    }),
    uninstallFilter: method({
      doc: "Ends a filter; false when there is none.",
      params: [id],
      result: bool,
      handle: ([filter]) => filters.uninstall(filter),
    }),
  };
}
