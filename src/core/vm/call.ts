import { type AccessList, type AccessListEntry, createAddress } from "#core/types";
import { blobScheduleAt, GAS_PER_BLOB, MAX_TX_GAS, type Rules, rulesAt } from "#params";
import { compareBytes, equalBytes, fromHex, toHex } from "#util";
import { blobPriceOf, evmBlock } from "./block-context.ts";
import { callMessage, callResult } from "./call-message.ts";
import { VmError } from "./errors.ts";
import { revertReason } from "./evm-errors.ts";
import { Guard } from "./guard.ts";
import { giveBack, type Machine, takeMachine, tracedMachine } from "./machine.ts";
import { applyMessage, type Message, type MessageEnv, type MessageResult } from "./message.ts";
import { MemoryBudget } from "./memory-meter.ts";
import { cachingReader } from "./caching-reader.ts";
import { overrideReader } from "./overrides.ts";
import type { StateReader } from "./state-reader.ts";
import type { BlockOverrides, CallEnv, CallOptions, CallRequest, CallResult } from "./types.ts";

/** geth --rpc.gascap. */
const DEFAULT_GAS_CAP = 50_000_000n;
/** geth --rpc.evmtimeout. */
const DEFAULT_TIMEOUT_MS = 5000;
/** RP-12. */
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;
const TX_GAS = 21_000n;
const INSUFFICIENT_FUNDS = "insufficient funds for gas * price + value";
/** Stipend of a CALL with value: gas that is used and given back (params.CallStipend). */
const CALL_STIPEND = 2300n;
/** BOUNDED: runs of createAccessList. Two are enough unless the code looks at its own gas. */
const MAX_ACCESS_LIST_RUNS = 32;
const ZERO_ADDRESS = new Uint8Array(20);

/** A call prepared once and run many times: gas and access list may differ from run to run. */
interface Prepared {
  readonly env: CallEnv;
  readonly rules: Rules;
  readonly call: CallRequest;
  readonly reader: StateReader;
  readonly options: CallOptions;
  readonly guard: Guard;
  readonly gasCap: bigint;
}

