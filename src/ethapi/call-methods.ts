/** eth_call, eth_estimateGas, eth_createAccessList: messages run on the backend's state, wherever that is. */
import {
  type AccountOverride,
  type BlockOverrides,
  type CallEnv,
  type CallOptions,
  createAccessList,
  estimateGas,
  runCall,
  type StateReader,
  VmError,
} from "#core/vm";
import { type BlockRef, blockNumberOrHash, bytes, json, method, type Method, optional, uint64 } from "#rpc";
import type { GlimError } from "#util";
import type { CallContext } from "./backend.ts";
import {
  blockOverrides,
  stateOverrides,
  toCallRequest,
  type TransactionArgs,
  transactionArgs,
} from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import { formatAccessList, quantityHex } from "./format.ts";
import { Gate } from "./gate.ts";
import { revertError } from "./revert.ts";
import type { Parts } from "./parts.ts";

interface Ask {
  readonly args: TransactionArgs;
  readonly block: BlockRef | undefined;
  readonly overrides?: readonly AccountOverride[] | undefined;
  readonly blockOverrides?: BlockOverrides | undefined;
}

export function callMethods({ backend, view, limits, bounds, clock }: Parts): Record<string, Method> {
  const gate = new Gate(limits.callsAtOnce, limits.callQueue, limits.callBytes);
  const overridesParam = optional(
    stateOverrides({ accounts: limits.overrideAccounts, slots: limits.overrideSlots }),
  );

  /** Finds block and state, then runs `work` with caps; every failure comes out as geth would say it. */
  const run = <T>(
    { args, block, overrides, blockOverrides }: Ask,
    ctx: CallContext,
    work: (
      env: CallEnv,
      call: ReturnType<typeof toCallRequest>,
      reader: StateReader,
      options: CallOptions,
    ) => Promise<T>,
  ): Promise<T> => {
    const inPlace = async () => {
      const call = toCallRequest(args, backend.chainId);
      const found = await view.need(block, ctx);
      const reader = await view.state(found, ctx);
      const env: CallEnv = {
        config: backend.chainConfig,
        header: found.header,
        blockHash: view.ancestorHash(found.header, ctx),
        coinbase: found.isPending ? undefined : backend.author?.(found.header),
      };
      const options = {
        ...bounds,
        gasCap: limits.callGas,
        signal: ctx.signal,
        timeoutMs: limits.callTimeoutMs,
        clock,
        overrides,
        blockOverrides,
      };
      try {
        return await work(env, call, reader, options);
      } catch (error) {
        throw VmError.is(error) ? (asGethSays(error, call.gas ?? limits.callGas) ?? error) : error;
      }
    };
    return gate.run(ctx, inPlace, bytesOf({ args, overrides }));
  };

  return {
    call: method({
      doc: "Runs a message on the state of a block and gives what it returns. A revert is error 3 with its data.",
      params: [transactionArgs, optional(blockNumberOrHash), overridesParam, optional(blockOverrides)],
      result: bytes,
      isConcurrent: true,
      handle: ([args, block, overrides, over], ctx) =>
        run({ args, block, overrides, blockOverrides: over }, ctx, async (env, call, reader, options) => {
          const result = await runCall(env, call, reader, options);
          if (result.status === "revert") throw revertError(result.returnData);
          if (result.status === "failed")
            throw EthApiError("FAILED", { reason: result.error ?? "execution failed" });
          return result.returnData;
        }),
    }),
    estimateGas: method({
      doc: "Least gas with which a message succeeds.",
      params: [transactionArgs, optional(blockNumberOrHash), overridesParam, optional(blockOverrides)],
      result: uint64,
      isConcurrent: true,
      handle: ([args, block, overrides, over], ctx) =>
        run({ args, block, overrides, blockOverrides: over }, ctx, estimateGas),
    }),
    createAccessList: method({
      doc: "Addresses and slots a message touches, and its gas when they are declared.",
      params: [transactionArgs, optional(blockNumberOrHash), overridesParam],
      result: json,
      isConcurrent: true,
      handle: ([args, block, overrides], ctx) =>
        run({ args, block, overrides }, ctx, async (env, call, reader, options) => {
          const result = await createAccessList(env, call, reader, options);
          const error = result.status === "ok" ? {} : { error: result.error ?? "execution reverted" };
          return {
            accessList: formatAccessList(result.accessList),
            ...error,
            gasUsed: quantityHex(result.gasUsed),
          };
        }),
    }),
  };
}

/** What a slot of an override takes in memory, about. */
const SLOT_BYTES = 256;

/** What a call brings along and holds until it has ended, bytes. */
function bytesOf({ args, overrides = [] }: Pick<Ask, "args" | "overrides">): number {
  let bytes = (args.data?.length ?? 0) + (args.input?.length ?? 0);
  for (const { code, state, stateDiff } of overrides)
    bytes += (code?.length ?? 0) + ((state?.length ?? 0) + (stateDiff?.length ?? 0)) * SLOT_BYTES;
  return bytes;
}

/** What geth adds to some errors of the EVM; `undefined`: nothing. */
function asGethSays(error: GlimError, gas: bigint): Error | undefined {
  const { data } = error;
  if (typeof data !== "object" || data === null) return undefined;
  // the data of an error reaches RPC clients only where the protocol has a place for it
  if ("returnData" in data && data.returnData instanceof Uint8Array) return revertError(data.returnData);
  // internal/ethapi/api.go:836@v1.17.5 applyMessageWithEVM
  if (VmError.is(error, "BAD_TRANSACTION"))
    return EthApiError("FAILED", { reason: `err: ${error.message} (supplied gas ${gas})` }, { cause: error });
  return undefined;
}
