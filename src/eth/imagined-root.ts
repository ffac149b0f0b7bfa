import { applyDiff, type CodeStore, stateReader } from "#core/state";
import type { StateDiff } from "#core/vm";
import type { NodeStore } from "#trie";
import { ByteMap } from "#util";

/** Roots of a state that is changed in memory only, diff after diff. BOUNDED by the gas of what made the diffs. */
export function imaginedRoot(
  { nodes, codes }: { readonly nodes: NodeStore; readonly codes: CodeStore },
  start: Uint8Array,
): (diff: StateDiff) => Uint8Array {
  const made = new ByteMap<Uint8Array>();
  const store: NodeStore = { get: (hash) => made.get(hash) ?? nodes.get(hash) };
  let root = start;
  return ({ accounts }) => {
    const reader = stateReader(store, codes, root);
    const rows = accounts.map((row) => {
      const before = reader.account(row.address);
      if (before instanceof Promise) throw new TypeError("tries at hand answer at once");
      return { ...row, storageRoot: before?.storageRoot };
    });
    const update = applyDiff(store, root, { accounts: rows });
    for (const [hash, node] of update.nodes) made.set(hash, node);
    root = update.root;
    return root;
  };
}
