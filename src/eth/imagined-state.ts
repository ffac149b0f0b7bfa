import { applyDiff, type CodeStore, stateReader } from "#core/state";
import type { Account, StateDiff } from "#core/vm";
import { emptyRoot, type NodeStore, Trie } from "#trie";
import { ByteMap, equalBytes } from "#util";

/** A state that is changed in memory only, diff after diff. BOUNDED by the gas of what made the diffs. */
export class ImaginedState {
  readonly #codes: CodeStore;
  readonly #made = new ByteMap<Uint8Array>();
  readonly #nodes: NodeStore;
  #root: Uint8Array;

  constructor({ nodes, codes }: { readonly nodes: NodeStore; readonly codes: CodeStore }, root: Uint8Array) {
    this.#codes = codes;
    this.#nodes = { get: (hash) => this.#made.get(hash) ?? nodes.get(hash) };
    this.#root = root;
  }

  /** The root after this change too. */
  add({ accounts }: StateDiff): Uint8Array {
    // what made the diff may not know the roots of an imagined storage
    const rows = accounts.map((row) => ({ ...row, storageRoot: this.#account(row.address)?.storageRoot }));
    const update = applyDiff(this.#nodes, this.#root, { accounts: rows });
    for (const [hash, node] of update.nodes) this.#made.set(hash, node);
    this.#root = update.root;
    return this.#root;
  }

  /** Storage of an account by hashed slot, from `start` (32 bytes) on. Values as they are in the trie: RLP. */
  *storage(address: Uint8Array, start: Uint8Array): Generator<{ key: Uint8Array; value: Uint8Array }> {
    const { storageRoot = emptyRoot } = this.#account(address) ?? {};
    if (!equalBytes(storageRoot, emptyRoot)) yield* new Trie(this.#nodes, storageRoot).leaves(start);
  }

  #account(address: Uint8Array): Account | undefined {
    const account = stateReader(this.#nodes, this.#codes, this.#root).account(address);
    if (account instanceof Promise) throw new TypeError("tries at hand answer at once");
    return account;
  }
}
