import type { Header } from "#core/types";
import { CoreError } from "./errors.ts";
import { regenerate, type RegenerateParts } from "./regenerate.ts";
import { moveHead, type ReorgParts } from "./reorg.ts";

/** What a change of head from outside takes. */
export type SetHeadParts = ReorgParts & RegenerateParts;

/**
 * Goes back to a canonical block; blocks above it stay as a side chain. A state that was pruned is made again. From a
 * block before the pivot of a fast sync, which never had one, it goes on to the genesis. Within a job of the queue.
 * @throws CORE_UNKNOWN_BLOCK; as `regenerate`
 */
export async function setHead(parts: SetHeadParts, number: number): Promise<void> {
  const { headers, states, fast } = parts;
  let at = headers.headerByNumber(number);
  if (at !== undefined && at.number >= fast.pivot) await regenerate(parts, at);
  while (at !== undefined && at.number > 0 && !states.has(at.stateRoot))
    at = headers.headerByNumber(at.number - 1);
  moveHead(parts, (batch) => headers.stageSetHead(at?.number ?? number, batch));
}

/**
 * Makes a stored block the head, whatever fork choice says. Within a job of the queue.
 * @throws CORE_UNKNOWN_BLOCK; as `regenerate`
 */
export async function setCanonical(parts: SetHeadParts, header: Header): Promise<void> {
  if (parts.headers.td(header.hash) === undefined)
    throw CoreError("UNKNOWN_BLOCK", { number: header.number });
  await regenerate(parts, header);
  moveHead(parts, (batch) => parts.headers.stageCanonical(header, batch));
}
