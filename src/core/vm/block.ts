import { Account, Address } from "@ethereumjs/util";
import {
  bloomOf,
  type Body,
  checkTransactionType,
  effectiveGasPrice,
  type Header,
  type Receipt,
  senderOf,
  type Transaction,
  TypesError,
  type Withdrawal,
} from "#core/types";
import { blobScheduleAt, type ChainConfig, GAS_PER_BLOB, isClique, type Rules, rulesAt } from "#params";
import { blobPriceOf, evmBlock } from "./block-context.ts";
import { callMessage, callResult } from "./call-message.ts";
import { applyDaoFork } from "./dao.ts";
import { VmError } from "./errors.ts";
import { Guard } from "./guard.ts";
import { giveBack, takeMachine, tracedMachine } from "./machine.ts";
import { applyMessage, type Message, type MessageEnv } from "./message.ts";
import type { StateDiff } from "./state-diff.ts";
import type { StateReader } from "./state-reader.ts";
import { beginBlock, collectRequests, hashRequests } from "./system-calls.ts";
import type { Tracer } from "./tracer.ts";
import type { BlockExecution, BlockResult, CallRequest, CallResult, ExecuteOptions } from "./types.ts";

const GWEI = 1_000_000_000n;
const ETHER = 10n ** 18n;

const rewardAt = (rules: Rules): bigint =>
  (rules.isConstantinople ? 2n : rules.isByzantium ? 3n : 5n) * ETHER;

function messageOf(tx: Transaction, rules: Rules, baseFee: bigint | undefined): Message {
  checkTransactionType(tx, rules);
  const feeCap = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  return {
    from: senderOf(tx, { allowHighS: !rules.isHomestead }),
    to: tx.to,
    gas: tx.gas,
    // below the base fee: applyMessage refuses with geth's text
    gasPrice: feeCap < (baseFee ?? 0n) ? feeCap : effectiveGasPrice(tx, baseFee),
    feeCap,
    tipCap: tx.maxPriorityFeePerGas ?? tx.gasPrice ?? 0n,
    value: tx.value,
    input: tx.input,
    accessList: tx.accessList,
    authorizationList: tx.authorizationList,
    blobHashes: tx.blobVersionedHashes,
    blobFeeCap: tx.maxFeePerBlobGas,
    nonce: tx.nonce,
    isSigned: true,
  };
}

class OpenBlock implements BlockExecution {
  readonly #config: ChainConfig;
  readonly #header: Header;
  readonly #env: MessageEnv;
  readonly #options: ExecuteOptions;
  readonly #receipts: Receipt[] = [];
  #gasUsed = 0n;
  #blobGasUsed = 0n;
  #isOver = false;

  constructor(config: ChainConfig, header: Header, env: MessageEnv, options: ExecuteOptions) {
    this.#config = config;
    this.#header = header;
    this.#env = env;
    this.#options = options;
  }

  get gasUsed(): bigint {
    return this.#gasUsed;
  }

