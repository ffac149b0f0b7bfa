// Every node and code of a state, children before parents; throws when one is missing: the checker of what a sync made.
import type { BlockChain } from "#core";
import { decodeAccount } from "#core/state";
import { emptyCodeHash } from "#core/types";
import { emptyRoot, nodeChildren } from "#trie";
import { ByteSet, equalBytes, toHex } from "#util";

export interface StateEntries {
  readonly nodes: readonly (readonly [hash: Uint8Array, node: Uint8Array])[];
  readonly codes: readonly (readonly [hash: Uint8Array, code: Uint8Array])[];
}

export function stateEntries(chain: Pick<BlockChain, "nodes" | "codes">, root: Uint8Array): StateEntries {
  const nodes: [Uint8Array, Uint8Array][] = [];
  const codes: [Uint8Array, Uint8Array][] = [];
  const seen = new ByteSet();
  const visit = (hash: Uint8Array, isAccounts: boolean): void => {
    if (equalBytes(hash, emptyRoot) || seen.has(hash)) return;
    seen.add(hash);
    const node = chain.nodes.get(hash);
    if (node === undefined) throw new Error(`node ${toHex(hash)} is missing`);
    const { hashes, values } = nodeChildren(node);
    for (const child of hashes) visit(child.hash, isAccounts);
    if (isAccounts) for (const value of values) account(value);
    nodes.push([hash, node]);
  };
  const account = (value: Uint8Array) => {
    const { storageRoot, codeHash } = decodeAccount(value);
    visit(storageRoot, false);
    if (equalBytes(codeHash, emptyCodeHash) || seen.has(codeHash)) return;
    const code = chain.codes.get(codeHash);
    if (code === undefined) throw new Error(`code ${toHex(codeHash)} is missing`);
    seen.add(codeHash);
    codes.push([codeHash, code]);
  };
  visit(root, true);
  return { nodes, codes };
}
