// long: one search, by index and by header
import type { Header, Log } from "#core/types";
import { type Clock, type Slice, type Turns, turnsOf } from "#host";
import { RpcError, rpcCodes } from "#rpc";
import { equalBytes, onAbort } from "#util";
import type { Backend, CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";
import { Gate } from "./gate.ts";
import { formatLog, type JsonObject } from "./format.ts";
import type { EthApiLimits } from "./limits.ts";
import {
  type LogCriteria,
  type LogQuery,
  type LogRange,
  type LogTag,
  matches,
  mayContain,
} from "./log-criteria.ts";

/** Blocks whose receipts are read at once: a light node then asks for them in few requests. */
const AT_ONCE = 16;
/** A search is begun anew when the chain changed under it; so often. */
const TRIES = 3;

/** Thrown inside a search when the chain it walks is no longer the chain. */
const reorged = Symbol("reorged");

const refuse = (reason: string) => EthApiError("INVALID", { reason });

/** Finds logs: bloom first, then receipts, then (only for hits) the body for the transactions' hashes. */
export class LogSearch {
  readonly #backend: Backend;
  readonly #limits: EthApiLimits;
  readonly #clock: Clock;
  readonly #turns: Turns;
  /** Searches at once: the others wait (RP-13, RP-19). */
  readonly #gate: Gate;

  constructor(backend: Backend, limits: EthApiLimits, clock: Clock) {
    this.#backend = backend;
    this.#limits = limits;
    this.#clock = clock;
    this.#turns = turnsOf(clock);
    this.#gate = new Gate(limits.logQueriesAtOnce, limits.callQueue);
  }

  /**
   * All logs of a query, in chain order, of one chain: a reorg in between begins it anew.
   * @throws ETHAPI_INVALID for a bad range (texts of geth eth/filters/filter.go:120-170@v1.17.5), −32002 past logTimeoutMs,
   *   −32003 past `limits.logs`
   */
  async find({ criteria, range }: LogQuery, ctx: CallContext): Promise<JsonObject[]> {
    const { logTimeoutMs } = this.#limits;
    const ending = new AbortController();
    const { signal } = ending;
    const release = onAbort(ctx.signal, (reason) => ending.abort(reason));
    const timer = this.#clock.after(logTimeoutMs, () =>
      ending.abort(EthApiError("TIMEOUT", { what: "log query", ms: logTimeoutMs })),
    );
    try {
      ctx.signal.throwIfAborted();
      return await this.#gate.run({ signal, connection: ctx.connection }, () =>
        this.#retried(criteria, range, { signal }),
      );
    } catch (error) {
      throw EthApiError.is(signal.reason, "TIMEOUT") ? signal.reason : error;
    } finally {
      timer.cancel();
      release();
    }
  }

  async #retried(criteria: LogCriteria, range: LogRange, ctx: CallContext): Promise<JsonObject[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        if ("from" in range) return await this.#searchRange(criteria, range.from, range.to, ctx);
        const header = await this.#backend.headerByHash(range.blockHash, ctx);
        if (header === undefined) throw EthApiError("FAILED", { reason: "unknown block" });
        return await this.inBlock(header, criteria, ctx);
      } catch (error) {
        if (error !== reorged) throw error;
        if (attempt === TRIES)
          throw EthApiError("FAILED", { reason: "the chain changed during the search, try again" });
      }
    }
  }

  #numberOf(tag: LogTag): number {
    if (typeof tag === "number") return tag;
    if (tag === "earliest") return 0;
    if (tag === "safe" || tag === "finalized") throw EthApiError("NOT_FOUND", { what: `${tag} header` });
    return this.#backend.head().number;
  }

  async #searchRange(
    criteria: LogCriteria,
    from: LogTag,
    to: LogTag,
    ctx: CallContext,
  ): Promise<JsonObject[]> {
    const head = this.#backend.head().number;
    const [first, last] = [this.#numberOf(from), this.#numberOf(to)];
    if (first > last) throw refuse("invalid block range params");
    if (last > head) throw refuse("block range extends beyond current head block");
    // while this one is canonical, so is everything below it
    const end = await this.#backend.headerByNumber(last, ctx);
    const { candidates, next } = await this.#indexed(criteria, first, last, ctx);
    // what an index answered costs little: only blocks that are looked at one by one count
    if (last - next + 1 > this.#limits.logBlocks)
      throw refuse(`exceed maximum block range ${this.#limits.logBlocks}`);
    candidates.push(...(await this.#candidates(criteria, next, last, ctx)));
    const found: JsonObject[] = [];
    const slice = this.#turns.slice();
    for (let at = 0; at < candidates.length; at += AT_ONCE) {
      ctx.signal.throwIfAborted();
      const some = candidates.slice(at, at + AT_ONCE);
      for (const logs of await this.#inBlocks(some, criteria, slice, ctx)) {
        found.push(...logs);
        if (found.length > this.#limits.logs) {
          throw new RpcError(rpcCodes.tooLarge, `query returned more than ${this.#limits.logs} results`);
        }
      }
    }
    if (end === undefined || !this.#backend.isCanonical(end)) throw reorged;
    return found;
  }

  /** The matching logs of each block. What can be had at once is read by slices, what must be waited for is asked for together. */
  async #inBlocks(
    headers: readonly Header[],
    criteria: LogCriteria,
    slice: Slice,
    ctx: CallContext,
  ): Promise<JsonObject[][]> {
    const found: Promise<JsonObject[]>[] = [];
    for (const header of headers) {
      if (slice.isOver) await slice.rest();
      const logs = this.inBlock(header, criteria, ctx);
      logs.catch(() => {}); // heard of below
      found.push(logs);
    }
    return await Promise.all(found);
  }

  /** Headers that an index of blooms names, from `first` on, and the first block it knows nothing of. */
  async #indexed(
    criteria: LogCriteria,
    first: number,
    last: number,
    ctx: CallContext,
  ): Promise<{ candidates: Header[]; next: number }> {
    const candidates: Header[] = [];
    const clauses = [criteria.addresses, ...criteria.topics].filter((values) => values.length > 0);
    let next = first;
    const slice = this.#turns.slice();
    while (clauses.length > 0 && next <= last) {
      const part = this.#backend.matchBlooms?.(clauses, next, last);
      if (part === undefined || part.next === next) break;
      for (const number of part.numbers) {
        const header = await this.#backend.headerByNumber(number, ctx);
        if (header === undefined) throw reorged;
        candidates.push(header);
        if (slice.isOver) await slice.rest();
      }
      next = part.next;
      if (slice.isOver) await slice.rest();
      ctx.signal.throwIfAborted();
    }
    return { candidates, next };
  }

  /** Headers of the range that may hold a match, checked to be one chain. */
  async #candidates(criteria: LogCriteria, first: number, last: number, ctx: CallContext): Promise<Header[]> {
    const candidates: Header[] = [];
    let before: Header | undefined;
    const slice = this.#turns.slice();
    for (let number = first; number <= last; number++) {
      const header = await this.#backend.headerByNumber(number, ctx);
      if (header === undefined) throw reorged; // the head went back below `last`
      if (before !== undefined && !equalBytes(header.parentHash, before.hash)) throw reorged;
      if (mayContain(header, criteria)) candidates.push(header);
      before = header;
      if (slice.isOver) await slice.rest();
      ctx.signal.throwIfAborted();
    }
    if (before !== undefined && !this.#backend.isCanonical(before)) throw reorged;
    return candidates;
  }

  /** The matching logs of one block. */
  async inBlock(
    header: Header,
    criteria: LogCriteria,
    ctx: CallContext,
    removed = false,
  ): Promise<JsonObject[]> {
    if (!mayContain(header, criteria)) return [];
    const receipts = await this.#backend.receipts(header, ctx);
    const hits: { log: Log; index: number; logIndex: number }[] = [];
    let logIndex = 0;
    receipts.forEach(({ logs }, index) => {
      for (const log of logs) {
        if (matches(log, criteria)) hits.push({ log, index, logIndex });
        logIndex++;
      }
    });
    if (hits.length === 0) return [];
    const { transactions } = await this.#backend.body(header, ctx);
    return hits.map(({ log, index, logIndex: place }) => {
      const tx = transactions[index];
      if (tx === undefined)
        throw new RangeError(`receipt ${index} of block ${header.number} has no transaction`);
      return formatLog(log, { header, index, tx, logIndex: place }, removed);
    });
  }
}

/** Whether live logs of a block of this number are wanted: numbers in the range bound them, names do not. */
export function isInLiveRange(range: LogRange, number: number): boolean {
  if (!("from" in range)) return true;
  const from = range.from === "earliest" ? 0 : range.from;
  if (typeof from === "number" && number < from) return false;
  return typeof range.to !== "number" || number <= range.to;
}

/** What geth lets live queries name (eth/filters/filter_system.go SubscribeLogs@v1.17.5). @throws ETHAPI_INVALID */
export function checkLiveRange(range: LogRange): void {
  if (!("from" in range)) return;
  const from = range.from === "earliest" ? 0 : range.from;
  const { to } = range;
  if (from === "latest" && to === "latest") return;
  if (typeof from === "number" && (to === "latest" || (typeof to === "number" && to >= from))) return;
  throw refuse("invalid block range params");
}
