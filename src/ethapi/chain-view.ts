import { type Body, type Header, makeHeader, senderOf } from "#core/types";
import type { StateReader } from "#core/vm";
import { baseFeeAfter } from "#eth/gasprice";
import type { Clock } from "#host";
import type { BlockRef } from "#rpc";
import { andThen, equalBytes, type MaybePromise } from "#util";
import type { Backend, CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";

const fail = (reason: string) => EthApiError("FAILED", { reason });

/** A block that a request names. `pending`: its header is made up on top of the head, and it has no hash yet. */
export interface View {
  readonly header: Header;
  readonly isPending: boolean;
}

/**
 * Block names → headers, and the pending block: head plus what this node waits to see mined. Nothing is executed for it:
 * its state is the head's, with the nonces of our own waiting transactions counted.
 */
export class ChainView {
  readonly #backend: Backend;
  readonly #clock: Pick<Clock, "unixSeconds">;

  constructor(backend: Backend, clock: Pick<Clock, "unixSeconds">) {
    this.#backend = backend;
    this.#clock = clock;
  }

  /**
   * The named block; `undefined` when there is none of that number or hash.
   * @throws ETHAPI_FAILED `safe block not found`, `finalized block not found` (no chain here has finality) and, with
   *   requireCanonical, `hash is not currently canonical` (geth eth/api_backend.go:106-136@v1.17.5)
   */
  find(ref: BlockRef, ctx: CallContext): MaybePromise<View | undefined> {
    if (typeof ref === "object")
      return andThen(this.#backend.headerByHash(ref.blockHash, ctx), (header) => {
        if (header === undefined) return undefined;
        if (ref.requireCanonical && !this.#backend.isCanonical(header))
          throw fail("hash is not currently canonical");
        return { header, isPending: false };
      });
    if (ref === "safe" || ref === "finalized") throw EthApiError("NOT_FOUND", { what: `${ref} block` });
    if (ref === "pending") return { header: this.#pendingHeader(), isPending: true };
    const head = this.#backend.head();
    const number = ref === "latest" ? head.number : ref === "earliest" ? 0 : ref;
    if (number > head.number) return undefined;
    if (number === head.number) return { header: head, isPending: false };
    return andThen(this.#backend.headerByNumber(number, ctx), (header) =>
      header === undefined ? undefined : { header, isPending: false },
    );
  }

  /** The named block, for who needs its state. @throws geth's `header not found`, `header for hash not found` */
  need(ref: BlockRef | undefined, ctx: CallContext): MaybePromise<View> {
    return andThen(this.find(ref ?? "latest", ctx), (view) => {
      if (view !== undefined) return view;
      throw EthApiError("NOT_FOUND", { what: typeof ref === "object" ? "header for hash" : "header" });
    });
  }

  /** The header of a block that exists; for the pending block that is the head. */
  #base({ header, isPending }: View): Header {
    return isPending ? this.#backend.head() : header;
  }

  /** State after the block. For `pending` see the class, for a missing context `Backend.state`. */
  state(view: View, ctx?: CallContext): MaybePromise<StateReader> {
    const reader = this.#backend.state(this.#base(view), ctx);
    return view.isPending ? andThen(reader, (head) => this.#withOwnNonces(head)) : reader;
  }

  /** The header whose state answers for this view. */
  stateHeader(view: View): Header {
    return this.#base(view);
  }

  async body({ header, isPending }: View, ctx: CallContext): Promise<Body> {
    if (!isPending) return this.#backend.body(header, ctx);
    return { transactions: this.#backend.pendingTransactions(), uncles: [] };
  }

  /** The nonce a next transaction of `sender` would have, counting from `nonce` over our own waiting ones without a gap. */
  nextNonce(sender: Uint8Array, nonce: bigint): bigint {
    const waiting = new Set<bigint>();
    for (const tx of this.#backend.pendingTransactions())
      if (equalBytes(senderOf(tx), sender)) waiting.add(tx.nonce);
    let next = nonce;
    while (waiting.has(next)) next++;
    return next;
  }

  #withOwnNonces(reader: StateReader): StateReader {
    return {
      account: async (address) => {
        const account = await reader.account(address);
        return account === undefined
          ? undefined
          : { ...account, nonce: this.nextNonce(address, account.nonce) };
      },
      storage: (address, slot) => reader.storage(address, slot),
      code: (address, codeHash) => reader.code(address, codeHash),
    };
  }

  #pendingHeader(): Header {
    const head = this.#backend.head();
    const { hash: _, ...fields } = head;
    return makeHeader({
      ...fields,
      parentHash: head.hash,
      number: head.number + 1,
      time: Math.max(head.time + 1, this.#clock.unixSeconds()),
      gasUsed: 0n,
      bloom: new Uint8Array(256),
      baseFee: baseFeeAfter(this.#backend.chainConfig, head),
    });
  }

  /** BLOCKHASH for a call on top of `header`: by number where the header is canonical, else along the parents. */
  ancestorHash(header: Header, ctx: CallContext): (number: number) => Promise<Uint8Array | undefined> {
    return async (number) => {
      if (number >= header.number) return undefined;
      if (number === header.number - 1) return header.parentHash;
      if (this.#backend.isCanonical(header)) return (await this.#backend.headerByNumber(number, ctx))?.hash;
      let at: Header | undefined = header;
      while (at !== undefined && at.number > number)
        at = await this.#backend.headerByHash(at.parentHash, ctx);
      return at?.hash;
    };
  }
}