function prepare(env: CallEnv, call: CallRequest, reader: StateReader, options: CallOptions): Prepared {
  const { header } = env;
  const { blockOverrides: block } = options;
  const place = {
    number: block?.number ?? header.number,
    time: block?.time ?? header.time,
    // an overridden difficulty does not take a merged chain back: geth asks whether there is a RANDAO
    difficulty: header.difficulty,
  };
  const { signal, clock, precompiles, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const memory = options.memory ?? new MemoryBudget(DEFAULT_MEMORY_BYTES);
  const guard = new Guard({ signal, clock, timeoutMs, precompiles, memory });
  guard.look();
  const seen = options.overrides === undefined ? reader : overrideReader(reader, options.overrides);
  return {
    env,
    rules: rulesAt(env.config, place),
    call,
    reader: seen,
    options,
    guard,
    gasCap: options.gasCap ?? DEFAULT_GAS_CAP,
  };
}

function messageOf(
  { call, rules, env, options }: Prepared,
  gas: bigint,
  accessList: AccessList | undefined,
): Message {
  const baseFee = options.blockOverrides?.baseFee ?? env.header.baseFee ?? 0n;
  return callMessage(call, { gas, rules, baseFee, accessList });
}

/** What pays nothing runs where there is nothing to pay: BASEFEE and BLOBBASEFEE are 0 (internal/ethapi/api.go:748@v1.17.5). */
function unpricedFees({ gasPrice, blobFeeCap, blobHashes }: Message): BlockOverrides {
  const hasFreeBlobs = (blobFeeCap ?? (blobHashes === undefined ? undefined : 0n)) === 0n;
  return { ...(gasPrice === 0n ? { baseFee: 0n } : {}), ...(hasFreeBlobs ? { blobBaseFee: 0n } : {}) };
}

interface Run {
  readonly result: MessageResult;
  readonly machine: Machine;
}

async function run(prepared: Prepared, gas: bigint, accessList?: AccessList, report = false): Promise<Run> {
  const { env, rules, guard, options } = prepared;
  const { config, header } = env;
  const { tracer } = options;
  const machine = await (tracer === undefined ? takeMachine : tracedMachine)(config, rules.fork);
  machine.begin(prepared.reader, guard, env.blockHash);
  if (options.overrides !== undefined) machine.rearrange(options.overrides);
  const message = messageOf(prepared, gas, accessList);
  const overrides = { ...options.blockOverrides, ...unpricedFees(message) };
  const block = evmBlock(config, header, rules, env.coinbase ?? header.coinbase, overrides);
  const where: MessageEnv = {
    machine,
    rules,
    block,
    baseFee: block.header.baseFeePerGas ?? 0n,
    blobPrice: overrides.blobBaseFee ?? blobPriceOf(config, header),
    blobSchedule: blobScheduleAt(config, header),
  };
  const trace = tracer === undefined ? undefined : { tracer, firstLog: 0 };
  const result = await applyMessage(where, message, report, trace);
  return { result, machine };
}

function finish({ env, rules }: Prepared, { result, machine }: Run): CallResult {
  giveBack(env.config, rules.fork, machine);
  return callResult(result);
}

const gasFor = ({ call, gasCap }: Prepared): bigint =>
  call.gas === undefined || call.gas > gasCap ? gasCap : call.gas;

/** @see index.ts */
export async function runCall(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options: CallOptions = {},
): Promise<CallResult> {
  const prepared = prepare(env, call, reader, options);
  return finish(prepared, await run(prepared, gasFor(prepared)));
}

/** What the sender can pay for, if a price is named (geth DoEstimateGas). */
async function affordable({ call, reader }: Prepared, cap: bigint): Promise<bigint> {
  const price = call.maxFeePerGas ?? call.gasPrice ?? 0n;
  if (price === 0n) return cap;
  const from = call.from ?? ZERO_ADDRESS;
  const balance = (await reader.account(from))?.balance ?? 0n;
  const value = call.value ?? 0n;
  if (value > balance) throw VmError("EXECUTION_FAILED", { reason: "insufficient funds for transfer" });
  const blobs = BigInt(call.blobVersionedHashes?.length ?? 0) * GAS_PER_BLOB * (call.maxFeePerBlobGas ?? 0n);
  if (blobs > balance - value) throw VmError("EXECUTION_FAILED", { reason: INSUFFICIENT_FUNDS });
  const most = (balance - value - blobs) / price;
  return most < cap ? most : cap;
}

/** True if the message succeeds with that gas; intrinsic gas too low counts as failing. */
async function succeeds(prepared: Prepared, gas: bigint): Promise<boolean> {
  try {
    return finish(prepared, await run(prepared, gas)).status === "ok";
  } catch (error) {
    if (VmError.is(error, "BAD_TRANSACTION") && (error.data as { kind: string }).kind === "intrinsic-gas")
      return false;
    throw error;
  }
}

function explain(result: CallResult, allowance: bigint): never {
  const { returnData } = result;
  if (result.status === "revert") throw VmError("REVERTED", { returnData, reason: revertReason(returnData) });
  if (result.error === "out of gas") throw VmError("GAS_EXCEEDS_ALLOWANCE", { allowance });
  throw VmError("EXECUTION_FAILED", { reason: result.error ?? "execution failed" });
}

/** @see index.ts · internal/ethapi/api.go:1127@v1.11.6 DoEstimateGas, eth/gasestimator/gasestimator.go:53@v1.17.5 */
export async function estimateGas(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options: CallOptions = {},
): Promise<bigint> {
  const prepared = prepare(env, call, cachingReader(reader), options);
  const limit = options.blockOverrides?.gasLimit ?? env.header.gasLimit;
  const wanted = call.gas !== undefined && call.gas >= TX_GAS ? call.gas : limit;
  const asked = prepared.rules.isOsaka && wanted > MAX_TX_GAS ? MAX_TX_GAS : wanted;
  const payable = await affordable(prepared, asked);
  const cap = payable < prepared.gasCap ? payable : prepared.gasCap;
  const first = await firstRun(prepared, cap);
  if (first.status !== "ok") explain(first, cap);
  // less than it used cannot do; then a guess that is right for all but gas-counting code, then bisection
  let low = (first.gasUsed > TX_GAS ? first.gasUsed : TX_GAS) - 1n;
  let high = cap;
  const guess = ((first.gasUsed + CALL_STIPEND) * 64n) / 63n;
  for (const probe of [first.gasUsed, guess]) {
    if (probe <= low || probe >= high) continue;
    if (await succeeds(prepared, probe)) high = probe;
    else low = probe;
  }
  while (low + 1n < high) {
    const middle = (low + high) / 2n;
    if (await succeeds(prepared, middle)) high = middle;
    else low = middle;
  }
  return high;
}

async function firstRun(prepared: Prepared, cap: bigint): Promise<CallResult> {
  try {
    return finish(prepared, await run(prepared, cap));
  } catch (error) {
    if (VmError.is(error, "BAD_TRANSACTION") && (error.data as { kind: string }).kind === "intrinsic-gas")
      throw VmError("GAS_EXCEEDS_ALLOWANCE", { allowance: cap }, { cause: error });
    throw error;
  }
}

/** The journal's report without what costs nothing to leave out: sender, target, precompiles, new contracts. */
function accessListOf({ result, machine }: Run, free: readonly Uint8Array[]): AccessListEntry[] {
  const excluded = new Set([...free, ...machine.created, ...machine.precompiles].map(toHex));
  const entries: AccessListEntry[] = [];
  for (const [bareAddress, slots] of result.accessed ?? []) {
    if (slots.size === 0 && excluded.has(`0x${bareAddress}`)) continue;
    entries.push({ address: fromHex(bareAddress), storageKeys: [...slots].map(fromHex).sort(compareBytes) });
  }
  return entries.sort((a, b) => compareBytes(a.address, b.address));
}

function isSameList(a: AccessList, b: AccessList): boolean {
  return (
    a.length === b.length &&
    a.every((entry, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        equalBytes(entry.address, other.address) &&
        entry.storageKeys.length === other.storageKeys.length &&
        entry.storageKeys.every((slot, at) => equalBytes(slot, other.storageKeys[at] ?? ZERO_ADDRESS))
      );
    })
  );
}

/** @see index.ts · internal/ethapi/api.go:1470@v1.11.6 AccessList */
export async function createAccessList(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options: CallOptions = {},
): Promise<CallResult & { readonly accessList: AccessList }> {
  const prepared = prepare(env, call, cachingReader(reader), options);
  if (!prepared.rules.isBerlin) throw VmError("UNSUPPORTED", { what: "access lists before Berlin" });
  const from = call.from ?? ZERO_ADDRESS;
  const to = call.to ?? createAddress(from, (await prepared.reader.account(from))?.nonce ?? 0n);
  let list: AccessList = call.accessList ?? [];
  for (let runs = 0; runs < MAX_ACCESS_LIST_RUNS; runs++) {
    const made = await run(prepared, gasFor(prepared), list, true);
    const next = accessListOf(made, [from, to]);
    const result = finish(prepared, made);
    if (isSameList(list, next)) return { ...result, accessList: next };
    list = next;
  }
  throw VmError("EXECUTION_FAILED", { reason: "the access list does not come to rest" });
}
