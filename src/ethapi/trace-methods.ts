/** debug_trace…: transactions, blocks and calls run again under a tracer (eth/tracers/api.go@v1.17.5). */
import { type Body, decodeBlock, type Header } from "#core/types";
import { openBlock, runCall } from "#core/vm";
import {
  CallTracer,
  FourByteTracer,
  type JsonTracer,
  NoopTracer,
  PrestateTracer,
  StructLogger,
  TraceBudget,
  type TraceJson,
} from "#ethapi/tracers";
import {
  blockNumberOrHash,
  blockTag,
  bool,
  bytes,
  type Decoded,
  hash,
  hexOrDecimal,
  json,
  method,
  type Method,
  object,
  optional,
  textUpTo,
} from "#rpc";
import { GlimError, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import { blockOverrides, stateOverrides, toCallRequest, transactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";

const configFields = {
  tracer: optional(textUpTo(65_536)),
  tracerConfig: optional(
    object({
      onlyTopCall: optional(bool),
      withLog: optional(bool),
      diffMode: optional(bool),
      disableCode: optional(bool),
      disableStorage: optional(bool),
      includeEmpty: optional(bool),
    }),
  ),
  timeout: optional(textUpTo(32)),
  enableMemory: optional(bool),
  disableStack: optional(bool),
  disableStorage: optional(bool),
  enableReturnData: optional(bool),
  limit: optional(hexOrDecimal),
};
const traceConfig = object(configFields);
type TraceConfig = Decoded<typeof traceConfig>;

/** geth defaultTraceTimeout; and the longest one may ask for. */
const TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 300_000;
const ZERO_HASH = new Uint8Array(32);

const refuse = (reason: string) => EthApiError("FAILED", { reason });

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

/** @throws ETHAPI_FAILED for a tracer that is not known */
function makeTracer(config: TraceConfig | undefined, budget: TraceBudget): JsonTracer {
  const { tracer: name = "", tracerConfig = {} } = config ?? {};
  switch (name) {
    case "":
      return new StructLogger(config ?? {}, budget);
    case "callTracer":
      return new CallTracer(tracerConfig, budget);
    case "prestateTracer":
      if (tracerConfig.diffMode === true && tracerConfig.includeEmpty === true)
        throw refuse("cannot use diffMode with includeEmpty");
      return new PrestateTracer(tracerConfig, budget);
    case "4byteTracer":
      return new FourByteTracer();
    case "noopTracer":
      return new NoopTracer();
    default:
      throw refuse(
        `tracer ${JSON.stringify(name.slice(0, 32))} is not known: callTracer, prestateTracer, 4byteTracer, noopTracer, or none for struct logs (JavaScript is not run)`,
      );
  }
}

interface Target {
  readonly header: Header;
  readonly body: Body;
  /** Place of the one transaction to trace; absent: all. */
  readonly index?: number | undefined;
}

export function traceMethods({ backend, view, limits, clock }: Parts): Record<string, Method> {
  const timeLimit = (config: TraceConfig | undefined) =>
    config?.timeout === undefined ? TIMEOUT_MS : durationMs(config.timeout);

  /** Runs a block's transactions on its parent's state, and traces those that are asked for. */
  const trace = async (
    { header, body, index }: Target,
    config: TraceConfig | undefined,
    ctx: CallContext,
  ): Promise<TraceJson[]> => {
    if (header.number === 0) throw refuse("genesis is not traceable");
    const budget = new TraceBudget();
    makeTracer(config, budget); // a bad name is refused before anything runs
    const parent = await backend.headerByHash(header.parentHash, ctx);
    if (parent === undefined) throw refuse(`parent ${toHex(header.parentHash)} not found`);
    const execution = await openBlock(backend.chainConfig, header, await backend.state(parent, ctx), {
      traced: true,
      clock,
      signal: ctx.signal,
      timeoutMs: timeLimit(config),
      coinbase: backend.author?.(header),
      blockHash: view.ancestorHash(header, ctx),
      intermediateRoot: () => ZERO_HASH, // of receipts before Byzantium, which nobody looks at here
    });
    const results: TraceJson[] = [];
    const end = index === undefined ? body.transactions.length : index + 1;
    for (const [at, tx] of body.transactions.slice(0, end).entries()) {
      const watched = index === undefined || at === index ? makeTracer(config, budget) : undefined;
      await execution.apply(tx, { tracer: watched?.tracer });
      if (watched !== undefined) results.push(watched.result());
    }
    return results;
  };

  const traceBlock = async (target: Target, config: TraceConfig | undefined, ctx: CallContext) => {
    const results = await trace(target, config, ctx);
    return results.map((result, i) => ({
      txHash: toHex(target.body.transactions[i]?.hash ?? ZERO_HASH),
      result,
    }));
  };

  const traceNamed = async (
    ref: Parameters<typeof view.find>[0],
    config: TraceConfig | undefined,
    ctx: CallContext,
  ) => {
    if (ref === "pending") throw refuse("tracing on top of pending is not supported");
    const found = await view.find(ref, ctx);
    if (found === undefined)
      throw refuse(
        typeof ref === "object"
          ? `block ${toHex(ref.blockHash)} not found`
          : `block #${typeof ref === "number" ? ref : -1} not found`,
      );
    return traceBlock({ header: found.header, body: await view.body(found, ctx) }, config, ctx);
  };

  return {
    traceTransaction: method({
      doc: "Runs a transaction of the chain again and tells what a tracer sees: callTracer, prestateTracer, 4byteTracer, noopTracer, or struct logs.",
      params: [hash, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: async ([id, config], ctx) => {
        const found = await backend.findTransaction(id, ctx);
        if (found?.header === undefined || found.index === undefined) throw refuse("transaction not found");
        const { header, index } = found;
        const [result] = await trace({ header, index, body: await backend.body(header, ctx) }, config, ctx);
        return result ?? null;
      },
    }),
    traceBlockByNumber: method({
      doc: "debug_traceTransaction for every transaction of a block.",
      params: [blockTag, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: ([tag, config], ctx) => traceNamed(tag, config, ctx),
    }),
    traceBlockByHash: method({
      doc: "debug_traceTransaction for every transaction of a block.",
      params: [hash, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: ([blockHash, config], ctx) => traceNamed({ blockHash, requireCanonical: false }, config, ctx),
    }),
    traceBlock: method({
      doc: "debug_traceBlockByHash for a block given as RLP, whose parent is known here.",
      params: [bytes, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: async ([encoded, config], ctx) => {
        let block: ReturnType<typeof decodeBlock>;
        try {
          block = decodeBlock(encoded);
        } catch (error) {
          if (!(error instanceof GlimError)) throw error;
          throw EthApiError(
            "FAILED",
            { reason: `could not decode block: ${error.message}` },
            { cause: error },
          );
        }
        return traceBlock({ header: block.header, body: block }, config, ctx);
      },
    }),
    traceCall: method({
      doc: "Runs a message as eth_call does and tells what a tracer sees.",
      params: [
        transactionArgs,
        blockNumberOrHash,
        optional(
          object({
            ...configFields,
            stateOverrides: optional(
              stateOverrides({ accounts: limits.overrideAccounts, slots: limits.overrideSlots }),
            ),
            blockOverrides: optional(blockOverrides),
          }),
        ),
      ],
      result: json,
      isHeavy: true,
      handle: async ([args, ref, config], ctx) => {
        if (ref === "pending") throw refuse("tracing on top of pending is not supported");
        const watched = makeTracer(config, new TraceBudget());
        const found = await view.need(ref, ctx);
        const { header } = found;
        const env = {
          config: backend.chainConfig,
          header,
          blockHash: view.ancestorHash(header, ctx),
          coinbase: backend.author?.(header),
        };
        await runCall(env, toCallRequest(args, backend.chainId), await view.state(found, ctx), {
          gasCap: limits.callGas,
          signal: ctx.signal,
          clock,
          timeoutMs: timeLimit(config),
          overrides: config?.stateOverrides,
          blockOverrides: config?.blockOverrides,
          tracer: watched.tracer,
        });
        return watched.result();
      },
    }),
  };
}
