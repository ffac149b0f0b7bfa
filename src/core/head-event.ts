import type { Header } from "#core/types";

/** The canonical chain has another head. */
export interface HeadEvent {
  readonly type: "head";
  /** The new head: the last of `added`, or an ancestor of the old head after `setHead`. */
  readonly header: Header;
  /** Headers that became canonical, ascending. */
  readonly added: readonly Header[];
  /** Headers that no longer are, ascending. Empty unless this was a reorg. */
  readonly removed: readonly Header[];
}

/** What an insert did. */
export interface InsertResult {
  /** Headers that became canonical, ascending; empty when all went to a side chain or were known. */
  readonly added: readonly Header[];
  /** Headers that no longer are, ascending. */
  readonly removed: readonly Header[];
  /** The head after it. */
  readonly head: Header;
  /** How many were new to the database. */
  readonly imported: number;
}
