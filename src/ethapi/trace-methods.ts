// long: every debug_trace… method, and the state each begins with
/** debug_trace…: transactions, blocks and calls run again under a tracer (eth/tracers/api.go@v1.17.5). */
import { decodeBlock, type Header } from "#core/types";
import { LayeredState, runCall, type StateReader, VmError } from "#core/vm";
import {
  blockNumberOrHash,
  type BlockRef,
  blockTag,
  bytes,
  type CallContext,
  hash,
  json,
  method,
  type Method,
  object,
  optional,
  uint53,
} from "#rpc";
import { GlimError, toHex } from "#util";
import { blockOverrides, stateOverrides, toCallRequest, transactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";
import { stateAgain } from "./state-again.ts";
import {
  refuse,
  type TraceConfig,
  traceConfig,
  traceConfigFields,
  traceTimeoutMs,
  type Tracing,
} from "./tracing.ts";

export function decodeTraced(encoded: Uint8Array): ReturnType<typeof decodeBlock> {
  try {
    return decodeBlock(encoded);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw EthApiError("FAILED", { reason: `could not decode block: ${error.message}` }, { cause: error });
  }
}

/** What geth puts before the reason why a message does not even begin. */
async function asTracing(run: Promise<unknown>): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (!VmError.is(error, "BAD_TRANSACTION")) throw error;
    throw EthApiError("FAILED", { reason: `tracing failed: ${error.message}` }, { cause: error });
  }
}

export function traceMethods(
  { backend, view, limits, bounds, clock }: Parts,
  tracing: Tracing,
): Record<string, Method> {
  const needTraced = async (ref: BlockRef, ctx: CallContext) => {
    if (ref === "pending") throw refuse("tracing on top of pending is not supported");
    const found = await view.find(ref, ctx);
    if (found === undefined)
      throw refuse(
        typeof ref === "object"
          ? `block ${toHex(ref.blockHash)} not found`
          : `block #${typeof ref === "number" ? ref : -1} not found`,
      );
    return found;
  };
  const traceNamed = async (ref: BlockRef, config: TraceConfig | undefined, ctx: CallContext) => {
    const found = await needTraced(ref, ctx);
    return tracing.traceBlock({ header: found.header, body: await view.body(found, ctx) }, config, ctx);
  };
  /** The state after a block; with `index` the one that the transaction of that place began with. */
  const stateOf = async (
    header: Header,
    index: number | undefined,
    config: Pick<TraceConfig, "timeout"> | undefined,
    ctx: CallContext,
  ): Promise<StateReader> => {
    if (index === undefined) return stateAgain(backend, header, ctx);
    if (header.number === 0) throw refuse("no transaction in genesis");
    const { transactions } = await backend.body(header, ctx);
    // geth lets 0 stand for a block without transactions
    if (index >= transactions.length && index > 0)
      throw refuse(`transaction index ${index} out of range for block ${toHex(header.hash)}`);
    const execution = await tracing.open(header, traceTimeoutMs(config), ctx);
    for (const tx of transactions.slice(0, index)) await execution.apply(tx);
    const parent = await backend.headerByHash(header.parentHash, ctx);
    if (parent === undefined) throw refuse(`parent ${toHex(header.parentHash)} not found`);
    const state = new LayeredState(await stateAgain(backend, parent, ctx));
    state.add(execution.diff());
    return state.reader;
  };

  return {
    traceTransaction: method({
      doc: "Runs a transaction of the chain again and tells what a tracer sees: one of geth's, JavaScript, or struct logs.",
      params: [hash, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: async ([id, config], ctx) => {
        const found = await backend.findTransaction(id, ctx);
        if (found?.header === undefined || found.index === undefined) throw refuse("transaction not found");
        const { header, index } = found;
        const [result] = await tracing.trace(
          { header, index, body: await backend.body(header, ctx) },
          config,
          ctx,
        );
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
        const block = decodeTraced(encoded);
        return tracing.traceBlock({ header: block.header, body: block }, config, ctx);
      },
    }),
    traceCall: method({
      doc: "Runs a message as eth_call does and tells what a tracer sees.",
      params: [
        transactionArgs,
        blockNumberOrHash,
        optional(
          object({
            ...traceConfigFields,
            stateOverrides: optional(
              stateOverrides({ accounts: limits.overrideAccounts, slots: limits.overrideSlots }),
            ),
            blockOverrides: optional(blockOverrides),
            txIndex: optional(uint53),
          }),
        ),
      ],
      result: json,
      isHeavy: true,
      handle: async ([args, ref, config], ctx) => {
        const { header } = await needTraced(ref, ctx);
        const state = await stateOf(header, config?.txIndex, config, ctx);
        using tracers = tracing.makerFor(config, ctx);
        const watched = tracers.make({ header });
        const env = {
          config: backend.chainConfig,
          header,
          blockHash: view.ancestorHash(header, ctx),
          coinbase: backend.author?.(header),
        };
        const call = toCallRequest(args, backend.chainId);
        await asTracing(
          runCall(env, call, state, {
            ...bounds,
            gasCap: limits.callGas,
            signal: ctx.signal,
            clock,
            timeoutMs: traceTimeoutMs(config),
            overrides: config?.stateOverrides,
            blockOverrides: config?.blockOverrides,
            tracer: watched.tracer,
          }),
        );
        return watched.result();
      },
    }),
  };
}
