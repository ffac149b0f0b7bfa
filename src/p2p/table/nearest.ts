import { compareDistance, type Enode, type NodeId } from "#enode";

/** The `count` nodes nearest to `target`, nearest first. */
export function nearest(nodes: Iterable<Enode>, target: NodeId, count: number): Enode[] {
  return [...nodes].sort((a, b) => compareDistance(target, a.id, b.id)).slice(0, count);
}

/** The nodes nearest to a target of all that were pushed. BOUNDED: `count`. */
export class NearestNodes {
  readonly target: NodeId;
  readonly #count: number;
  readonly #nodes: Enode[] = [];

  constructor(target: NodeId, count: number) {
    this.target = target;
    this.#count = count;
  }

  /** Nearest first. */
  get nodes(): readonly Enode[] {
    return this.#nodes;
  }

  push(node: Enode): void {
    let at = this.#nodes.length;
    while (at > 0 && compareDistance(this.target, this.#nodes[at - 1]?.id ?? "", node.id) > 0) at--;
    if (at >= this.#count) return;
    this.#nodes.splice(at, 0, node);
    if (this.#nodes.length > this.#count) this.#nodes.pop();
  }
}
