/** Transactions: found by hash or place, their receipts, and sending. */
import { decodeTransaction, encodeTransaction, type Transaction } from "#core/types";
import {
  type BlockRef,
  blockTag,
  bytesUpTo,
  bytes,
  hash,
  json,
  method,
  type Method,
  nullable,
  uint53,
} from "#rpc";
import { GlimError } from "#util";
import type { CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";
import { formatReceipt, formatTransaction, type JsonObject, type Place } from "./format.ts";
import type { Parts } from "./parts.ts";
import { checkSubmission } from "./submission.ts";

const byHash = (blockHash: Uint8Array): BlockRef => ({ blockHash, requireCanonical: false });

export function transactionMethods({ backend, view, limits }: Parts): Record<string, Method> {
  /** A transaction by its place, and the place unless the block is pending. */
  const at = async (ref: BlockRef, index: number, ctx: CallContext) => {
    const found = await view.find(ref, ctx);
    if (found === undefined) return undefined;
    const tx = (await view.body(found, ctx)).transactions[index];
    if (tx === undefined) return undefined;
    const place: Place | undefined = found.isPending ? undefined : { header: found.header, index };
    return { tx, place };
  };
  const transactionAt = async (
    ref: BlockRef,
    index: number,
    ctx: CallContext,
  ): Promise<JsonObject | undefined> => {
    const found = await at(ref, index, ctx);
    return found === undefined ? undefined : formatTransaction(found.tx, found.place);
  };
  /** geth writes an unknown transaction's bytes as 0x, not as null (hexutil.Bytes of nil). */
  const raw = (found: { readonly tx: Transaction } | undefined) =>
    found === undefined ? new Uint8Array(0) : encodeTransaction(found.tx);

  const placeOf = (found: {
    header?: Place["header"] | undefined;
    index?: number | undefined;
  }): Place | undefined =>
    found.header === undefined || found.index === undefined
      ? undefined
      : { header: found.header, index: found.index };

  const isConcurrent = true;
  return {
    getTransactionByHash: method({
      doc: "A transaction by hash: in a block, or own and waiting; null when unknown.",
      params: [hash],
      result: nullable(json),
      isConcurrent,
      handle: async ([id], ctx) => {
        const found = await backend.findTransaction(id, ctx);
        return found === undefined ? undefined : formatTransaction(found.tx, placeOf(found));
      },
    }),
    getTransactionReceipt: method({
      doc: "The receipt of a transaction in a block; null while it waits or when it is unknown.",
      params: [hash],
      result: nullable(json),
      isConcurrent,
      handle: async ([id], ctx) => {
        const found = await backend.findTransaction(id, ctx);
        const place = found === undefined ? undefined : placeOf(found);
        if (place === undefined) return undefined;
        const { header } = place;
        const [body, receipts] = await Promise.all([
          backend.body(header, ctx),
          backend.receipts(header, ctx),
        ]);
        return formatReceipt({ header, body, receipts, config: backend.chainConfig }, place.index);
      },
    }),
    getRawTransactionByHash: method({
      doc: "A transaction's canonical bytes; 0x when unknown.",
      params: [hash],
      result: bytes,
      isConcurrent,
      handle: async ([id], ctx) => raw(await backend.findTransaction(id, ctx)),
    }),
    getTransactionByBlockNumberAndIndex: method({
      doc: "A transaction by its place in a block.",
      params: [blockTag, uint53],
      result: nullable(json),
      isConcurrent,
      handle: ([tag, index], ctx) => transactionAt(tag, index, ctx),
    }),
    getTransactionByBlockHashAndIndex: method({
      doc: "A transaction by its place in a block.",
      params: [hash, uint53],
      result: nullable(json),
      isConcurrent,
      handle: ([id, index], ctx) => transactionAt(byHash(id), index, ctx),
    }),
    getRawTransactionByBlockNumberAndIndex: method({
      doc: "A transaction's canonical bytes, by its place in a block.",
      params: [blockTag, uint53],
      result: bytes,
      isConcurrent,
      handle: async ([tag, index], ctx) => raw(await at(tag, index, ctx)),
    }),
    getRawTransactionByBlockHashAndIndex: method({
      doc: "A transaction's canonical bytes, by its place in a block.",
      params: [hash, uint53],
      result: bytes,
      isConcurrent,
      handle: async ([id, index], ctx) => raw(await at(byHash(id), index, ctx)),
    }),
    sendRawTransaction: method({
      doc: "Takes a signed transaction, relays it and gives its hash. A refusal carries the reason of who refused.",
      params: [bytesUpTo(limits.rawTransactionBytes)],
      result: hash,
      handle: async ([bytesOfTx], ctx) => {
        const tx = readTransaction(bytesOfTx);
        checkSubmission(tx, backend.chainId, limits.txFeeCap);
        await backend.sendTransaction(tx, ctx);
        return tx.hash;
      },
    }),
  };
}

/** Bytes → transaction. What is wrong with them is the caller's mistake, whatever blame decoding gives. */
export function readTransaction(raw: Uint8Array): Transaction {
  try {
    return decodeTransaction(raw);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw EthApiError("FAILED", { reason: error.message }, { cause: error });
  }
}
