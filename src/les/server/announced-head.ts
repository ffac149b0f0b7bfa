import type { Header } from "#core/types";
import type { LesChain } from "./backend.ts";

/** A head and its total difficulty, as a client was told. */
export interface AnnouncedHead {
  readonly header: Header;
  readonly td: bigint;
}

/**
 * Blocks to go back from a head that was told to the last one that is still canonical; 0 if that is unknown.
 * @see geth les/server_handler.go:443@v1.11.6
 */
export function reorgDepth(chain: Pick<LesChain, "isCanonical" | "headerByHash">, from: Header): number {
  let at: Header | undefined = from;
  while (at !== undefined && !chain.isCanonical(at)) at = chain.headerByHash(at.parentHash);
  return at === undefined ? 0 : from.number - at.number;
}
