/** debug_ beside traces: raw bytes of what is on the chain, and what geth has that is not kept here. */
import { encodeBlock, encodeHeader, encodeReceipt, encodeTransaction } from "#core/types";
import { openBlock } from "#core/vm";
import { bytes as rlpBytes, decodeAs } from "#rlp";
import {
  address,
  type BlockRef,
  blockNumberOrHash,
  bytes,
  bytesUpTo,
  hash,
  hexOrDecimal,
  json,
  list,
  method,
  type Method,
  none,
  text,
  uint53,
} from "#rpc";
import { bigintToBytes, bytesToBigint, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";
import { stateAgain } from "./state-again.ts";

/** A JSON number in geth, here in any writing. */
const plainCount = hexOrDecimal;
/** Slots of one answer. */
const MAX_STORAGE_RANGE = 1_024;

const refuse = (reason: string) => EthApiError("FAILED", { reason });

export function debugMethods({ backend, view }: Parts): Record<string, Method> {
  const need = async (ref: BlockRef, what: string, ctx: CallContext) => {
    const found = await view.find(ref, ctx);
    if (found === undefined || found.isPending) {
      const name = typeof ref === "object" ? toHex(ref.blockHash) : ref;
      throw refuse(`${what} #${name} not found`);
    }
    return found.header;
  };
  const block = async (ref: BlockRef, ctx: CallContext) => {
    const header = await need(ref, "block", ctx);
    return encodeBlock({ header, ...(await backend.body(header, ctx)) });
  };

  const isConcurrent = true;
  return {
    getRawHeader: method({
      doc: "RLP of a header.",
      params: [blockNumberOrHash],
      result: bytes,
      isConcurrent,
      handle: async ([ref], ctx) => encodeHeader(await need(ref, "header", ctx)),
    }),
    getRawBlock: method({
      doc: "RLP of a block.",
      params: [blockNumberOrHash],
      result: bytes,
      isConcurrent,
      handle: ([ref], ctx) => block(ref, ctx),
    }),
    getRawReceipts: method({
      doc: "Binary receipts of a block, in order.",
      params: [blockNumberOrHash],
      result: list(bytes),
      isConcurrent,
      handle: async ([ref], ctx) => {
        const receipts = await backend.receipts(await need(ref, "block", ctx), ctx);
        return receipts.map(encodeReceipt);
      },
    }),
    getRawTransaction: method({
      doc: "Binary form of a transaction, on the chain or waiting here; 0x when unknown.",
      params: [hash],
      result: bytes,
      isConcurrent,
      handle: async ([id], ctx) => {
        const found = await backend.findTransaction(id, ctx);
        return found === undefined ? new Uint8Array(0) : encodeTransaction(found.tx);
      },
    }),
    getBlockRlp: method({
      doc: "RLP of a block, in hex without 0x (Trap 22); the number may be a JSON number.",
      params: [hexOrDecimal],
      result: text,
      isConcurrent,
      handle: async ([number], ctx) => toHex(await block(number, ctx)).slice(2),
    }),
  };
}

/** The first key with these first bytes: a start is read from the left, as geth's iterators do. */
function keyFrom(start: Uint8Array): Uint8Array {
  const key = new Uint8Array(32);
  key.set(start);
  return key;
}

/** Of a node that owns its chain. */
export function chainDebugMethods(
  chain: ChainControl,
  { backend, view, bounds, clock, limits }: Parts,
): Record<string, Method> {
  const storageRange = async (
    ref: BlockRef,
    index: number,
    target: Uint8Array,
    start: Uint8Array,
    max: number,
    ctx: CallContext,
  ) => {
    const { header } = await view.need(ref, ctx);
    const parent = await backend.headerByHash(header.parentHash, ctx);
    if (parent === undefined) throw refuse("no transaction in genesis");
    const { transactions } = await backend.body(header, ctx);
    if (index > transactions.length || (index === transactions.length && index > 0))
      throw refuse(`transaction index ${index} out of range for block ${toHex(header.hash)}`);
    const execution = await openBlock(backend.chainConfig, header, await stateAgain(backend, parent, ctx), {
      ...{ ...bounds, clock, signal: ctx.signal, timeoutMs: limits.callTimeoutMs },
      coinbase: backend.author?.(header),
      blockHash: view.ancestorHash(header, ctx),
      intermediateRoot: () => new Uint8Array(32),
    });
    for (const tx of transactions.slice(0, index)) await execution.apply(tx);
    const storage: [string, { key: string | null; value: string }][] = [];
    for (const { key, value } of chain.storageRange(parent, execution.diff(), target, start)) {
      if (storage.length === max) return { storage: Object.fromEntries(storage), nextKey: toHex(key) };
      const word = bytesToBigint(decodeAs(rlpBytes({ max: 32 }), value));
      const name = chain.preimage(key);
      const own = name === undefined ? null : toHex(name);
      storage.push([toHex(key), { key: own, value: toHex(bigintToBytes(word, 32)) }]);
    }
    return { storage: Object.fromEntries(storage), nextKey: null };
  };

  return {
    storageRangeAt: method({
      doc: "Slots of an account by hash, from one on, at most 1,024, before a transaction of a block ran; with slots' own names where they are kept (--cache.preimages).",
      params: [blockNumberOrHash, plainCount, address, bytesUpTo(32), plainCount],
      result: json,
      isHeavy: true,
      handle: ([ref, index, target, start, max], ctx) =>
        storageRange(ref, index, target, keyFrom(start), Math.min(max, MAX_STORAGE_RANGE), ctx),
    }),
    setHead: method({
      doc: "Goes back to a block of the chain; those above stay as a side chain.",
      params: [uint53],
      result: none,
      handle: ([number]) => {
        if (number >= backend.head().number) throw refuse("not allowed to rewind to a future block");
        return chain.setHead(number);
      },
    }),
  };
}
