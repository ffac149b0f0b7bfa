import { equalBytes } from "#util";
import { emptyRoot } from "./encode.ts";
import { nibbleAt } from "./nibbles.ts";
import { NodeScan } from "./scan.ts";

/** A key that will be put or deleted. */
export interface Touch {
  readonly key: Uint8Array;
  readonly isGone: boolean;
}

/** What will be done to one trie. */
export interface TouchedTrie {
  readonly root: Uint8Array;
  /** Ascending by key, each key once. */
  readonly touches: readonly Touch[];
}

/** A node to be looked at, and which keys lead through it; none: it is only wanted itself. */
interface Stop {
  readonly hash: Uint8Array;
  readonly touches: readonly Touch[];
  readonly from: number;
  readonly to: number;
  /** Nibbles of the keys above it. */
  readonly depth: number;
}

/**
 * Asks for all nodes that the changes need, level by level, the same level of all tries at once. Of a branch that deletions may leave with one
 * child, that child too, because it moves up then.
 *
 * @param fetch - gives the nodes of these hashes; what is missing is left out of what follows
 * @throws TRIE_BAD_NODE
 */
export async function fetchPaths(
  tries: readonly TouchedTrie[],
  fetch: (hashes: readonly Uint8Array[]) => Promise<readonly (Uint8Array | undefined)[]>,
): Promise<void> {
  const scan = new NodeScan();
  let level: Stop[] = [];
  for (const { root, touches } of tries)
    if (touches.length > 0 && !equalBytes(root, emptyRoot))
      level.push({ hash: root, touches, from: 0, to: touches.length, depth: 0 });
  while (level.length > 0) {
    const nodes = await fetch(level.map((stop) => stop.hash));
    const next: Stop[] = [];
    for (const [i, stop] of level.entries()) {
      const node = nodes[i];
      if (node === undefined || stop.from === stop.to) continue;
      scan.read(node);
      if (scan.kind === "extension") goDown(scan, stop, next);
      else if (scan.kind === "branch") spread(scan, stop, next);
    }
    level = next;
  }
}

const childAt = (scan: NodeScan, index: number): Uint8Array | undefined =>
  scan.refKind[index] === "hash" ? scan.bytes.subarray(scan.refStart[index], scan.refStop[index]) : undefined;

/** Below an extension: the keys that share its path. They lie side by side. */
function goDown(scan: NodeScan, { touches, from, to, depth }: Stop, next: Stop[]): void {
  const shares = ({ key }: Touch): boolean => {
    for (let i = 0; i < scan.pathLength; i++)
      if (nibbleAt(key, depth + i) !== scan.pathNibble(i)) return false;
    return true;
  };
  let first = from;
  while (first < to && !shares(touches[first] as Touch)) first++; // below `to`, which is in the list
  let end = first;
  while (end < to && shares(touches[end] as Touch)) end++;
  const hash = childAt(scan, 0);
  if (hash !== undefined && first < end)
    next.push({ hash, touches, from: first, to: end, depth: depth + scan.pathLength });
}

function spread(scan: NodeScan, { touches, from, to, depth }: Stop, next: Stop[]): void {
  let at = from;
  let stays = 0;
  let untouched: Uint8Array | undefined;
  for (let nibble = 0; nibble < 16; nibble++) {
    const start = at;
    let isKept = false;
    for (; at < to && nibbleAt((touches[at] as Touch).key, depth) === nibble; at++)
      isKept ||= touches[at]?.isGone === false;
    const hash = childAt(scan, nibble);
    if (isKept || (start === at && scan.refKind[nibble] !== "none")) stays++;
    if (hash === undefined) continue;
    if (start < at) next.push({ hash, touches, from: start, to: at, depth: depth + 1 });
    else untouched = hash;
  }
  if (stays === 1 && untouched !== undefined)
    next.push({ hash: untouched, touches, from: 0, to: 0, depth: depth + 1 });
}
