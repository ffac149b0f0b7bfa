/** What every debug_trace… method does: reads its configuration, runs a block again, watches the transactions asked for. */
import type { Body, Header } from "#core/types";
import { type BlockExecution, openBlock } from "#core/vm";
import {
  type JsonTracer,
  makeTracer,
  Scripts,
  TraceBudget,
  type TraceJson,
  type TracerPlace,
} from "#ethapi/tracers";
import { rulesAt } from "#params";
import {
  bool,
  type CallContext,
  type Decoded,
  hexOrDecimal,
  json,
  object,
  optional,
  type TransportName,
  textUpTo,
} from "#rpc";
import { toHex } from "#util";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";
import { stateAgain } from "./state-again.ts";

export const traceConfigFields = {
  tracer: optional(textUpTo(65_536)),
  tracerConfig: optional(json),
  timeout: optional(textUpTo(32)),
  enableMemory: optional(bool),
  disableStack: optional(bool),
  disableStorage: optional(bool),
  enableReturnData: optional(bool),
  limit: optional(hexOrDecimal),
};
export const traceConfig = object(traceConfigFields);
export type TraceConfig = Decoded<typeof traceConfig>;

/** geth defaultTraceTimeout; and the longest one may ask for. */
const TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 300_000;
const ZERO_HASH = new Uint8Array(32);

export const refuse = (reason: string) => EthApiError("FAILED", { reason });

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's duration text, "1m30s" → ms. */
function durationMs(text: string): number {
  let ms = 0;
  let rest = text;
  while (rest !== "") {
    const part = /^(\d{1,9}(?:\.\d{1,9})?)(ns|us|ms|s|m|h)/.exec(rest);
    const unit = UNITS[part?.[2] ?? ""];
    if (part === null || unit === undefined) throw refuse(`time: invalid duration "${text}"`);
    ms += Number(part[1]) * unit;
    rest = rest.slice(part[0].length);
  }
  return Math.min(ms, MAX_TIMEOUT_MS);
}

export const traceTimeoutMs = (config: Pick<TraceConfig, "timeout"> | undefined): number =>
  config?.timeout === undefined ? TIMEOUT_MS : durationMs(config.timeout);

export interface TracerMaker extends Disposable {
  make(place: TracerPlace): JsonTracer;
}

export interface TraceTarget {
  readonly header: Header;
  readonly body: Body;
  /** Place of the one transaction to trace; absent: all. */
  readonly index?: number | undefined;
}

/** Where untrusted code may run: over a transport that only this account can use, or where the node's owner said so. */
const mayRunScripts = (transport: TransportName, { jsTracers }: { readonly jsTracers: boolean }): boolean =>
  jsTracers || transport === "ipc" || transport === "inproc";

export class Tracing {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Makes the tracers of one request; they share a size, and the process of JavaScript ones, which ends with this.
   * Of the maker: @throws TRACER_* for a tracer that is not known, or not for this caller
   */
  makerFor(config: TraceConfig | undefined, ctx: CallContext, budget = new TraceBudget()): TracerMaker {
    const { backend, limits, clock } = this.#parts;
    const timeoutMs = traceTimeoutMs(config);
    const scripts = mayRunScripts(ctx.transport, limits)
      ? new Scripts({ timeoutMs, clock, signal: ctx.signal })
      : undefined;
    return {
      make: (place) =>
        makeTracer(config ?? {}, {
          place,
          budget,
          scripts,
          rules: rulesAt(backend.chainConfig, place.header),
        }),
      [Symbol.dispose]: () => scripts?.[Symbol.dispose](),
    };
  }

  /** A block about to be executed again, on its parent's state. */
  async open(header: Header, timeoutMs: number, ctx: CallContext): Promise<BlockExecution> {
    const { backend, view, bounds, clock } = this.#parts;
    if (header.number === 0) throw refuse("genesis is not traceable");
    const parent = await backend.headerByHash(header.parentHash, ctx);
    if (parent === undefined) throw refuse(`parent ${toHex(header.parentHash)} not found`);
    return openBlock(backend.chainConfig, header, await stateAgain(backend, parent, ctx), {
      ...bounds,
      traced: true,
      clock,
      signal: ctx.signal,
      timeoutMs,
      coinbase: backend.author?.(header),
      blockHash: view.ancestorHash(header, ctx),
      intermediateRoot: () => ZERO_HASH, // of receipts before Byzantium, which nobody looks at here
    });
  }

  /** Runs a block's transactions on its parent's state, and traces those that are asked for. */
  async trace(
    { header, body, index }: TraceTarget,
    config: TraceConfig | undefined,
    ctx: CallContext,
    budget = new TraceBudget(),
  ): Promise<TraceJson[]> {
    const results: TraceJson[] = [];
    using tracers = this.makerFor(config, ctx, budget);
    const execution = await this.open(header, traceTimeoutMs(config), ctx);
    const end = index === undefined ? body.transactions.length : index + 1;
    for (const [at, tx] of body.transactions.slice(0, end).entries()) {
      if (index !== undefined && at !== index) {
        await execution.apply(tx);
        continue;
      }
      const watched = tracers.make({ header, tx, index: at });
      await execution.apply(tx, { tracer: watched.tracer });
      results.push(await watched.result());
    }
    return results;
  }

  /** The same for a whole block, each result with its transaction's hash. */
  async traceBlock(target: TraceTarget, config: TraceConfig | undefined, ctx: CallContext) {
    const results = await this.trace(target, config, ctx);
    return results.map((result, i) => ({
      txHash: toHex(target.body.transactions[i]?.hash ?? ZERO_HASH),
      result,
    }));
  }
}
