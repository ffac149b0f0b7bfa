import type { Header } from "#core/types";
import { equalBytes } from "#util";

/** Headers from `origin` on, `skip` blocks apart, as the eth and les protocols ask for them. */
export interface HeaderQuery {
  /** Hash, or number. */
  readonly origin: Uint8Array | number | bigint;
  readonly amount: number | bigint;
  /** Off the wire up to 2^64−1. */
  readonly skip: bigint;
  readonly reverse: boolean;
}

/** Reads of a chain; `HeaderChain` and `BlockChain` fit. */
export interface HeaderSource {
  readonly head: Header;
  headerByNumber(number: number): Header | undefined;
  headerByHash(hash: Uint8Array): Header | undefined;
  isCanonical(header: Pick<Header, "number" | "hash">): boolean;
}

/** Most parents walked on side chains in one query with gaps. geth eth/handler.go:366@v1.8.27 maxNonCanonical */
const MOST_SIDE_STEPS = 100;

/**
 * The headers a query asks for, one by one, as far as this chain has them. A step that leaves the chain ends the answer; nothing is
 * added to a number off the wire unchecked (ET-01, LE-01). By hash, forward: the next canonical header must descend from where we are.
 *
 * @param most never more than this, whatever is asked
 * @see geth eth/handler.go:355-440@v1.8.27
 */
export function* queryHeaders(
  chain: HeaderSource,
  { origin, amount, skip, reverse }: HeaderQuery,
  most: number,
): Generator<Header, void, undefined> {
  const wanted = amount < most ? Number(amount) : most;
  const isByHash = typeof origin === "object";
  let at = isByHash ? chain.headerByHash(origin) : canonical(chain, origin);
  if (at === undefined || wanted === 0) return;
  const step = skip < BigInt(Number.MAX_SAFE_INTEGER) ? Number(skip) + 1 : Number.MAX_SAFE_INTEGER;
  const walk = new AncestorWalk(chain);
  for (let left = wanted; at !== undefined; ) {
    yield at;
    if (--left === 0) return;
    if (reverse) at = isByHash ? walk.back(at, step) : canonical(chain, at.number - step);
    else at = forward(chain, walk, at, step, isByHash);
  }
}

const canonical = (chain: HeaderSource, number: number | bigint): Header | undefined =>
  number < 0 || number > chain.head.number ? undefined : chain.headerByNumber(Number(number));

function forward(
  chain: HeaderSource,
  walk: AncestorWalk,
  at: Header,
  step: number,
  isByHash: boolean,
): Header | undefined {
  if (step > chain.head.number - at.number) return undefined;
  const next = chain.headerByNumber(at.number + step);
  if (next === undefined || !isByHash) return next;
  const ancestor = walk.back(next, step);
  return ancestor !== undefined && equalBytes(ancestor.hash, at.hash) ? next : undefined;
}

/** Goes `distance` blocks back: one read on the canonical chain, one read a block off it. */
class AncestorWalk {
  #sideSteps = MOST_SIDE_STEPS;
  readonly #chain: HeaderSource;

  constructor(chain: HeaderSource) {
    this.#chain = chain;
  }

  back(from: Header, distance: number): Header | undefined {
    if (distance > from.number) return undefined;
    if (distance === 1) return this.#chain.headerByHash(from.parentHash); // the query's amount bounds these
    let at: Header | undefined = from;
    while (at !== undefined && at.number > from.number - distance) {
      if (this.#chain.isCanonical(at)) return this.#chain.headerByNumber(from.number - distance);
      if (this.#sideSteps-- === 0) return undefined;
      at = this.#chain.headerByHash(at.parentHash);
    }
    return at;
  }
}
