// long: the life of filters of three kinds
import type { HeadEvent } from "#core";
import type { Header, Transaction } from "#core/types";
import type { Timer } from "#host";
import { equalBytes, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";
import { formatTransaction, type Json, type JsonObject } from "./format.ts";
import { LiveLogs } from "./live-logs.ts";
import type { LogQuery } from "./log-criteria.ts";
import { checkLiveRange } from "./log-search.ts";
import type { Parts } from "./parts.ts";

/** A block that came or went since the last poll. */
interface Change {
  readonly header: Header;
  readonly isRemoved: boolean;
}

/** What a filter gathers between two polls. */
type Kind =
  | { readonly type: "blocks"; readonly waiting: Uint8Array[] }
  | { readonly type: "transactions"; readonly full: boolean; readonly waiting: Transaction[] }
  | { readonly type: "logs"; readonly query: LogQuery; readonly live: LiveLogs; readonly waiting: Change[] };

interface Filter {
  readonly kind: Kind;
  idle: Timer;
  /** Set when more waited than limits.filterBacklog: told once, then the filter is gone. */
  overflowed: boolean;
  /** Polls of one filter follow each other. */
  polling: Promise<unknown>;
}

const notFound = () => EthApiError("NOT_FOUND", { what: "filter" });

/**
 * Filters that clients poll. A log filter keeps headers, and reads their logs when it is polled: nobody waits for
 * logs nobody fetches, and when they cannot be had just now the poll fails and the next one tells them.
 */
export class FilterRegistry {
  readonly #parts: Parts;
  /** BOUNDED: limits.filters; past it the filter longest not asked for goes. Emptied: uninstall, idle time, close. */
  readonly #filters = new Map<string, Filter>();
  readonly #subscriptions: Disposable[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#filters.size;
  }

  newBlockFilter(): string {
    return this.#install({ type: "blocks", waiting: [] });
  }

  newPendingTransactionFilter(full: boolean): string {
    return this.#install({ type: "transactions", full, waiting: [] });
  }

  /** @throws ETHAPI_INVALID for a range that live logs cannot have */
  newLogFilter(query: LogQuery): string {
    checkLiveRange(query.range);
    return this.#install({ type: "logs", query, live: new LiveLogs(this.#parts.logs, query), waiting: [] });
  }

  uninstall(id: string): boolean {
    const filter = this.#filters.get(id);
    if (filter === undefined) return false;
    filter.idle.cancel();
    this.#filters.delete(id);
    if (this.#filters.size === 0) this.#unsubscribe();
    return true;
  }

  /** What happened since the last poll. @throws `filter not found` */
  async changes(id: string, ctx: CallContext): Promise<readonly Json[]> {
    const filter = this.#touch(id);
    const { kind } = filter;
    switch (kind.type) {
      case "blocks":
        return kind.waiting.splice(0).map(toHex);
      case "transactions":
        return kind.waiting.splice(0).map((tx) => (kind.full ? formatTransaction(tx) : toHex(tx.hash)));
      case "logs": {
        const polled = filter.polling.catch(() => {}).then(() => this.#logChanges(kind, ctx));
        filter.polling = polled;
        return polled;
      }
    }
  }

  /** All logs of a log filter's query, whether told or not. Keeps the filter alive too (Trap 24, fixed). */
  async logs(id: string, ctx: CallContext): Promise<JsonObject[]> {
    const { kind } = this.#touch(id);
    if (kind.type !== "logs") throw notFound();
    return this.#parts.logs.find(kind.query, ctx);
  }

  close(): void {
    for (const id of [...this.#filters.keys()]) this.uninstall(id);
  }

  /** Reads block by block; a block leaves the backlog only with its logs. Stops early when the reply is full. */
  async #logChanges(kind: Kind & { type: "logs" }, ctx: CallContext): Promise<JsonObject[]> {
    const found: JsonObject[] = [];
    for (let next = kind.waiting[0]; next !== undefined; next = kind.waiting[0]) {
      try {
        found.push(
          ...(await (next.isRemoved
            ? kind.live.removed(next.header, ctx)
            : kind.live.added(next.header, ctx))),
        );
      } catch (error) {
        if (found.length > 0) break; // tell what we have; the rest waits for the next poll
        throw error;
      }
      // while we read, a reorg may have taken this very block back: then it is no longer in the backlog
      const at = kind.waiting.indexOf(next);
      if (at === -1) kind.waiting.unshift({ header: next.header, isRemoved: true });
      else kind.waiting.splice(at, 1);
      if (found.length >= this.#parts.limits.logs) break;
    }
    return found;
  }

  #install(kind: Kind): string {
    const { limits, entropy } = this.#parts;
    if (this.#filters.size >= limits.filters) {
      const [oldest] = this.#filters.keys();
      if (oldest !== undefined) this.uninstall(oldest);
    }
    if (this.#filters.size === 0) this.#subscribe();
    const id = toHex(entropy.bytes(16)).replace(/^0x0+(?=.)/, "0x"); // geth trims zeros (rpc/subscription.go NewID)
    this.#filters.set(id, { kind, idle: this.#idleTimer(id), overflowed: false, polling: Promise.resolve() });
    return id;
  }

  #idleTimer(id: string): Timer {
    const { clock, limits } = this.#parts;
    return clock.after(limits.filterIdleMs, () => this.uninstall(id));
  }

  /** The filter, alive for another while and the last to be pushed out. */
  #touch(id: string): Filter {
    const filter = this.#filters.get(id);
    if (filter === undefined) throw notFound();
    if (filter.overflowed) {
      this.uninstall(id);
      throw EthApiError("FAILED", {
        reason: `filter removed: more than ${this.#parts.limits.filterBacklog} changes since the last poll`,
      });
    }
    filter.idle.cancel();
    filter.idle = this.#idleTimer(id);
    this.#filters.delete(id);
    this.#filters.set(id, filter);
    return filter;
  }

  #subscribe(): void {
    const { backend } = this.#parts;
    this.#subscriptions.push(backend.headEvents.subscribe((event) => this.#onHead(event)));
    const pending = backend.pendingEvents?.subscribe((tx) => this.#onTransaction(tx));
    if (pending !== undefined) this.#subscriptions.push(pending);
  }

  #unsubscribe(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
  }

  #onHead({ added, removed }: HeadEvent): void {
    for (const filter of this.#filters.values()) {
      const { kind } = filter;
      if (kind.type === "blocks") for (const header of added) this.#keep(filter, kind.waiting, header.hash);
      if (kind.type !== "logs") continue;
      for (const header of removed)
        if (!forget(kind.waiting, header)) this.#keepChange(filter, kind, header, true);
      for (const header of added) this.#keepChange(filter, kind, header, false);
    }
  }

  #keepChange(filter: Filter, kind: Kind & { type: "logs" }, header: Header, isRemoved: boolean): void {
    if (kind.live.concerns(header)) this.#keep(filter, kind.waiting, { header, isRemoved });
  }

  #onTransaction(tx: Transaction): void {
    for (const filter of this.#filters.values()) {
      if (filter.kind.type === "transactions") this.#keep(filter, filter.kind.waiting, tx);
    }
  }

  #keep<T>(filter: Filter, waiting: T[], value: T): void {
    if (waiting.length < this.#parts.limits.filterBacklog) waiting.push(value);
    else {
      filter.overflowed = true;
      waiting.length = 0;
    }
  }
}

/** Takes back an addition nobody was told of. */
function forget(waiting: Change[], header: Header): boolean {
  const at = waiting.findLastIndex(
    (change) => !change.isRemoved && equalBytes(change.header.hash, header.hash),
  );
  if (at === -1) return false;
  waiting.splice(at, 1);
  return true;
}
