/** debug_trace…: transactions, blocks and calls run again under a tracer (eth/tracers/api.go@v1.17.5). */
import { decodeBlock } from "#core/types";
import { runCall } from "#core/vm";
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

export function traceMethods(
  { backend, view, limits, bounds, clock }: Parts,
  tracing: Tracing,
): Record<string, Method> {
  const traceNamed = async (ref: BlockRef, config: TraceConfig | undefined, ctx: CallContext) => {
    if (ref === "pending") throw refuse("tracing on top of pending is not supported");
    const found = await view.find(ref, ctx);
    if (found === undefined)
      throw refuse(
        typeof ref === "object"
          ? `block ${toHex(ref.blockHash)} not found`
          : `block #${typeof ref === "number" ? ref : -1} not found`,
      );
    return tracing.traceBlock({ header: found.header, body: await view.body(found, ctx) }, config, ctx);
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
          }),
        ),
      ],
      result: json,
      isHeavy: true,
      handle: async ([args, ref, config], ctx) => {
        if (ref === "pending") throw refuse("tracing on top of pending is not supported");
        const { header } = await view.need(ref, ctx);
        const state = await stateAgain(backend, header, ctx);
        using tracers = tracing.makerFor(config, ctx);
        const watched = tracers.make({ header });
        const env = {
          config: backend.chainConfig,
          header,
          blockHash: view.ancestorHash(header, ctx),
          coinbase: backend.author?.(header),
        };
        await runCall(env, toCallRequest(args, backend.chainId), state, {
          ...bounds,
          gasCap: limits.callGas,
          signal: ctx.signal,
          clock,
          timeoutMs: traceTimeoutMs(config),
          overrides: config?.stateOverrides,
          blockOverrides: config?.blockOverrides,
          tracer: watched.tracer,
        });
        return watched.result();
      },
    }),
  };
}
