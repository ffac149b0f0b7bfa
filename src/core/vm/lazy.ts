import type { AccessList, Body, Header } from "#core/types";
import type { ChainConfig } from "#params";
import type { StateReader } from "./state-reader.ts";
import type {
  BlockExecution,
  BlockResult,
  CallEnv,
  CallOptions,
  CallRequest,
  CallResult,
  ExecuteOptions,
} from "./types.ts";

// The EVM takes about 0.2 s and 25 MB to load, which a node that only proves balances need not spend.
let loadedCalls: Promise<typeof import("./call.ts")> | undefined;
let loadedBlocks: Promise<typeof import("./block.ts")> | undefined;
const calls = () => (loadedCalls ??= import("./call.ts"));
const blocks = () => (loadedBlocks ??= import("./block.ts"));

/** Loads what executes blocks and calls now, not with the first of them: later there may be no descriptor to read it by (F10). */
export async function loadVm(): Promise<void> {
  await Promise.all([calls(), blocks()]);
}

/**
 * Runs a message without changing anything.
 * @throws VM_TIMEOUT; VM_BAD_TRANSACTION for a message that cannot even start (funds, intrinsic gas, fees); what the
 *   reader throws, untouched; the signal's reason
 */
export async function runCall(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options?: CallOptions,
): Promise<CallResult> {
  return (await calls()).runCall(env, call, reader, options);
}

/**
 * Least gas with which the message succeeds: geth 1.11.6's answer, in fewer runs.
 * @throws VM_REVERTED (rpcCode 3, with the data), VM_GAS_EXCEEDS_ALLOWANCE, VM_EXECUTION_FAILED, and what runCall throws
 */
export async function estimateGas(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options?: CallOptions,
): Promise<bigint> {
  return (await calls()).estimateGas(env, call, reader, options);
}

/**
 * Runs the message until the access list it needs stands still (eth_createAccessList). Sorted by address and slot;
 * without sender, target, precompiles and new contracts, unless their slots are read.
 */
export async function createAccessList(
  env: CallEnv,
  call: CallRequest,
  reader: StateReader,
  options?: CallOptions,
): Promise<CallResult & { readonly accessList: AccessList }> {
  return (await calls()).createAccessList(env, call, reader, options);
}

/**
 * Runs a whole block on the state of its parent. Of the header it reads number, time, gasLimit, difficulty, baseFee,
 * mixDigest, coinbase, parentHash and the fields of Cancun; it compares no root and no gasUsed (the caller does).
 * @throws VM_BAD_BLOCK (blame: peer) if the block cannot be executed; what the reader throws
 */
export async function executeBlock(
  config: ChainConfig,
  header: Header,
  body: Body,
  reader: StateReader,
  options?: ExecuteOptions,
): Promise<BlockResult> {
  return (await blocks()).executeBlock(config, header, body, reader, options);
}

/** Starts a block for a sealer: the system calls at its beginning are done. */
export async function openBlock(
  config: ChainConfig,
  header: Header,
  reader: StateReader,
  options?: ExecuteOptions,
): Promise<BlockExecution> {
  return (await blocks()).openBlock(config, header, reader, options);
}
