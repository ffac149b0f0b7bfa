/** debug_: blocks run again for their roots, refused ones, and traces that come from or go to files. */
import { type Block, encodeBlock, type Header } from "#core/types";
import { JsonLogger, TraceBudget } from "#ethapi/tracers";
import {
  bytes,
  type CallContext,
  hash,
  json,
  list,
  method,
  type Method,
  object,
  optional,
  text,
  textUpTo,
} from "#rpc";
import { equalBytes, toHex } from "#util";
import { checkTransport } from "./chain-file-methods.ts";
import type { ChainControl, ChainFiles } from "./controls.ts";
import { formatBlock } from "./format.ts";
import type { Parts } from "./parts.ts";
import { decodeTraced } from "./trace-methods.ts";
import { refuse, traceConfig, traceConfigFields, traceTimeoutMs, type Tracing } from "./tracing.ts";

const { enableMemory, disableStack, disableStorage, enableReturnData, limit, timeout } = traceConfigFields;
const fileConfig = object({
  ...{ enableMemory, disableStack, disableStorage, enableReturnData, limit, timeout },
  txHash: optional(hash),
});
type FileConfig = ReturnType<(typeof fileConfig)["decode"]>;
const path = textUpTo(4_096);

/** Of a node that owns its chain. */
export function replayMethods(chain: ChainControl, parts: Parts, tracing: Tracing): Record<string, Method> {
  const { backend } = parts;
  const badBlock = (id: Uint8Array): Block => {
    const block = chain.badBlocks().find(({ header }) => equalBytes(header.hash, id));
    if (block === undefined) throw refuse(`bad block ${toHex(id)} not found`);
    return block;
  };
  const rootsOf = async (header: Header, block: Pick<Block, "transactions">, ctx: CallContext) => {
    const execution = await tracing.open(header, traceTimeoutMs(undefined), ctx);
    const parent = await backend.headerByHash(header.parentHash, ctx);
    const roots: Uint8Array[] = [];
    for (const tx of block.transactions) {
      await execution.apply(tx);
      const root = parent === undefined ? undefined : backend.imaginedRoot?.(parent)(execution.diff());
      if (root !== undefined) roots.push(root);
    }
    return roots;
  };

  return {
    getBadBlocks: method({
      doc: "The last 10 blocks that were refused for what is in them since this node started.",
      params: [],
      result: json,
      handle: () =>
        chain.badBlocks().map((block) => ({
          hash: toHex(block.header.hash),
          block: formatBlock(block.header, block, { fullTransactions: true }),
          rlp: toHex(encodeBlock(block)),
        })),
    }),
    traceBadBlock: method({
      doc: "debug_traceBlock for a block of debug_getBadBlocks.",
      params: [hash, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: ([id, config], ctx) => {
        const block = badBlock(id);
        return tracing.traceBlock({ header: block.header, body: block }, config, ctx);
      },
    }),
    intermediateRoots: method({
      doc: "State root after each transaction of a block.",
      params: [hash, optional(traceConfig)],
      result: list(bytes),
      isHeavy: true,
      handle: async ([id], ctx) => {
        const header = await backend.headerByHash(id, ctx);
        if (header !== undefined) return rootsOf(header, await backend.body(header, ctx), ctx);
        const bad = chain.badBlocks().find((one) => equalBytes(one.header.hash, id));
        if (bad === undefined) throw refuse(`block ${toHex(id)} not found`);
        return rootsOf(bad.header, bad, ctx);
      },
    }),
  };
}

/** With files: over IPC and in process only, inside the data directory (RP-20). */
export function traceFileMethods(
  chain: ChainControl,
  files: ChainFiles,
  { backend }: Parts,
  tracing: Tracing,
): Record<string, Method> {
  const toFiles = async (
    header: Header,
    block: Pick<Block, "transactions">,
    config: FileConfig,
    ctx: CallContext,
  ) => {
    const { transactions } = block;
    const wanted = config.txHash;
    if (wanted !== undefined && !transactions.some((tx) => equalBytes(tx.hash, wanted)))
      throw refuse(`transaction ${toHex(wanted)} not found in block`);
    const execution = await tracing.open(header, traceTimeoutMs(config), ctx);
    const names: string[] = [];
    for (const [i, tx] of transactions.entries()) {
      if (wanted !== undefined && !equalBytes(tx.hash, wanted)) {
        await execution.apply(tx);
        continue;
      }
      const logger = new JsonLogger(config, new TraceBudget());
      await execution.apply(tx, { tracer: logger });
      const name = `block_${toHex(header.hash.subarray(0, 4))}-${i}-${toHex(tx.hash.subarray(0, 4))}`;
      names.push(await files.writeTrace(name, logger.text));
      if (wanted !== undefined) break;
    }
    return names;
  };

  return {
    traceBlockFromFile: method({
      doc: "debug_traceBlock for the RLP of a block in a file inside the data directory. IPC only.",
      params: [path, optional(traceConfig)],
      result: json,
      isHeavy: true,
      handle: async ([file, config], ctx) => {
        checkTransport(ctx);
        const block = decodeTraced(await files.readFile(file));
        return tracing.traceBlock({ header: block.header, body: block }, config, ctx);
      },
    }),
    standardTraceBlockToFile: method({
      doc: "Writes a line of JSON for each opcode of a block, a file for each transaction, into traces/ of the data directory; gives their names. IPC only.",
      params: [hash, optional(fileConfig)],
      result: list(text),
      isHeavy: true,
      handle: async ([id, config = {}], ctx) => {
        checkTransport(ctx);
        const header = await backend.headerByHash(id, ctx);
        if (header === undefined) throw refuse(`block ${toHex(id)} not found`);
        return toFiles(header, await backend.body(header, ctx), config, ctx);
      },
    }),
    standardTraceBadBlockToFile: method({
      doc: "debug_standardTraceBlockToFile for a block of debug_getBadBlocks. IPC only.",
      params: [hash, optional(fileConfig)],
      result: list(text),
      isHeavy: true,
      handle: async ([id, config = {}], ctx) => {
        checkTransport(ctx);
        const block = chain.badBlocks().find(({ header }) => equalBytes(header.hash, id));
        if (block === undefined) throw refuse(`bad block ${toHex(id)} not found`);
        return toFiles(block.header, block, config, ctx);
      },
    }),
  };
}
