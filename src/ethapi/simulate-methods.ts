// long: one method, whose blocks, states and errors hang together
/** eth_simulateV1: blocks of calls that are only imagined (internal/ethapi/simulate.go@v1.17.5). */
import {
  bloomOf,
  emptyTxRoot,
  emptyUnclesHash,
  encodeTransaction,
  type Header,
  type Log,
  makeHeader,
  mergeBlooms,
  receiptRoot,
  type Transaction,
  type TransactionFields,
  txRoot,
  type Withdrawal,
  withdrawalsRoot,
} from "#core/types";
import { keccak256 } from "#crypto";
import {
  type AccountOverride,
  type BlockExecution,
  type CallRequest,
  type CallResult,
  LayeredState,
  openBlock,
  overrideDiff,
  type StateDiff,
  VmError,
} from "#core/vm";
import { baseFeeAfter, nextExcessBlobGas } from "#eth/gasprice";
import { type ChainConfig, rulesAt } from "#params";
import {
  blockNumberOrHash,
  bool,
  type Codec,
  json,
  list,
  method,
  type Method,
  object,
  optional,
  RpcError,
} from "#rpc";
import { toHex } from "#util";
import type { CallContext } from "./backend.ts";
import {
  simulatedBlockOverrides,
  type SimulatedBlockOverrides,
  stateOverrides,
  toCallRequest,
  type TransactionArgs,
  transactionArgs,
} from "./call-params.ts";
import { formatBlock, formatTransaction, type JsonObject, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";
import { revertError } from "./revert.ts";
import { TransferLogs } from "./transfer-logs.ts";

/** geth's caps (RP-17): blocks of a request, calls of a block, calls of a request. */
const MAX_BLOCKS = 256;
const MAX_CALLS = 5_000;
const MAX_TOTAL_CALLS = 10_000;
/** Seconds from one imagined block to the next. */
const BLOCK_SECONDS = 12;
const ZERO_HASH = new Uint8Array(32);
const ZERO_ADDRESS = new Uint8Array(20);

/** Codes of the execution-apis (errors.go:102@v1.17.5). */
const CODES = {
  invalidParams: -32602,
  vm: -32015,
  gasLimit: -38015,
  number: -38020,
  time: -38021,
  limit: -38026,
} as const;
const REFUSALS: Readonly<Record<string, number>> = {
  "nonce-too-low": -38010,
  "nonce-too-high": -38011,
  "fee-cap-low": -38012,
  "intrinsic-gas": -38013,
  "insufficient-funds": -38014,
  "sender-not-eoa": -38024,
  "init-code-size": -38025,
  "tip-above-cap": CODES.invalidParams,
};

/** A list whose length is checked before any item is read, with geth's code. */
function cappedList<Out, In>(
  item: Codec<Out, In>,
  max: number,
  tooMany: (got: number) => string,
): Codec<Out[], In[]> {
  const inner = list(item, { max });
  return {
    ...inner,
    decode(value, path) {
      if (Array.isArray(value) && value.length > max) throw new RpcError(CODES.limit, tooMany(value.length));
      return inner.decode(value, path);
    },
    encode: (values) => inner.encode(values),
  };
}

interface Wanted {
  readonly overrides: SimulatedBlockOverrides;
  readonly state: readonly AccountOverride[];
  readonly calls: readonly TransactionArgs[];
}

interface Order {
  readonly base: Header;
  readonly traceTransfers: boolean;
  readonly validation: boolean;
  readonly fullTransactions: boolean;
}

/** Numbers and times ascend; gaps are filled with empty blocks. */
function inOrder(base: Header, blocks: readonly Wanted[]): Wanted[] {
  const all: Wanted[] = [];
  let { number, time } = base;
  for (const block of blocks) {
    const next = block.overrides.number ?? number + 1;
    if (next <= number)
      throw new RpcError(CODES.number, `block numbers must be in order: ${next} <= ${number}`);
    if (next - base.number > MAX_BLOCKS) throw new RpcError(CODES.limit, "too many blocks");
    while (++number < next) {
      time += BLOCK_SECONDS;
      all.push({ overrides: { number, time }, state: [], calls: [] });
    }
    const at = block.overrides.time ?? time + BLOCK_SECONDS;
    if (at <= time) throw new RpcError(CODES.time, `block timestamps must be in order: ${at} <= ${time}`);
    time = at;
    all.push({ ...block, overrides: { ...block.overrides, number, time } });
  }
  return all;
}

/** geth's guess, which asks no total difficulty (params/config.go IsPostMerge@v1.17.5). */
function isPostMerge(config: ChainConfig, number: number, time: number): boolean {
  const { terminalTotalDifficulty, mergeNetsplitBlock = Infinity, shanghaiTime = Infinity } = config;
  return terminalTotalDifficulty === 0n || number >= mergeNetsplitBlock || time >= shanghaiTime;
}

/** The call as a transaction that nobody signed: for the block's hash and text. One with a gas price is a legacy one, as in geth. */
function unsigned(args: CallRequest, nonce: bigint, gas: bigint, { chainId, isLondon }: Terms): Transaction {
  const shared = { nonce, gas, value: args.value ?? 0n, input: args.input ?? new Uint8Array(0) };
  const target = args.to === undefined ? {} : { to: args.to };
  const fees = {
    maxFeePerGas: args.maxFeePerGas ?? 0n,
    maxPriorityFeePerGas: args.maxPriorityFeePerGas ?? 0n,
    accessList: args.accessList ?? [],
  };
  const rest = ((): Pick<TransactionFields, "type"> & Partial<TransactionFields> => {
    const { authorizationList, blobVersionedHashes, gasPrice = isLondon ? undefined : 0n } = args;
    if (gasPrice !== undefined) return { type: 0, gasPrice };
    if (authorizationList !== undefined) return { type: 4, chainId, ...fees, authorizationList };
    if (blobVersionedHashes !== undefined)
      return {
        type: 3,
        chainId,
        ...fees,
        blobVersionedHashes,
        maxFeePerBlobGas: args.maxFeePerBlobGas ?? 0n,
      };
    return { type: 2, chainId, ...fees };
  })();
  const tx = { ...shared, ...target, ...rest, v: 0n, r: 0n, s: 0n, hash: ZERO_HASH };
  return { ...tx, hash: keccak256(encodeTransaction(tx)) };
}

interface Terms {
  readonly chainId: bigint;
  readonly isLondon: boolean;
}

interface Called {
  readonly tx: Transaction;
  readonly from: Uint8Array;
  readonly result: CallResult & { readonly maxGasUsed: bigint };
  readonly logs: readonly Log[];
  /** Index of its first log. */
  readonly indexes: readonly number[];
  readonly wasCapped: boolean;
}

class Simulation {
  readonly #parts: Parts;
  readonly #order: Order;
  readonly #ctx: CallContext;
  readonly #state: LayeredState;
  readonly #rootAfter: ((diff: StateDiff) => Uint8Array) | undefined;
  readonly #made: Header[] = [];
  #gasLeft: bigint;
  #timeLeftMs: number;

  constructor(parts: Parts, order: Order, state: LayeredState, ctx: CallContext) {
    this.#parts = parts;
    this.#order = order;
    this.#ctx = ctx;
    this.#state = state;
    this.#rootAfter = parts.backend.imaginedRoot?.(order.base);
    this.#gasLeft = parts.limits.callGas;
    this.#timeLeftMs = parts.limits.callTimeoutMs;
  }

  async run(blocks: readonly Wanted[]): Promise<JsonObject[]> {
    const results: JsonObject[] = [];
    let parent = this.#order.base;
    for (const block of blocks) {
      const start = this.#parts.clock.now();
      const { header, json: text } = await this.#block(block, parent);
      this.#timeLeftMs -= this.#parts.clock.now() - start;
      this.#made.push(header);
      results.push(text);
      parent = header;
    }
    return results;
  }

  #draft({ overrides }: Wanted, parent: Header): Header {
    const { chainConfig } = this.#parts.backend;
    const { number = parent.number + 1, time = parent.time + BLOCK_SECONDS } = overrides;
    const difficulty =
      overrides.difficulty ?? (isPostMerge(chainConfig, number, time) ? 0n : parent.difficulty);
    const rules = rulesAt(chainConfig, { number, time, difficulty });
    const natural = this.#order.validation ? baseFeeAfter(chainConfig, parent) : 0n;
    return makeHeader({
      parentHash: parent.hash,
      unclesHash: emptyUnclesHash,
      coinbase: overrides.coinbase ?? parent.coinbase,
      stateRoot: ZERO_HASH,
      txRoot: emptyTxRoot,
      receiptRoot: emptyTxRoot,
      bloom: new Uint8Array(256),
      difficulty,
      number,
      gasLimit: overrides.gasLimit ?? parent.gasLimit,
      gasUsed: 0n,
      time,
      extra: new Uint8Array(0),
      mixDigest: overrides.prevRandao ?? ZERO_HASH,
      nonce: new Uint8Array(8),
      ...(rules.isLondon ? { baseFee: overrides.baseFee ?? natural ?? 0n } : {}),
      ...(rules.isShanghai ? { withdrawalsRoot: withdrawalsRoot(overrides.withdrawals ?? []) } : {}),
      ...(rules.isCancun
        ? {
            blobGasUsed: 0n,
            excessBlobGas: nextExcessBlobGas(chainConfig, parent) ?? 0n,
            parentBeaconRoot: overrides.beaconRoot ?? ZERO_HASH,
          }
        : {}),
    });
  }

  async #block(wanted: Wanted, parent: Header): Promise<{ header: Header; json: JsonObject }> {
    const { backend, clock, view, bounds } = this.#parts;
    const draft = this.#draft(wanted, parent);
    let root: Uint8Array | undefined;
    const change = (diff: StateDiff) => {
      root = this.#rootAfter?.(diff);
      this.#state.add(diff);
    };
    change(await overrideDiff(this.#state.reader, wanted.state));
    const ancestor = view.ancestorHash(this.#order.base, this.#ctx);
    const { base } = this.#order;
    const { blobBaseFee, withdrawals = [] } = wanted.overrides;
    const execution = await openBlock(backend.chainConfig, draft, this.#state.reader, {
      overrides: wanted.state,
      blobBaseFee,
      ...{
        ...bounds,
        traced: true,
        clock,
        signal: this.#ctx.signal,
        timeoutMs: Math.max(1, this.#timeLeftMs),
      },
      blockHash: (number) => {
        if (number === base.number) return base.hash;
        return number < base.number
          ? ancestor(number)
          : this.#made.find((one) => one.number === number)?.hash;
      },
      intermediateRoot: () => ZERO_HASH,
    });
    const called: Called[] = [];
    const count = { logs: 0 };
    for (const call of wanted.calls) called.push(await this.#call(execution, draft, call, count));
    const { receipts, gasUsed, blobGasUsed, requestsHash, diff } = await execution.finish(
      draft.withdrawalsRoot === undefined ? {} : { withdrawals },
    );
    change(diff);
    const typed = receipts.map((receipt, i) => ({ ...receipt, type: called[i]?.tx.type ?? 2 }));
    const transactions = called.map(({ tx }) => tx);
    const header = makeHeader({
      ...draft,
      stateRoot: root ?? ZERO_HASH,
      txRoot: transactions.length === 0 ? emptyTxRoot : txRoot(transactions),
      receiptRoot: typed.length === 0 ? emptyTxRoot : receiptRoot(typed),
      bloom: mergeBlooms(receipts.map(({ logs }) => bloomOf(logs))),
      gasUsed,
      ...(draft.blobGasUsed === undefined ? {} : { blobGasUsed }),
      ...(requestsHash === undefined ? {} : { requestsHash }),
    });
    return { header, json: this.#format(header, called, withdrawals) };
  }

  async #call(
    execution: BlockExecution,
    header: Header,
    args: TransactionArgs,
    count: { logs: number },
  ): Promise<Called> {
    const { chainId } = this.#parts.backend;
    const { validation, traceTransfers } = this.#order;
    const request = toCallRequest(args, chainId);
    const from = request.from ?? ZERO_ADDRESS;
    const nonce = args.nonce ?? (await execution.account(from))?.nonce ?? 0n;
    const remaining = header.gasLimit - execution.gasUsed;
    const asked = request.gas ?? remaining;
    if (asked > remaining) {
      const text = `block gas limit reached: remaining: ${remaining}, required: ${asked}`;
      throw new RpcError(CODES.gasLimit, text);
    }
    const gas = asked < this.#gasLeft ? asked : this.#gasLeft;
    const tracer = new TransferLogs({ traceTransfers, firstIndex: count.logs });
    const result = await execution
      .call(request, { gas, tracer, nonce: validation ? nonce : undefined })
      .catch((error: unknown) => {
        throw refusal(error, gas);
      });
    this.#gasLeft -= result.gasUsed;
    count.logs = tracer.nextIndex;
    const tx = unsigned(request, nonce, gas, { chainId, isLondon: header.baseFee !== undefined });
    const { logs, indexes } = tracer;
    return { tx, from, result, logs, indexes, wasCapped: gas < asked };
  }

  #format(header: Header, called: readonly Called[], withdrawals: readonly Withdrawal[]): JsonObject {
    const { fullTransactions } = this.#order;
    const body = { transactions: called.map(({ tx }) => tx), uncles: [] };
    const withAll = header.withdrawalsRoot === undefined ? body : { ...body, withdrawals };
    const block = formatBlock(header, withAll, { fullTransactions: false });
    const full = ({ tx, from }: Called, index: number) => formatTransaction(tx, { header, index }, from);
    return {
      ...block,
      ...(fullTransactions ? { transactions: called.map(full) } : {}),
      calls: called.map((one, index) => formatCall(one, header, index)),
    };
  }
}

function formatCall(
  { tx, result, logs, indexes, wasCapped }: Called,
  header: Header,
  index: number,
): JsonObject {
  const { status, returnData, gasUsed, maxGasUsed, error } = result;
  const logTexts = logs.map((log, i) => ({
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    blockNumber: quantityHex(header.number),
    transactionHash: toHex(tx.hash),
    transactionIndex: quantityHex(index),
    blockHash: toHex(header.hash),
    blockTimestamp: quantityHex(header.time),
    logIndex: quantityHex(indexes[i] ?? 0),
    removed: false,
  }));
  const base = {
    returnData: status === "ok" ? toHex(returnData) : "0x",
    logs: logTexts,
    gasUsed: quantityHex(gasUsed),
    maxUsedGas: quantityHex(maxGasUsed),
    status: status === "ok" ? "0x1" : "0x0",
  };
  if (status === "ok") return base;
  if (status === "revert") {
    const { message, code, data } = revertError(returnData);
    return { ...base, error: { message, code, data: typeof data === "string" ? data : "0x" } };
  }
  const capped = wasCapped ? " (gas limit was capped by the RPC server's global gas cap)" : "";
  return { ...base, error: { message: `${error ?? "execution failed"}${capped}`, code: CODES.vm } };
}

/** A call that cannot even start ends the whole request, with the code of its reason. */
function refusal(error: unknown, gas: bigint): unknown {
  if (!VmError.is(error, "BAD_TRANSACTION")) return error;
  const { data } = error;
  const kind = typeof data === "object" && data !== null && "kind" in data ? String(data.kind) : "";
  return new RpcError(REFUSALS[kind] ?? -32603, `err: ${error.message} (supplied gas ${gas})`);
}

export function simulateMethods(parts: Parts): Record<string, Method> {
  const { limits, view, backend } = parts;
  const block = object({
    blockOverrides: optional(simulatedBlockOverrides),
    stateOverrides: optional(
      stateOverrides({ accounts: limits.overrideAccounts, slots: limits.overrideSlots }),
    ),
    calls: optional(
      cappedList(transactionArgs, MAX_CALLS, (got) => `too many calls in block: ${got} > ${MAX_CALLS}`),
    ),
  });
  return {
    simulateV1: method({
      doc: "Blocks of calls on top of a block, each seeing what those before did; nothing is kept.",
      params: [
        object({
          blockStateCalls: cappedList(block, MAX_BLOCKS, () => "too many blocks"),
          traceTransfers: optional(bool),
          validation: optional(bool),
          returnFullTransactions: optional(bool),
        }),
        optional(blockNumberOrHash),
      ],
      result: json,
      isHeavy: true,
      handle: async ([options, ref], ctx) => {
        const { blockStateCalls, traceTransfers, validation, returnFullTransactions } = options;
        if (blockStateCalls.length === 0) throw new RpcError(CODES.invalidParams, "empty input");
        const total = blockStateCalls.reduce((sum, { calls = [] }) => sum + calls.length, 0);
        if (total > MAX_TOTAL_CALLS)
          throw new RpcError(CODES.limit, `too many calls: ${total} > ${MAX_TOTAL_CALLS}`);
        const found = await view.need(ref === "pending" ? "latest" : ref, ctx);
        const base = found.header;
        const wanted = blockStateCalls.map(
          ({ blockOverrides: overrides = {}, stateOverrides: state = [], calls = [] }): Wanted => ({
            overrides,
            state,
            calls,
          }),
        );
        const order: Order = {
          base,
          traceTransfers: traceTransfers ?? false,
          validation: validation ?? false,
          fullTransactions: returnFullTransactions ?? false,
        };
        const state = new LayeredState(await backend.state(base, ctx));
        return new Simulation(parts, order, state, ctx).run(inOrder(base, wanted));
      },
    }),
  };
}
