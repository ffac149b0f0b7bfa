import { NodeScan } from "./scan.ts";

/** What a node leads to, those embedded in it included. */
export interface NodeChildren {
  /** Nodes it names by hash; `nibbles`: how much of the key's path lies between the two. */
  readonly hashes: readonly { readonly hash: Uint8Array; readonly nibbles: number }[];
  /** Values of leaves (and branches) in it. Views of the node's bytes. */
  readonly values: readonly Uint8Array[];
}

/**
 * Reads a node strictly and tells what it leads to: what a download of a trie needs to know of it.
 * @throws TRIE_BAD_NODE
 */
export function nodeChildren(encoding: Uint8Array): NodeChildren {
  const hashes: { hash: Uint8Array; nibbles: number }[] = [];
  const values: Uint8Array[] = [];
  // embedded nodes are shorter than 32 bytes, each shorter than the one it stands in
  const pending = [{ start: 0, stop: encoding.length, nibbles: 0 }];
  const scan = new NodeScan();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    scan.read(encoding, next.start, next.stop);
    const { kind } = scan;
    if (kind !== "extension" && scan.valueStart < scan.valueStop)
      values.push(encoding.subarray(scan.valueStart, scan.valueStop));
    if (kind === "leaf") continue;
    const nibbles = next.nibbles + (kind === "extension" ? scan.pathLength : 1);
    const count = kind === "extension" ? 1 : 16;
    for (let i = 0; i < count; i++) {
      const start = scan.refStart[i] ?? 0;
      const stop = scan.refStop[i] ?? 0;
      if (scan.refKind[i] === "hash") hashes.push({ hash: encoding.subarray(start, stop), nibbles });
      else if (scan.refKind[i] === "embedded") pending.push({ start, stop, nibbles });
    }
  }
  return { hashes, values };
}
