import { AccountManager } from "#accounts";
import { decodeTransaction, encodeTransaction, type Transaction, type TransactionFields } from "#core/types";
import type { GasPriceOracle } from "#eth/gasprice";
import type { CallContext, Method } from "#rpc";
import { GlimError, toHex } from "#util";
import { type TransactionArgs, transactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";
import { checkContent, feesOf, fieldsOf, inputOf } from "./send-args.ts";
import { checkFee, checkSubmission } from "./submission.ts";

const ZERO = new Uint8Array(20);
const refuse = (reason: string) => EthApiError("FAILED", { reason });

/** One after the other for one address. BOUNDED: an entry lives as long as somebody waits in it. */
class AddressLock {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(address: Uint8Array, work: () => Promise<T>): Promise<T> {
    const key = toHex(address);
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

export interface SendingOptions {
  readonly parts: Parts;
  readonly oracle: GasPriceOracle;
  /** The row of eth_estimateGas: its caps and texts hold here too. */
  readonly estimateGas: Method | undefined;
  /** Absent: this node signs nothing. */
  readonly accounts?: AccountManager | undefined;
}

/** Fills in, signs and sends transactions of this node's own accounts: what eth_ and personal_ share. */
export class Sending {
  readonly accounts: AccountManager;
  readonly #parts: Parts;
  readonly #oracle: GasPriceOracle;
  readonly #estimateGas: Method | undefined;
  /** Transactions without a nonce, of one sender: two at once would get the same. */
  readonly #nonces = new AddressLock();

  constructor({ parts, oracle, estimateGas, accounts }: SendingOptions) {
    this.accounts = accounts ?? new AccountManager({ log: parts.log });
    this.#parts = parts;
    this.#oracle = oracle;
    this.#estimateGas = estimateGas;
  }

  /** Everything the caller left open: fees, nonce, gas. @throws with geth's texts */
  async fill(args: TransactionArgs, ctx: CallContext): Promise<TransactionFields> {
    const { backend } = this.#parts;
    const { chainConfig: config } = backend;
    const head = backend.head();
    const fees = await feesOf(args, { config, head, suggestTip: () => this.#oracle.suggestTip(ctx) });
    checkContent(args, config.chainId);
    const nonce = args.nonce ?? (await this.#nextNonce(args.from ?? ZERO, ctx));
    const gas = args.gas ?? (await this.#estimate({ ...args, ...fees }, ctx));
    return fieldsOf({ args, fees, nonce, gas }, { config, head });
  }

  /** An unsigned transaction as geth shows it: signature members are zero. */
  unsigned(fields: TransactionFields): Transaction {
    const bytes = encodeTransaction({ ...fields, v: 0n, r: 0n, s: 0n } as Transaction); // as: its hash is not asked for
    const { hash } = decodeLoosely(bytes);
    return { ...fields, v: 0n, r: 0n, s: 0n, hash };
  }

  /** A signed transaction that is not sent. @throws for missing members, with geth's texts */
  async sign(args: TransactionArgs, ctx: CallContext, password?: string): Promise<Transaction> {
    if (args.gas === undefined) throw refuse("gas not specified");
    if (
      args.gasPrice === undefined &&
      (args.maxFeePerGas === undefined || args.maxPriorityFeePerGas === undefined)
    )
      throw refuse("missing gasPrice or maxFeePerGas/maxPriorityFeePerGas");
    if (args.nonce === undefined) throw refuse("nonce not specified");
    const fields = await this.fill(args, ctx);
    checkFee(fields, this.#parts.limits.txFeeCap);
    return this.#signed(args.from, fields, password);
  }

  /** Fills in, signs and sends; transactions of one sender without a nonce one after the other. */
  async send(args: TransactionArgs, ctx: CallContext, password?: string): Promise<Transaction> {
    await this.accounts.find({ address: args.from ?? ZERO });
    if (args.nonce !== undefined) return this.#send(args, ctx, password);
    return this.#nonces.run(args.from ?? ZERO, () => this.#send(args, ctx, password));
  }

  /** The same transaction at another price or with other gas, in place of the one that waits. */
  async resend(
    args: TransactionArgs,
    { gasPrice, gas }: { readonly gasPrice?: bigint | undefined; readonly gas?: bigint | undefined },
    ctx: CallContext,
  ): Promise<Transaction> {
    if (args.nonce === undefined) throw refuse("missing transaction nonce in transaction spec");
    const fields = await this.fill(args, ctx);
    const match = this.unsigned(fields);
    const waiting = this.#parts.backend.pendingTransactions();
    const isOld = (tx: Transaction) => toHex(this.unsigned(tx).hash) === toHex(match.hash);
    if (!waiting.some(isOld)) throw refuse(`transaction ${toHex(match.hash)} not found`);
    const changed = {
      ...fields,
      ...(gas === undefined || gas === 0n ? {} : { gas }),
      ...(gasPrice === undefined || gasPrice === 0n || fields.gasPrice === undefined ? {} : { gasPrice }),
    };
    return this.#submit(await this.#signed(args.from, changed), ctx);
  }

  async #send(args: TransactionArgs, ctx: CallContext, password?: string): Promise<Transaction> {
    if (args.blobVersionedHashes !== undefined) throw refuse("signing blob transactions not supported");
    return this.#submit(await this.#signed(args.from, await this.fill(args, ctx), password), ctx);
  }

  async #submit(tx: Transaction, ctx: CallContext): Promise<Transaction> {
    const { backend, limits, log } = this.#parts;
    checkSubmission(tx, backend.chainId, limits.txFeeCap);
    await backend.sendTransaction(tx, ctx);
    log.info("transaction submitted", { hash: tx.hash, nonce: tx.nonce });
    return tx;
  }

  async #signed(
    from: Uint8Array | undefined,
    fields: TransactionFields,
    password?: string,
  ): Promise<Transaction> {
    const account = { address: from ?? ZERO };
    const wallet = await this.accounts.find(account);
    return wallet.signTransaction(account, fields, { password });
  }

  async #nextNonce(sender: Uint8Array, ctx: CallContext): Promise<bigint> {
    const { view } = this.#parts;
    const reader = await view.state(await view.need("latest", ctx), ctx);
    return view.nextNonce(sender, (await reader.account(sender))?.nonce ?? 0n);
  }

  async #estimate(args: TransactionArgs, ctx: CallContext): Promise<bigint> {
    const { nonce: _nonce, data: _data, chainId: _chainId, ...call } = args;
    const input = inputOf(args);
    if (this.#estimateGas === undefined) throw new TypeError("eth_estimateGas is a row of the eth_ table");
    const json = await this.#estimateGas.call([transactionArgs.encode({ ...call, input }), "latest"], ctx);
    return BigInt(JSON.parse(json));
  }
}

/** The hash of a transaction whose signature is zero: decoding checks no signature. */
function decodeLoosely(bytes: Uint8Array): Transaction {
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw EthApiError("FAILED", { reason: error.message }, { cause: error });
  }
}
