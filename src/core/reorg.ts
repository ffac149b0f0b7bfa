import { type Writer, writeHeadBlockHash } from "#core/rawdb";
import type { Header } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import type { BlockStore } from "./block-store.ts";
import type { HeaderChain, StagedHeaders } from "./header-chain.ts";
import type { StateStore } from "./state-store.ts";
import type { WriteQueue } from "./write-queue.ts";

/** What is moved with the head. */
export interface ReorgParts {
  readonly db: KeyValueStore;
  readonly headers: HeaderChain;
  readonly blocks: BlockStore;
  readonly states: Pick<StateStore, "release">;
  readonly queue: Pick<WriteQueue, "write">;
}

/**
 * Moves the head as `plan` says, in one write: canonical rows, lookups of transactions, the head pointer, and what `plan`
 * itself puts into the batch. The head's state is here.
 */
export function moveHead(parts: ReorgParts, plan: (batch: Writer) => StagedHeaders): StagedHeaders {
  const { db, headers, blocks, states, queue } = parts;
  const batch = db.batch();
  const staged = plan(batch);
  blocks.stageLookups(batch, staged);
  writeHeadBlockHash(batch, staged.head.hash);
  queue.write(batch);
  headers.commit(staged);
  states.release(headers.head);
  return staged;
}

/**
 * Makes a stored block the head if fork choice prefers it; its state is here.
 * @returns undefined when it does not, and nothing has changed then
 */
export function reorgTo(parts: ReorgParts, header: Header): StagedHeaders | undefined {
  const { headers } = parts;
  if (headers.isCanonical(header) || !headers.wouldLead(header)) return undefined;
  return moveHead(parts, (batch) => headers.stage([header], batch));
}
