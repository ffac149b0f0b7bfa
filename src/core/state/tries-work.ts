import { emptyTxRoot as emptyRoot } from "#core/types";
import type { StateDiff } from "#core/vm";
import { fetchPaths, type Touch, type TouchedTrie, secureKey } from "#trie";
import { ByteMap, compareBytes } from "#util";
import { applyDiff, type StateUpdate } from "./state.ts";

type Fetch = (hashes: readonly Uint8Array[]) => Promise<readonly (Uint8Array | undefined)[]>;

const ascending = (touches: Touch[]): Touch[] => touches.sort((a, b) => compareBytes(a.key, b.key));

/** Which keys of which tries a diff changes. */
function touchedTries(root: Uint8Array, { accounts }: StateDiff): TouchedTrie[] {
  const tries: TouchedTrie[] = [];
  for (const { account, storage, storageRoot = emptyRoot, storageCleared } of accounts)
    if (account !== undefined && !storageCleared && storage.length > 0)
      tries.push({
        root: storageRoot,
        touches: ascending(
          storage.map(([slot, value]) => ({ key: secureKey(slot), isGone: value.length === 0 })),
        ),
      });
  const rows = accounts.map(({ address, account }) => ({
    key: secureKey(address),
    isGone: account === undefined,
  }));
  return [...tries, { root, touches: ascending(rows) }];
}

/**
 * `applyDiff` where the nodes are not at hand: asks for what it will need, a level of all tries at a time, then applies.
 * @throws TRIE_MISSING_NODE when something was not given; TRIE_BAD_NODE, TRIE_CORRUPT
 */
export async function applyElsewhere(root: Uint8Array, diff: StateDiff, fetch: Fetch): Promise<StateUpdate> {
  const nodes = new ByteMap<Uint8Array>();
  await fetchPaths(touchedTries(root, diff), async (hashes) => {
    const found = await fetch(hashes);
    for (const [i, hash] of hashes.entries()) {
      const node = found[i];
      if (node !== undefined) nodes.set(hash, node);
    }
    return found;
  });
  return applyDiff(nodes, root, diff);
}
