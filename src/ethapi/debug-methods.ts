/** debug_ beside traces: raw bytes of what is on the chain, and what geth has that is not kept here. */
import { encodeBlock, encodeHeader, encodeReceipt, encodeTransaction } from "#core/types";
import {
  type BlockRef,
  blockNumberOrHash,
  bytes,
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
import { toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import { EthApiError } from "./errors.ts";
import type { Parts } from "./parts.ts";

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

/** Of a node that owns its chain. */
export function chainDebugMethods(chain: ChainControl): Record<string, Method> {
  return {
    setHead: method({
      doc: "Goes back to a block of the chain; those above stay as a side chain.",
      params: [uint53],
      result: none,
      handle: ([number]) => chain.setHead(number),
    }),
    getBadBlocks: method({
      doc: "Always empty: refused blocks are not kept.",
      params: [],
      result: list(json),
      isConcurrent: true,
      handle: () => [],
    }),
    preimage: method({
      doc: "Refused: what was hashed into the state's keys is not kept.",
      params: [hash],
      result: bytes,
      handle: () => {
        throw refuse("preimages are not kept by this node");
      },
    }),
  };
}
