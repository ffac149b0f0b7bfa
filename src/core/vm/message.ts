import type { ExecResult } from "@ethereumjs/evm";
import { Account, Address } from "@ethereumjs/util";
import {
  type AccessList,
  type Authorization,
  authorityOf,
  checksumAddress,
  createAddress,
  floorDataGas,
  intrinsicGas,
  type Log,
} from "#core/types";
import { type BlobSchedule, GAS_PER_BLOB, MAX_INIT_CODE_SIZE, MAX_TX_GAS, type Rules } from "#params";
import { concatBytes, equalBytes, toHex } from "#util";
import type { EvmBlock } from "./block-context.ts";
import { type RefusalKind, VmError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { Tracer } from "./tracer.ts";

/** What a transaction or a call asks of the state transition. */
export interface Message {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  /** Gas limit. */
  readonly gas: bigint;
  /** What a unit costs the sender, base fee included. */
  readonly gasPrice: bigint;
  readonly feeCap: bigint;
  readonly tipCap: bigint;
  readonly value: bigint;
  readonly input: Uint8Array;
  readonly accessList: AccessList | undefined;
  readonly authorizationList: readonly Authorization[] | undefined;
  readonly blobHashes: readonly Uint8Array[] | undefined;
  readonly blobFeeCap: bigint | undefined;
  /** Undefined: a call, whose nonce and (without a price) fees are not looked at. */
  readonly nonce: bigint | undefined;
  /** A transaction: whether code stands at its sender's address, and whether its gas is above a transaction's cap, is looked at. */
  readonly isSigned: boolean;
}

/** Where messages run. */
export interface MessageEnv {
  readonly machine: Machine;
  readonly rules: Rules;
  readonly block: EvmBlock;
  readonly baseFee: bigint;
  readonly blobPrice: bigint | undefined;
  readonly blobSchedule: BlobSchedule | undefined;
}

export interface MessageResult {
  /** Intrinsic gas included, refunds taken off. */
  readonly gasUsed: bigint;
  /** Most that was used at any time: before refunds. */
  readonly maxGasUsed: bigint;
  /** ethereumjs' error text; undefined: success. */
  readonly error: string | undefined;
  readonly returnData: Uint8Array;
  readonly logs: readonly Log[];
  /** What was touched, when asked for. */
  readonly accessed: ReadonlyMap<string, ReadonlySet<string>> | undefined;
}

const DELEGATION = Uint8Array.of(0xef, 0x01, 0x00);
const isDelegation = (code: Uint8Array) => code.length === 23 && equalBytes(code.subarray(0, 3), DELEGATION);
const MAX_NONCE = (1n << 64n) - 1n;
/** EIP-7702: PER_EMPTY_ACCOUNT_COST − PER_AUTH_BASE_COST, given back where the account exists. */
const AUTHORITY_EXISTS_REFUND = 12_500n;
/** EIP-7594 (Osaka). */
const MAX_BLOBS_PER_TX = 6;
/** EIP-3529 (London) and before. */
const REFUND_QUOTIENT = 5n;
const REFUND_QUOTIENT_FRONTIER = 2n;

const bare = (bytes: Uint8Array) => toHex(bytes).slice(2);

function refuse(kind: RefusalKind, reason: string): never {
  throw VmError("BAD_TRANSACTION", { kind, reason });
}

/** @see core/state_transition.go:240@v1.11.6 preCheck */
function checkFees({ rules, baseFee, blobPrice, blobSchedule }: MessageEnv, message: Message): void {
  const who = checksumAddress;
  const { from, feeCap, tipCap, blobHashes, blobFeeCap } = message;
  const isPriced = message.nonce !== undefined || feeCap > 0n || tipCap > 0n;
  if (rules.isLondon && isPriced) {
    if (feeCap < tipCap)
      refuse(
        "tip-above-cap",
        `max priority fee per gas higher than max fee per gas: address ${who(from)}, maxPriorityFeePerGas: ${tipCap}, maxFeePerGas: ${feeCap}`,
      );
    if (feeCap < baseFee)
      refuse(
        "fee-cap-low",
        `max fee per gas less than block base fee: address ${who(from)}, maxFeePerGas: ${feeCap}, baseFee: ${baseFee}`,
      );
  }
  if (blobHashes === undefined) return;
  if (message.to === undefined) refuse("blob", "blob transaction of type create");
  if (blobHashes.length === 0) refuse("blob", "blob transaction missing blob hashes");
  const most = Math.min(blobSchedule?.max ?? 0, rules.isOsaka ? MAX_BLOBS_PER_TX : Number.MAX_SAFE_INTEGER);
  if (blobHashes.length > most)
    refuse(
      "blob",
      `blob transaction has too many blobs (have ${blobHashes.length}, permitted maximum ${most})`,
    );
  for (const [i, hash] of blobHashes.entries())
    if (hash[0] !== 1) refuse("blob", `blob ${i} has invalid hash version`);
  if (
    blobPrice !== undefined &&
    (blobFeeCap ?? 0n) < blobPrice &&
    (message.nonce !== undefined || (blobFeeCap ?? 0n) > 0n)
  )
    refuse(
      "blob",
      `max fee per blob gas less than block blob gas fee: address ${who(from)} blobGasFeeCap: ${blobFeeCap ?? 0n}, blobBaseFee: ${blobPrice}`,
    );
}

async function checkSender({ machine, rules }: MessageEnv, message: Message, sender: Account): Promise<void> {
  if (message.nonce === undefined) return;
  const { nonce, from } = message;
  const who = checksumAddress;
  if (nonce < sender.nonce)
    refuse("nonce-too-low", `nonce too low: address ${who(from)}, tx: ${nonce} state: ${sender.nonce}`);
  if (nonce > sender.nonce)
    refuse("nonce-too-high", `nonce too high: address ${who(from)}, tx: ${nonce} state: ${sender.nonce}`);
  if (nonce >= MAX_NONCE) refuse("nonce-max", `nonce has max value: address ${who(from)}, nonce: ${nonce}`);
  if (!message.isSigned || !sender.isContract()) return;
  const code = await machine.state.getCode(new Address(message.from));
  if (rules.isPrague && isDelegation(code)) return;
  // EIP-3607 holds for all blocks: no older one breaks it
  refuse("sender-not-eoa", `sender not an eoa: address ${who(from)}, codehash: ${toHex(sender.codeHash)}`);
}

/** Gas that is due before the first opcode. */
function checkGas({ rules }: MessageEnv, message: Message): { intrinsic: bigint; floor: bigint } {
  const { gas, input, to } = message;
  if (rules.isOsaka && message.isSigned && gas > MAX_TX_GAS)
    refuse("tx-gas-cap", `transaction gas limit too high (cap: ${MAX_TX_GAS}, tx: ${gas})`);
  const intrinsic = intrinsicGas(
    { input, to, accessList: message.accessList, authorizationList: message.authorizationList },
    rules,
  );
  if (gas < intrinsic) refuse("intrinsic-gas", `intrinsic gas too low: have ${gas}, want ${intrinsic}`);
  const floor = rules.isPrague ? floorDataGas(input) : 0n;
  if (gas < floor)
    refuse("intrinsic-gas", `insufficient gas for floor data gas cost: have ${gas}, want ${floor}`);
  if (rules.isShanghai && to === undefined && input.length > MAX_INIT_CODE_SIZE)
    refuse(
      "init-code-size",
      `max initcode size exceeded: code size ${input.length} limit ${MAX_INIT_CODE_SIZE}`,
    );
  return { intrinsic, floor };
}

/** EIP-2929 and 2930: what is warm from the start. */
function warm({ machine, rules, block }: MessageEnv, message: Message): void {
  if (!rules.isBerlin) return;
  const { journal } = machine;
  journal.warmAll(machine.precompiles);
  journal.addAlwaysWarmAddress(bare(message.from));
  if (message.to !== undefined) journal.addAlwaysWarmAddress(bare(message.to));
  if (rules.isShanghai) journal.addAlwaysWarmAddress(bare(block.header.coinbase.bytes));
  for (const entry of message.accessList ?? []) {
    const address = bare(entry.address);
    journal.addAlwaysWarmAddress(address, true);
    for (const slot of entry.storageKeys) journal.addAlwaysWarmSlot(address, bare(slot), true);
  }
}

/** Sets delegations of EIP-7702; entries that do not hold are skipped. Returns the refund. */
async function applyAuthorizations(
  { machine, rules }: MessageEnv,
  list: readonly Authorization[],
): Promise<bigint> {
  const { state, journal } = machine;
  let refund = 0n;
  for (const entry of list) {
    if (entry.chainId !== 0n && entry.chainId !== rules.chainId) continue;
    if (entry.nonce >= MAX_NONCE) continue;
    const authority = authorityOf(entry);
    if (authority === undefined) continue;
    const address = new Address(authority);
    journal.addAlwaysWarmAddress(bare(authority));
    const account = await state.getAccount(address);
    const code = await state.getCode(address);
    if (code.length > 0 && !isDelegation(code)) continue;
    if ((account?.nonce ?? 0n) !== entry.nonce) continue;
    if (account !== undefined) refund += AUTHORITY_EXISTS_REFUND;
    const changed = account ?? new Account();
    changed.nonce += 1n;
    await journal.putAccount(address, changed);
    const clears = entry.address.every((byte) => byte === 0);
    await state.putCode(address, clears ? new Uint8Array(0) : concatBytes(DELEGATION, entry.address));
  }
  return refund;
}

/** Who looks on at a message, and how many logs its block has before it. */
export interface TraceOrder {
  readonly tracer: Tracer;
  readonly firstLog: number;
}

async function beginTrace(
  { machine, block, rules }: MessageEnv,
  message: Message,
  nonce: bigint,
  { tracer, firstLog }: TraceOrder,
): Promise<void> {
  const { tap } = machine;
  if (tap === undefined) throw VmError("UNSUPPORTED", { what: "a tracer on a machine without a tap" });
  const { from, gas, value } = message;
  const to = message.to ?? createAddress(from, message.nonce ?? nonce);
  tap.watch(tracer, to);
  const authorities = (message.authorizationList ?? []).flatMap((entry) => authorityOf(entry) ?? []);
  const coinbase = block.header.coinbase.bytes;
  const { isCancun, isPrague } = rules;
  const isCreate = message.to === undefined;
  await tracer.begin?.(
    { from, to, isCreate, gas, value, coinbase, authorities, isCancun, isPrague, firstLog },
    tap.view,
  );
}

async function endTrace({ machine }: MessageEnv, { tracer }: TraceOrder, gasUsed: bigint): Promise<void> {
  const { tap } = machine;
  tap?.watch(undefined);
  if (tap !== undefined) await tracer.end?.(gasUsed, tap.view);
}

/**
 * Runs one message on the machine's state: buys gas, runs the EVM, refunds, pays the author, removes what died.
 * Refusals leave the state as it was.
 * @throws VM_BAD_TRANSACTION
 * @see core/state_transition.go:320@v1.11.6 TransitionDb
 */
export async function applyMessage(
  env: MessageEnv,
  message: Message,
  report = false,
  trace?: TraceOrder,
): Promise<MessageResult> {
  const { machine, rules } = env;
  const { state, journal } = machine;
  const from = new Address(message.from);
  const sender = (await state.getAccount(from)) ?? new Account();
  await checkSender(env, message, sender);
  checkFees(env, message);
  const blobGas = BigInt(message.blobHashes?.length ?? 0) * GAS_PER_BLOB;
  const most = message.gas * message.feeCap + message.value + blobGas * (message.blobFeeCap ?? 0n);
  if (sender.balance < most)
    refuse(
      "insufficient-funds",
      `insufficient funds for gas * price + value: address ${checksumAddress(message.from)} have ${sender.balance} want ${most}`,
    );
  if (message.to === undefined && sender.nonce === MAX_NONCE) refuse("nonce-max", "nonce uint64 overflow");
  const { intrinsic, floor } = checkGas(env, message);
  if (
    message.authorizationList !== undefined &&
    (message.to === undefined || message.authorizationList.length === 0)
  )
    refuse(
      "authorization-list",
      message.to === undefined
        ? `EIP-7702 transaction cannot be used to create contract (sender ${checksumAddress(message.from)})`
        : `EIP-7702 transaction with empty auth list (sender ${checksumAddress(message.from)})`,
    );

  journal.cleanJournal();
  if (trace !== undefined) await beginTrace(env, message, sender.nonce, trace);
  if (report) journal.startReportingAccessList();
  await journal.checkpoint();
  sender.balance -= message.gas * message.gasPrice + blobGas * (env.blobPrice ?? 0n);
  // only of a call, which need not pay for its blobs nor have a nonce that can grow: as geth, past the end is the beginning
  if (sender.balance < 0n) sender.balance = BigInt.asUintN(256, sender.balance);
  sender.nonce = sender.nonce === MAX_NONCE ? 0n : sender.nonce + 1n;
  await journal.putAccount(from, sender);
  warm(env, message);
  let refund = await applyAuthorizations(env, message.authorizationList ?? []);
  machine.tap?.grant(refund);
  if (rules.isPrague && message.to !== undefined) await warmDelegation(env, message.to);
  const execResult = await execute(env, message, intrinsic);
  refund += execResult.gasRefund ?? 0n;
  const spent = intrinsic + execResult.executionGasUsed;
  const mostRefund = spent / (rules.isLondon ? REFUND_QUOTIENT : REFUND_QUOTIENT_FRONTIER);
  let gasUsed = spent - (refund < mostRefund ? refund : mostRefund);
  if (gasUsed < floor) gasUsed = floor;
  await settle(env, message, gasUsed);
  if (trace !== undefined) await endTrace(env, trace, gasUsed);
  await removeDestructed(env, execResult);
  const accessed = journal.accessList;
  await journal.commit();
  await journal.cleanup();
  return {
    gasUsed,
    maxGasUsed: spent > gasUsed ? spent : gasUsed,
    error: execResult.exceptionError?.error,
    returnData: execResult.returnValue,
    logs: (execResult.logs ?? []).map(([address, topics, data]) => ({ address, topics, data })),
    accessed,
  };
}

/** Runs the EVM. The memory of frames is given back even if an error of ours breaks them off. */
async function execute(
  { machine, block }: MessageEnv,
  message: Message,
  intrinsic: bigint,
): Promise<ExecResult> {
  const { evm, guard } = machine;
  const from = new Address(message.from);
  try {
    const { execResult } = await evm.runCall({
      block,
      caller: from,
      origin: from,
      gasPrice: message.gasPrice,
      gasLimit: message.gas - intrinsic,
      ...(message.to === undefined ? {} : { to: new Address(message.to) }),
      value: message.value,
      data: message.input,
      skipNonceIncrement: true,
      blobVersionedHashes: (message.blobHashes ?? []).map(toHex),
    });
    return execResult;
  } finally {
    guard.memory?.release();
  }
}

async function warmDelegation({ machine }: MessageEnv, to: Uint8Array): Promise<void> {
  const code = await machine.state.getCode(new Address(to));
  if (isDelegation(code)) machine.journal.addAlwaysWarmAddress(bare(code.subarray(3)));
}

/** Gives unused gas back and pays the author. */
async function settle(
  { machine, rules, block, baseFee }: MessageEnv,
  message: Message,
  gasUsed: bigint,
): Promise<void> {
  const { journal, state } = machine;
  const from = new Address(message.from);
  const sender = (await state.getAccount(from)) ?? new Account();
  sender.balance += (message.gas - gasUsed) * message.gasPrice;
  await journal.putAccount(from, sender);
  // geth: a call without a price pays nobody, not even nothing (vm.Config.NoBaseFee)
  if (message.nonce === undefined && message.feeCap === 0n && message.tipCap === 0n) return;
  const author = (await state.getAccount(block.header.coinbase)) ?? new Account();
  author.balance += gasUsed * (rules.isLondon ? message.gasPrice - baseFee : message.gasPrice);
  await journal.putAccount(block.header.coinbase, author);
}

async function removeDestructed(
  { machine, rules }: MessageEnv,
  result: { selfdestruct?: ReadonlyMap<string, unknown>; createdAddresses?: ReadonlySet<string> },
): Promise<void> {
  for (const hex of result.selfdestruct?.keys() ?? []) {
    // EIP-6780: only what was created in the same transaction goes
    if (rules.isCancun && result.createdAddresses?.has(hex) !== true) continue;
    await machine.journal.deleteAccount(new Address(Buffer.from(hex.slice(2), "hex")));
  }
}
