import {
  type BlockPlace,
  deleteRecoveryHash,
  readPruning,
  readRecoveryHash,
  writeRecoveryHash,
} from "#core/rawdb";
import type { Header } from "#core/types";
import type { Logger } from "#log";
import { equalBytes, isError } from "#util";
import { CoreError } from "./errors.ts";
import { isReady, regenerate, type RegenerateParts } from "./regenerate.ts";
import { moveHead, type ReorgParts, reorgTo } from "./reorg.ts";
import type { StateStore } from "./state-store.ts";

export interface RewindParts extends ReorgParts {
  readonly states: Pick<StateStore, "has" | "release">;
  readonly log: Logger;
}

export type RecoveryParts = RewindParts & RegenerateParts;

/**
 * At the start: the head's state may be lost, in a crash if states are pruned, else with the disk. Goes back to a block
 * that has it, and keeps in mind which head that was, for `recover`.
 * @throws CORE_CORRUPT when no block has its state
 */
export function rewindToState(parts: RewindParts): void {
  const { db, headers, states, log } = parts;
  const lost = headers.head;
  let at: Header | undefined = lost;
  while (at !== undefined && !states.has(at.stateRoot)) at = headers.headerByNumber(at.number - 1);
  if (at === undefined) throw CoreError("CORRUPT", { what: "no block of the chain has its state" });
  if (equalBytes(at.hash, lost.hash)) return;
  const fields = { from: lost.number, to: at.number };
  if (readPruning(db)) log.info("the head's state was not written; going back", fields);
  else log.warn("state of the head is missing; going back", fields);
  const before = readRecoveryHash(db);
  const beforeTd = before === undefined ? undefined : headers.td(before);
  const isBest = beforeTd === undefined || beforeTd < (headers.td(lost.hash) ?? 0n);
  moveHead(parts, (batch) => {
    if (isBest) writeRecoveryHash(batch, lost.hash);
    return headers.stageSetHead(fields.to, batch);
  });
}

/**
 * Executes the blocks again whose states a crash took, and goes on to the head that was; or as far as it goes: what
 * cannot be executed any more is forgotten, to come from peers or a file again (geth's repair,
 * core/blockchain.go:613@v1.11.6). Within a job of the queue. A stop loses nothing: the next call goes on.
 * @returns how many blocks came back
 * @throws what the signal says; DB_READ_FAILED, DB_WRITE_FAILED, DB_CLOSED
 */
export async function recover(parts: RecoveryParts, signal: AbortSignal | undefined): Promise<number> {
  const from = parts.headers.head.number;
  try {
    await goOn(parts, signal);
  } catch (error) {
    const isDisk = isError(error, "DB_READ_FAILED") || isError(error, "DB_WRITE_FAILED");
    if (signal?.aborted === true || isDisk || isError(error, "DB_CLOSED")) throw error;
    giveUp(parts, from, error);
  }
  deleteRecoveryHash(parts.db);
  return parts.headers.head.number - from;
}

/** The head that was. */
function lostHead({ db, headers }: RecoveryParts): Header | undefined {
  const hash = readRecoveryHash(db);
  return hash === undefined ? undefined : headers.headerByHash(hash);
}

async function goOn(parts: RecoveryParts, signal: AbortSignal | undefined): Promise<void> {
  const { headers, log } = parts;
  const lost = lostHead(parts);
  if (lost === undefined || headers.isCanonical(lost) || !headers.wouldLead(lost)) return;
  const fields = { from: headers.head.number, to: lost.number };
  log.info("executing blocks again whose state was not written", fields);
  await regenerate(parts, lost, { signal });
  reorgTo(parts, lost);
}

/** Goes to the last block that came back, and forgets those after it. */
function giveUp(parts: RecoveryParts, from: number, error: unknown): void {
  const { headers, aside, log } = parts;
  const lost: BlockPlace[] = [];
  try {
    let at = lostHead(parts);
    for (; at !== undefined && !isReady(parts, at); at = headers.headerByHash(at.parentHash))
      lost.push({ number: at.number, hash: at.hash });
    if (at !== undefined) reorgTo(parts, at);
  } catch (damage) {
    log.debug("no way to the head that was", { damage });
  }
  const fields = { from, to: headers.head.number, lost: lost[0]?.number, error };
  log.error(
    "blocks of the last run cannot be executed again and are forgotten: peers or an import bring them back; glim verify looks for damage",
    fields,
  );
  aside.forget(lost);
}
