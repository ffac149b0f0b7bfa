import type { BlockReader, Engine } from "#consensus";
import { writeHeadBlockHash } from "#core/rawdb";
import type { Block, Header } from "#core/types";
import { ByteSet, isError } from "#util";
import type { AsideBlocks } from "./aside-blocks.ts";
import type { BadBlocks } from "./bad-blocks.ts";
import type { BlockStore } from "./block-store.ts";
import { CoreError, stateUnavailable } from "./errors.ts";
import type { HeadEvent, InsertResult } from "./head-event.ts";
import { writePreimages } from "./preimages.ts";
import { type Executed, verifyUncles } from "./process.ts";
import { isReady, regenerate, type RegenerateParts } from "./regenerate.ts";
import { type ReorgParts, reorgTo } from "./reorg.ts";
import { sendersAhead } from "./senders.ts";
import type { StateStore } from "./state-store.ts";
import type { Clock } from "#host";
import type { Logger } from "#log";

/** What inserting blocks takes. */
export interface InsertParts extends RegenerateParts, ReorgParts {
  /** The chain as its engine's rules of uncles see it. */
  readonly chain: BlockReader & { readonly engine: Engine };
  readonly headers: ReorgParts["headers"];
  readonly blocks: BlockStore;
  readonly states: RegenerateParts["states"] & Pick<StateStore, "flat">;
  readonly aside: RegenerateParts["aside"] & Pick<AsideBlocks, "put">;
  readonly queue: RegenerateParts["queue"];
  readonly bad: Pick<BadBlocks, "note">;
  readonly keepsPreimages: boolean;
  readonly clock: Pick<Clock, "now" | "unixSeconds">;
  readonly log: Logger;
}

export interface InsertOptions {
  /** Stops between two blocks. */
  readonly signal?: AbortSignal | undefined;
}

/** Inserts blocks one after the other, within a job of the queue. See `BlockChain.insertBlocks`. */
export async function insertBlocks(
  parts: InsertParts,
  blocks: readonly Block[],
  options: InsertOptions,
): Promise<InsertResult> {
  const { headers, queue, upkeep, clock, bad } = parts;
  const senders = sendersAhead(blocks);
  await headers.checkSeals(blocks, options);
  const total = { added: [] as Header[], removed: [] as Header[], imported: 0 };
  for (const [index, block] of blocks.entries()) {
    options.signal?.throwIfAborted();
    await senders(index);
    const startMs = clock.now();
    const result = await insertOne(parts, block, options).catch((error: unknown) => bad.note(block, error));
    if (result !== undefined) {
      total.added.push(...result.added);
      total.removed.push(...result.removed);
      total.imported++;
    }
    await queue.flushIfFull();
    await upkeep.worked(startMs);
  }
  return { ...net(total), head: headers.head, imported: total.imported };
}

/** @returns undefined when it was known and stays where it is */
async function insertOne(
  parts: InsertParts,
  block: Block,
  options: InsertOptions,
): Promise<InsertResult | undefined> {
  const { headers, blocks, states, fast } = parts;
  const { header } = block;
  const isKnown = headers.has(header.hash) && isReadable(parts, header);
  if (isKnown && blocks.isExecuted(header) && (states.has(header.stateRoot) || header.number > fast.pivot)) {
    if (header.number === 0 || headers.isCanonical(header) || !headers.wouldLead(header)) return undefined;
    await regenerate(parts, header, options);
    return reorgTo(parts, header);
  }
  headers.verify([header]);
  const parent = headers.headerByHash(header.parentHash);
  // verify has just seen it
  if (parent === undefined) throw CoreError("UNKNOWN_BLOCK", { number: header.number - 1 });
  verifyUncles(parts.chain, block, parts.clock.unixSeconds());
  if (!isReady(parts, parent)) {
    if (parent.number < fast.pivot) throw stateUnavailable(parent);
    if (!headers.wouldLead(header)) return isKnown ? undefined : await parts.aside.put(block);
    await regenerate(parts, parent, options);
  }
  return writeBlock(parts, block, parent, await parts.executor.execute(block, parent));
}

/** A block of a side chain that is stored and damaged is forgotten: the one that has come takes its place. */
function isReadable({ headers, blocks, aside, log }: InsertParts, header: Header): boolean {
  if (headers.isCanonical(header)) return true;
  try {
    return headers.headerByHash(header.hash) !== undefined && blocks.body(header) !== undefined;
  } catch (error) {
    if (!isError(error, "RAWDB_CORRUPT") && !isError(error, "DB_CORRUPT")) throw error;
    log.warn("a stored block is damaged and taken anew", { number: header.number, error });
    aside.forget([header]);
    return false;
  }
}

/** The block with its receipts, its state or codes, and the reorg it makes, in one write. */
function writeBlock(parts: InsertParts, block: Block, parent: Header, executed: Executed): InsertResult {
  const { db, headers, blocks, states, queue } = parts;
  const { receipts, update } = executed;
  const batch = db.batch();
  blocks.stage(batch, block, receipts);
  states.stage(batch, update);
  if (parts.keepsPreimages) writePreimages(batch, executed.diff);
  const staged = headers.stage([block.header], batch);
  blocks.stageLookups(batch, staged, block);
  if (staged.added.length > 0) writeHeadBlockHash(batch, block.header.hash);
  queue.write(batch);
  blocks.keep(block, receipts);
  states.keep(block.header, update);
  if (staged.added.length > 0) states.flat.advance(parent.stateRoot, update);
  headers.commit(staged);
  states.release(headers.head);
  return staged;
}

/** Headers that came and went within one insert cancel out. */
function net({ added, removed }: Pick<HeadEvent, "added" | "removed">): Pick<HeadEvent, "added" | "removed"> {
  const gone = new ByteSet(removed.map((header) => header.hash));
  const came = new ByteSet(added.map((header) => header.hash));
  return {
    added: added.filter((header) => !gone.has(header.hash)),
    removed: removed.filter((header) => !came.has(header.hash)),
  };
}
