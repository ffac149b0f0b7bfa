/** Blocks, headers, uncles, receipts of a block. Not found is null. */
import type { Header } from "#core/types";
import {
  type BlockRef,
  blockNumberOrHash,
  blockTag,
  bool,
  hash,
  json,
  list,
  method,
  type Method,
  nullable,
  uint53,
} from "#rpc";
import type { CallContext } from "./backend.ts";
import type { View } from "./chain-view.ts";
import { EthApiError } from "./errors.ts";
import { formatBlock, formatHeader, formatReceipts, formatUncle, type JsonObject } from "./format.ts";
import type { Parts } from "./parts.ts";

/** What only a sealed block has (geth nulls these three); and what a block that nobody executed does not have. */
const UNKNOWN_WHILE_PENDING = {
  hash: null,
  nonce: null,
  miner: null,
  stateRoot: null,
  receiptsRoot: null,
  logsBloom: null,
};

/** A block named by tag or by hash: the two families of methods differ in nothing else. */
const byHash = (blockHash: Uint8Array): BlockRef => ({ blockHash, requireCanonical: false });

export function blockMethods({ backend, view }: Parts): Record<string, Method> {
  const headerJson = ({ header, isPending }: View): JsonObject => {
    const fields = formatHeader(header, isPending ? undefined : backend.totalDifficulty(header));
    return isPending ? { ...fields, ...UNKNOWN_WHILE_PENDING } : fields;
  };

  const getBlock = async (
    ref: BlockRef,
    fullTransactions: boolean,
    ctx: CallContext,
  ): Promise<JsonObject | undefined> => {
    const found = await view.find(ref, ctx);
    if (found === undefined) return undefined;
    const body = await view.body(found, ctx);
    if (!found.isPending) {
      return formatBlock(found.header, body, {
        fullTransactions,
        totalDifficulty: backend.totalDifficulty(found.header),
      });
    }
    const whole = formatBlock(found.header, body, { fullTransactions, isPending: true });
    return { ...whole, ...UNKNOWN_WHILE_PENDING };
  };

  const bodyOf = async (ref: BlockRef, ctx: CallContext) => {
    const found = await view.find(ref, ctx);
    return found === undefined ? undefined : view.body(found, ctx);
  };
  const transactionCount = async (ref: BlockRef, ctx: CallContext) =>
    (await bodyOf(ref, ctx))?.transactions.length;
  const uncleCount = async (ref: BlockRef, ctx: CallContext) => (await bodyOf(ref, ctx))?.uncles.length;
  const uncleAt = async (ref: BlockRef, index: number, ctx: CallContext) => {
    const uncle: Header | undefined = (await bodyOf(ref, ctx))?.uncles[index];
    return uncle === undefined ? undefined : formatUncle(uncle);
  };

  const getReceipts = async (ref: BlockRef, ctx: CallContext): Promise<JsonObject[] | undefined> => {
    if (ref === "pending") throw EthApiError("FAILED", { reason: "pending receipts is not available" });
    const found = await view.find(ref, ctx);
    if (found === undefined) return undefined;
    const [body, receipts] = await Promise.all([view.body(found, ctx), backend.receipts(found.header, ctx)]);
    return formatReceipts({ header: found.header, body, receipts, config: backend.chainConfig });
  };

  const isConcurrent = true;
  return {
    blockNumber: method({
      doc: "Number of the newest block this node believes.",
      params: [],
      result: uint53,
      isConcurrent,
      handle: () => backend.head().number,
    }),
    getHeaderByNumber: method({
      doc: "A header by number or tag.",
      params: [blockTag],
      result: nullable(json),
      isConcurrent,
      handle: async ([tag], ctx) => {
        const found = await view.find(tag, ctx);
        return found === undefined ? undefined : headerJson(found);
      },
    }),
    getHeaderByHash: method({
      doc: "A header by hash.",
      params: [hash],
      result: nullable(json),
      isConcurrent,
      handle: async ([id], ctx) => {
        const found = await view.find(byHash(id), ctx);
        return found === undefined ? undefined : headerJson(found);
      },
    }),
    getBlockByNumber: method({
      doc: "A block by number or tag, with transaction hashes or (true) whole transactions.",
      params: [blockTag, bool],
      result: nullable(json),
      isConcurrent,
      handle: ([tag, full], ctx) => getBlock(tag, full, ctx),
    }),
    getBlockByHash: method({
      doc: "A block by hash, with transaction hashes or (true) whole transactions.",
      params: [hash, bool],
      result: nullable(json),
      isConcurrent,
      handle: ([id, full], ctx) => getBlock(byHash(id), full, ctx),
    }),
    getBlockReceipts: method({
      doc: "All receipts of a block, in order.",
      params: [blockNumberOrHash],
      result: nullable(list(json)),
      isConcurrent,
      handle: ([ref], ctx) => getReceipts(ref, ctx),
    }),
    getBlockTransactionCountByNumber: method({
      doc: "How many transactions a block has.",
      params: [blockTag],
      result: nullable(uint53),
      isConcurrent,
      handle: ([tag], ctx) => transactionCount(tag, ctx),
    }),
    getBlockTransactionCountByHash: method({
      doc: "How many transactions a block has.",
      params: [hash],
      result: nullable(uint53),
      isConcurrent,
      handle: ([id], ctx) => transactionCount(byHash(id), ctx),
    }),
    getUncleCountByBlockNumber: method({
      doc: "How many uncles a block has.",
      params: [blockTag],
      result: nullable(uint53),
      isConcurrent,
      handle: ([tag], ctx) => uncleCount(tag, ctx),
    }),
    getUncleCountByBlockHash: method({
      doc: "How many uncles a block has.",
      params: [hash],
      result: nullable(uint53),
      isConcurrent,
      handle: ([id], ctx) => uncleCount(byHash(id), ctx),
    }),
    getUncleByBlockNumberAndIndex: method({
      doc: "An uncle by its block and place.",
      params: [blockTag, uint53],
      result: nullable(json),
      isConcurrent,
      handle: ([tag, index], ctx) => uncleAt(tag, index, ctx),
    }),
    getUncleByBlockHashAndIndex: method({
      doc: "An uncle by its block and place.",
      params: [hash, uint53],
      result: nullable(json),
      isConcurrent,
      handle: ([id, index], ctx) => uncleAt(byHash(id), index, ctx),
    }),
  };
}
