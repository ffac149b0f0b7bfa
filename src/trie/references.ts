import { NodeScan } from "./scan.ts";

/** What a node leads to, by places in its bytes: nothing is copied. */
export interface ReferenceVisitor {
  /** A node named by its hash, the 32 bytes from `start` on. */
  hash(encoding: Uint8Array, start: number): void;
  /** A value of a leaf or branch. */
  value(encoding: Uint8Array, start: number, stop: number): void;
}

const scan = new NodeScan();

/**
 * Tells all that a node leads to, those embedded in it included: for who counts references, where `nodeChildren` would
 * make too many objects. The visitor must not read another node meanwhile.
 * @throws TRIE_BAD_NODE
 */
export function visitReferences(
  encoding: Uint8Array,
  visitor: ReferenceVisitor,
  start = 0,
  stop: number = encoding.length,
): void {
  scan.read(encoding, start, stop);
  if (scan.kind !== "extension" && scan.valueStart < scan.valueStop)
    visitor.value(encoding, scan.valueStart, scan.valueStop);
  if (scan.kind === "leaf") return;
  const count = scan.kind === "extension" ? 1 : 16;
  let embedded: number[] | undefined;
  for (let i = 0; i < count; i++) {
    const kind = scan.refKind[i];
    const [from, to] = [scan.refStart[i] ?? 0, scan.refStop[i] ?? 0];
    if (kind === "hash") visitor.hash(encoding, from);
    else if (kind === "embedded") (embedded ??= []).push(from, to);
  }
  // after the loop: reading a nested node overwrites the scan. Each is shorter than the one it stands in
  if (embedded !== undefined)
    for (let i = 0; i < embedded.length; i += 2)
      visitReferences(encoding, visitor, embedded[i] ?? 0, embedded[i + 1] ?? 0);
}
