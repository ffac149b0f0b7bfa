import { type BlockPlace, writeReceipts } from "#core/rawdb";
import type { Block, Header } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import type { Clock } from "#host";
import { GlimError } from "#util";
import type { AsideBlocks } from "./aside-blocks.ts";
import type { BlockExecutor } from "./block-executor.ts";
import type { BlockStore } from "./block-store.ts";
import { CoreError, stateUnavailable } from "./errors.ts";
import type { FastChain } from "./fast-chain.ts";
import type { HeaderChain } from "./header-chain.ts";
import type { StateStore } from "./state-store.ts";
import type { Upkeep } from "./upkeep.ts";
import type { WriteQueue } from "./write-queue.ts";

/** What executing stored blocks again takes. */
export interface RegenerateParts {
  readonly db: KeyValueStore;
  readonly headers: Pick<HeaderChain, "head" | "headerByHash">;
  readonly blocks: Pick<BlockStore, "block" | "isExecuted">;
  readonly states: Pick<StateStore, "has" | "stage" | "keep" | "release">;
  readonly aside: Pick<AsideBlocks, "drop" | "forget">;
  readonly fast: Pick<FastChain, "pivot">;
  readonly executor: Pick<BlockExecutor, "execute">;
  readonly queue: Pick<WriteQueue, "write" | "giveWay" | "flushIfFull">;
  readonly upkeep: Pick<Upkeep, "worked">;
  readonly clock: Pick<Clock, "now">;
}

export interface RegenerateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blocks that may be executed; default: as many as it takes. */
  readonly most?: number | undefined;
}

/** It can be built on. A state alone says nothing of a block that merely names it. */
export function isReady(
  { states, blocks }: Pick<RegenerateParts, "states" | "blocks">,
  header: Header,
): boolean {
  return states.has(header.stateRoot) && blocks.isExecuted(header);
}

/**
 * Executes the blocks from the last state before `target` up to it, so that its state is here. Within a job of the queue.
 * @throws CORE_STATE_UNAVAILABLE when there is no way to it; CORE_REEXEC when it is longer than `most`; CORE_EXECUTION_*
 *   for a bad block, which is forgotten with those on top of it
 */
export async function regenerate(
  parts: RegenerateParts,
  target: Header,
  options: RegenerateOptions = {},
): Promise<void> {
  const { headers, blocks, queue, upkeep, clock } = parts;
  const way = await findWay(parts, target, options);
  for (let place = way.pop(); place !== undefined; place = way.pop()) {
    options.signal?.throwIfAborted();
    const startMs = clock.now();
    const header = headers.headerByHash(place.hash);
    const block = header && blocks.block(header);
    const parent = header && headers.headerByHash(header.parentHash);
    if (block === undefined || parent === undefined) throw stateUnavailable(target);
    await executeAgain(parts, block, parent, way);
    await queue.flushIfFull();
    await upkeep.worked(startMs, block.header);
  }
}

/** The blocks from `target` down to the one on top of the last that is ready. */
async function findWay(
  parts: RegenerateParts,
  target: Header,
  { signal, most = Number.POSITIVE_INFINITY }: RegenerateOptions,
): Promise<BlockPlace[]> {
  const way: BlockPlace[] = [];
  for (let at = target; !isReady(parts, at); ) {
    signal?.throwIfAborted();
    if (way.length === most) throw CoreError("REEXEC", { most });
    way.push({ number: at.number, hash: at.hash });
    const parent = parts.headers.headerByHash(at.parentHash);
    if (parent === undefined || at.number <= parts.fast.pivot) throw stateUnavailable(target);
    at = parent;
    await parts.queue.giveWay();
  }
  return way;
}

/** `above`: the places of those on top of the block, which go with it when it is bad. */
async function executeAgain(
  { db, headers, blocks, states, aside, executor, queue }: RegenerateParts,
  block: Block,
  parent: Header,
  above: readonly BlockPlace[],
): Promise<void> {
  const { header } = block;
  const executed = await executor.execute(block, parent).catch((error: unknown) => {
    const isBad = error instanceof GlimError && error.blame === "peer" && !blocks.isExecuted(header);
    if (isBad) aside.forget([...above, header]);
    throw error;
  });
  const batch = db.batch();
  writeReceipts(batch, header.number, header.hash, executed.receipts);
  aside.drop(batch, header);
  states.stage(batch, executed.update);
  queue.write(batch);
  states.keep(header, executed.update);
  states.release(headers.head);
}
