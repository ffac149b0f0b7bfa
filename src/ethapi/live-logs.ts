import type { Header } from "#core/types";
import { toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { JsonObject } from "./format.ts";
import { type LogQuery, mayContain } from "./log-criteria.ts";
import { isInLiveRange, type LogSearch } from "./log-search.ts";

/** Blocks and logs one listener remembers, so that it can take them back. */
const BLOCKS_REMEMBERED = 256;
const LOGS_REMEMBERED = 10_000;

/** One reader of new logs: turns headers that came or went into logs, and remembers what it told. */
export class LiveLogs {
  readonly #search: LogSearch;
  readonly #query: LogQuery;
  /** Logs told, by block. BOUNDED: BLOCKS_REMEMBERED blocks, LOGS_REMEMBERED logs; oldest forgotten. */
  readonly #told = new Map<string, readonly JsonObject[]>();
  #toldLogs = 0;

  constructor(search: LogSearch, query: LogQuery) {
    this.#search = search;
    this.#query = query;
  }

  /** Whether the block may hold a log of this query; cheap. */
  concerns(header: Header): boolean {
    return isInLiveRange(this.#query.range, header.number) && mayContain(header, this.#query.criteria);
  }

  /** Logs of a block that joined the chain. */
  async added(header: Header, ctx: CallContext): Promise<readonly JsonObject[]> {
    if (!this.concerns(header)) return [];
    const logs = await this.#search.inBlock(header, this.#query.criteria, ctx);
    this.#remember(toHex(header.hash), logs);
    return logs;
  }

  /** The same logs, `removed: true`, when the block left the chain. */
  async removed(header: Header, ctx: CallContext): Promise<readonly JsonObject[]> {
    if (!this.concerns(header)) return [];
    const key = toHex(header.hash);
    const told = this.#told.get(key);
    if (told === undefined) return this.#search.inBlock(header, this.#query.criteria, ctx, true);
    this.#told.delete(key);
    this.#toldLogs -= told.length;
    return told.map((log) => ({ ...log, removed: true }));
  }

  #remember(key: string, logs: readonly JsonObject[]): void {
    this.#told.set(key, logs);
    this.#toldLogs += logs.length;
    for (const [oldest, { length }] of this.#told) {
      if (
        this.#told.size <= BLOCKS_REMEMBERED &&
        (this.#toldLogs <= LOGS_REMEMBERED || this.#told.size === 1)
      )
        return;
      this.#told.delete(oldest);
      this.#toldLogs -= length;
    }
  }
}
