import { iterateFlatKeys, readFlatAccount, readFlatPlace, readFlatSlot, trieNodeStore } from "#core/rawdb";
import { encodeAccount } from "#core/state";
import type { KeyValueStore } from "#ethdb";
import { emptyRoot, TrieError } from "#trie";
import { equalBytes, toHex } from "#util";
import { stateDifference } from "./flat-state.ts";

/**
 * Compares the flat rows with the state they are of, entry by entry, and counts them. Yields what is wrong, and `undefined`
 * for an entry that is right. Rows that a crash left between two states are not looked at: they are written again.
 */
export async function* flatFindings(db: KeyValueStore): AsyncGenerator<string | undefined, void, undefined> {
  const place = readFlatPlace(db);
  if (place === undefined || place === "stale" || place.to !== undefined) return;
  const nodes = trieNodeStore(db);
  let entries = 0;
  try {
    for (const change of stateDifference(nodes, emptyRoot, place.root)) {
      const { account } = change;
      entries++;
      const [row, want] =
        change.slot === undefined
          ? [
              readFlatAccount(db, account),
              change.after === undefined ? undefined : encodeAccount(change.after),
            ]
          : [readFlatSlot(db, account, change.slot), change.value];
      const isRight = row !== undefined && want !== undefined && equalBytes(row, want);
      const what =
        change.slot === undefined ? toHex(account) : `${toHex(account)} slot ${toHex(change.slot)}`;
      yield isRight ? undefined : `flat state: account ${what} is not as in its trie`;
    }
  } catch (error) {
    if (!TrieError.is(error, "MISSING_NODE")) throw error;
    yield `flat state: its trie is not here: ${error.message}`;
    return;
  }
  let rows = 0;
  for await (const _key of iterateFlatKeys(db)) {
    rows++;
    yield undefined;
  }
  if (rows !== entries) yield `flat state: ${rows} rows for ${entries} accounts and slots`;
}
