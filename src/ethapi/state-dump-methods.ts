/** debug_ methods that walk a state: dumps, what changed between two, names of what is hashed (eth/api_debug.go@v1.17.5). */
import type { Header } from "#core/types";
import {
  address,
  type BlockRef,
  type BlockTag,
  blockNumberOrHash,
  blockTag,
  bool,
  bytesUpTo,
  hash,
  hexOrDecimal,
  json,
  list,
  method,
  type Method,
  number,
  optional,
} from "#rpc";
import { toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import type { Parts } from "./parts.ts";
import { ROWS_PER_TURN, StateWalk } from "./state-walk.ts";
import { refuse } from "./tracing.ts";

/** geth AccountRangeMaxResults. */
const MAX_ACCOUNTS = 256;

export function stateDumpMethods(chain: ChainControl, parts: Parts): Record<string, Method> {
  const { backend, view } = parts;
  const walk = (ctx: CallContext) => new StateWalk(chain, parts, ctx);
  const headerOf = async (ref: BlockRef, ctx: CallContext): Promise<Header> => {
    const found = await view.find(ref, ctx);
    const isHash = typeof ref === "object";
    if (found === undefined) throw refuse(`block ${isHash ? toHex(ref.blockHash) : `#${ref}`} not found`);
    const header = view.stateHeader(found); // nothing is executed for the pending block
    if (!chain.hasState(header)) throw refuse(`missing trie node ${toHex(header.stateRoot).slice(2)}`);
    return header;
  };
  const numbered = async (at: number, what: string, ctx: CallContext): Promise<Header> => {
    const header = await backend.headerByNumber(at, ctx);
    if (header === undefined) throw refuse(`${what} block ${at.toString(16)} not found`);
    return header;
  };
  const hashed = async (id: Uint8Array, what: string, ctx: CallContext): Promise<Header> => {
    const header = await backend.headerByHash(id, ctx);
    if (header === undefined) throw refuse(`${what} block ${toHex(id).slice(2)} not found`);
    return header;
  };
  const parentOf = async (header: Header, ctx: CallContext): Promise<Header> => {
    const parent = await backend.headerByHash(header.parentHash, ctx);
    if (parent === undefined) throw refuse(`block ${header.number.toString(16)} has no parent`);
    return parent;
  };
  const numberOf = (tag: BlockTag): number =>
    typeof tag === "number" ? tag : tag === "earliest" ? 0 : backend.head().number;

  return {
    dumpBlock: method({
      doc: "The first 256 accounts of a state whose addresses are known here (--cache.preimages).",
      params: [blockTag],
      result: json,
      isHeavy: true,
      handle: async ([tag], ctx) =>
        walk(ctx).dump(await headerOf(tag, ctx), { max: MAX_ACCOUNTS, onlyNamed: true }),
    }),
    accountRange: method({
      doc: "Accounts of a state by hashed address, from one on, at most 256: block, start, how many, without code, without storage, with those whose address is not known.",
      params: [blockNumberOrHash, bytesUpTo(32), number, optional(bool), optional(bool), optional(bool)],
      result: json,
      isHeavy: true,
      handle: async ([ref, start, max, noCode = false, noStorage = false, incompletes = false], ctx) =>
        walk(ctx).dump(await headerOf(ref, ctx), {
          start: padded(start),
          max: max > MAX_ACCOUNTS || max <= 0 ? MAX_ACCOUNTS : max,
          ...{ noCode, noStorage, onlyNamed: !incompletes },
        }),
    }),
    getModifiedAccountsByNumber: method({
      doc: "Addresses whose account changed from one block to another, or in one block; needs --cache.preimages.",
      params: [hexOrDecimal, optional(hexOrDecimal)],
      result: list(address),
      isHeavy: true,
      handle: async ([start, end], ctx) => {
        const first = await numbered(start, "start", ctx);
        if (end === undefined) return walk(ctx).modified(await parentOf(first, ctx), first);
        return walk(ctx).modified(first, await numbered(end, "end", ctx));
      },
    }),
    getModifiedAccountsByHash: method({
      doc: "debug_getModifiedAccountsByNumber for blocks by hash.",
      params: [hash, optional(hash)],
      result: list(address),
      isHeavy: true,
      handle: async ([start, end], ctx) => {
        const first = await hashed(start, "start", ctx);
        if (end === undefined) return walk(ctx).modified(await parentOf(first, ctx), first);
        return walk(ctx).modified(first, await hashed(end, "end", ctx));
      },
    }),
    preimage: method({
      doc: "What was hashed into a key of the state, where that is kept (--cache.preimages).",
      params: [hash],
      result: bytesUpTo(32),
      handle: ([key]) => {
        const preimage = chain.preimage(key);
        if (preimage === undefined) throw refuse("unknown preimage");
        return preimage;
      },
    }),
    getAccessibleState: method({
      doc: "The first block from one to another (which is left out) whose state is here.",
      params: [blockTag, blockTag],
      result: number,
      isHeavy: true,
      handle: async ([from, to], ctx) => {
        const [start, end] = [numberOf(from), numberOf(to)];
        if (start === end) throw refuse("from and to needs to be different");
        const step = start < end ? 1 : -1;
        for (let at = start; at !== end; at += step) {
          ctx.signal.throwIfAborted();
          const header = await backend.headerByNumber(at, ctx);
          if (header === undefined) throw refuse(`missing header ${at}`);
          if (chain.hasState(header)) return at;
          if (at % ROWS_PER_TURN === 0) await parts.clock.sleep(0, { signal: ctx.signal });
        }
        throw refuse("no state found");
      },
    }),
  };
}

/** geth reads a start as a hash: short ones are padded on the left. */
function padded(start: Uint8Array): Uint8Array {
  const whole = new Uint8Array(32);
  whole.set(start, 32 - start.length);
  return whole;
}