  async apply(tx: Transaction, { tracer }: { tracer?: Tracer | undefined } = {}): Promise<Receipt> {
    if (this.#isOver) throw VmError("FINISHED");
    this.#env.machine.guard.look();
    if (this.#gasUsed + tx.gas > this.#header.gasLimit)
      throw VmError("BAD_TRANSACTION", { kind: "gas-limit-reached", reason: "gas limit reached" });
    const blobGas = BigInt(tx.blobVersionedHashes?.length ?? 0) * GAS_PER_BLOB;
    const mostBlobGas = BigInt(this.#env.blobSchedule?.max ?? 0) * GAS_PER_BLOB;
    if (this.#blobGasUsed + blobGas > mostBlobGas)
      throw VmError("BAD_TRANSACTION", { kind: "blob", reason: "blob gas limit reached" });
    const trace = tracer === undefined ? undefined : { tracer, firstLog: this.#logCount() };
    const message = messageOf(tx, this.#env.rules, this.#header.baseFee);
    const result = await applyMessage(this.#env, message, false, trace);
    this.#gasUsed += result.gasUsed;
    this.#blobGasUsed += blobGas;
    const { logs } = result;
    const rest = { type: tx.type, cumulativeGasUsed: this.#gasUsed, bloom: bloomOf(logs), logs };
    const receipt: Receipt = this.#env.rules.isByzantium
      ? { ...rest, status: result.error === undefined ? 1 : 0 }
      : { ...rest, postState: await this.#intermediateRoot() };
    this.#receipts.push(receipt);
    return receipt;
  }

  #logCount(): number {
    return this.#receipts.reduce((sum, { logs }) => sum + logs.length, 0);
  }

  async #intermediateRoot(): Promise<Uint8Array> {
    const { intermediateRoot } = this.#options;
    if (intermediateRoot === undefined)
      throw VmError("UNSUPPORTED", { what: "receipts before Byzantium without intermediateRoot" });
    return intermediateRoot(this.#env.machine.state.diff());
  }

  diff(): StateDiff {
    return this.#env.machine.state.diff();
  }

  async account(address: Uint8Array) {
    return this.#env.machine.state.getAccount(new Address(address));
  }

  async call(
    request: CallRequest,
    { gas, nonce, tracer }: { gas: bigint; nonce?: bigint | undefined; tracer?: Tracer | undefined },
  ): Promise<CallResult & { readonly maxGasUsed: bigint }> {
    if (this.#isOver) throw VmError("FINISHED");
    const { rules, baseFee } = this.#env;
    const trace = tracer === undefined ? undefined : { tracer, firstLog: this.#logCount() };
    const message = callMessage(request, { gas, rules, baseFee, nonce });
    const result = await applyMessage(this.#env, message, false, trace);
    this.#gasUsed += result.gasUsed;
    this.#blobGasUsed += BigInt(request.blobVersionedHashes?.length ?? 0) * GAS_PER_BLOB;
    const { logs } = result;
    const rest = { type: 2, cumulativeGasUsed: this.#gasUsed, bloom: bloomOf(logs), logs } as const;
    this.#receipts.push({ ...rest, status: result.error === undefined ? 1 : 0 });
    return { ...callResult(result), maxGasUsed: result.maxGasUsed };
  }

  async finish(
    rest: { uncles?: readonly Header[]; withdrawals?: readonly Withdrawal[] | undefined } = {},
  ): Promise<BlockResult> {
    if (this.#isOver) throw VmError("FINISHED");
    this.#isOver = true;
    const { machine, rules } = this.#env;
    const requests = rules.isPrague
      ? await collectRequests(this.#env, this.#config, this.#receipts)
      : undefined;
    machine.journal.cleanJournal();
    for (const { address, amount } of rest.withdrawals ?? []) await this.#pay(address, amount * GWEI);
    if (!rules.isMerge && !isClique(this.#config)) await this.#reward(rest.uncles ?? []);
    // withdrawals of nothing to nobody leave no account behind (EIP-161); rewards are never nothing
    await machine.journal.cleanup();
    const result = {
      receipts: this.#receipts,
      gasUsed: this.#gasUsed,
      blobGasUsed: this.#blobGasUsed,
      diff: machine.state.diff(),
    };
    giveBack(this.#config, rules.fork, machine);
    return requests === undefined ? result : { ...result, requests, requestsHash: hashRequests(requests) };
  }

  async #pay(to: Uint8Array, wei: bigint): Promise<void> {
    const { journal, state } = this.#env.machine;
    const address = new Address(to);
    const account = (await state.getAccount(address)) ?? new Account();
    account.balance += wei;
    await journal.putAccount(address, account);
  }

  /** @see consensus/ethash/consensus.go:590@v1.9.25 accumulateRewards */
  async #reward(uncles: readonly Header[]): Promise<void> {
    const reward = rewardAt(this.#env.rules);
    let own = reward;
    for (const uncle of uncles) {
      await this.#pay(uncle.coinbase, (BigInt(uncle.number + 8 - this.#header.number) * reward) / 8n);
      own += reward / 32n;
    }
    await this.#pay(this.#env.block.header.coinbase.bytes, own);
  }
}

/** @see index.ts */
export async function openBlock(
  config: ChainConfig,
  header: Header,
  reader: StateReader,
  options: ExecuteOptions = {},
): Promise<BlockExecution> {
  const rules = rulesAt(config, header);
  const machine = await (options.traced === true ? tracedMachine : takeMachine)(config, rules.fork);
  const { blockHash, signal, clock, timeoutMs, precompiles, memory } = options;
  machine.begin(reader, new Guard({ signal, clock, timeoutMs, precompiles, memory }), (number) =>
    number === header.number - 1 ? header.parentHash : blockHash?.(number),
  );
  const { blobBaseFee, overrides } = options;
  if (overrides !== undefined) machine.rearrange(overrides);
  const block = evmBlock(config, header, rules, options.coinbase ?? header.coinbase, { blobBaseFee });
  const env: MessageEnv = {
    machine,
    rules,
    block,
    baseFee: header.baseFee ?? 0n,
    blobPrice: blobBaseFee ?? blobPriceOf(config, header),
    blobSchedule: blobScheduleAt(config, header),
  };
  if (config.daoForkSupport === true && config.daoForkBlock === header.number) await applyDaoFork(machine);
  await beginBlock(env, header);
  return new OpenBlock(config, header, env, options);
}

/** @see index.ts */
export async function executeBlock(
  config: ChainConfig,
  header: Header,
  body: Body,
  reader: StateReader,
  options: ExecuteOptions = {},
): Promise<BlockResult> {
  const execution = await openBlock(config, header, reader, options);
  for (const [index, tx] of body.transactions.entries()) {
    try {
      await execution.apply(tx);
    } catch (error) {
      if (!VmError.is(error, "BAD_TRANSACTION") && !TypesError.is(error)) throw error;
      throw VmError(
        "BAD_BLOCK",
        { reason: `could not apply tx ${index}: ${error.message}` },
        { cause: error },
      );
    }
  }
  return execution.finish({ uncles: body.uncles, withdrawals: body.withdrawals });
}
