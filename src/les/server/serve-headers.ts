import type { Header } from "#core/types";
import { type HeadersQuery, lesLimits } from "#les/protocol";
import { equalBytes } from "#util";
import type { LesChain } from "./backend.ts";

/** Most parents walked on side chains in one request. geth les/server_requests.go@v1.11.6 maxNonCanonical */
const MOST_SIDE_STEPS = 100;

/** Goes `distance` blocks back. A number costs one read on the canonical chain and one read a block off it. */
class AncestorWalk {
  #sideSteps = MOST_SIDE_STEPS;
  readonly #chain: LesChain;

  constructor(chain: LesChain) {
    this.#chain = chain;
  }

  back(from: Header, distance: number): Header | undefined {
    if (distance > from.number) return undefined;
    let at: Header | undefined = from;
    while (at !== undefined && at.number > from.number - distance) {
      if (this.#chain.isCanonical(at)) return this.#chain.headerByNumber(from.number - distance);
      if (this.#sideSteps-- === 0) return undefined;
      at = this.#chain.headerByHash(at.parentHash);
    }
    return at;
  }
}

/**
 * The headers a query asks for, as far as this chain has them. `skip` off the wire goes up to 2^64−1 (LE-01): a step that
 * leaves the chain ends the answer, nothing is added to it unchecked.
 * @see geth les/server_requests.go:135@v1.11.6
 */
export function headersFor(chain: LesChain, query: HeadersQuery): readonly Header[] {
  const { origin, amount, reverse } = query;
  const most = Math.min(amount, lesLimits.headers); // some 100 kB: the soft limit is out of reach
  const first = typeof origin === "number" ? chain.headerByNumber(origin) : chain.headerByHash(origin);
  if (first === undefined || most === 0) return [];
  const found = [first];
  const step =
    query.skip < BigInt(Number.MAX_SAFE_INTEGER) ? Number(query.skip) + 1 : Number.MAX_SAFE_INTEGER;
  const walk = new AncestorWalk(chain);
  let at = first;
  while (found.length < most) {
    const next = reverse ? backward(chain, walk, at, step, query) : forward(chain, walk, at, step, query);
    if (next === undefined) break;
    found.push(next);
    at = next;
  }
  return found;
}

function backward(
  chain: LesChain,
  walk: AncestorWalk,
  at: Header,
  step: number,
  query: HeadersQuery,
): Header | undefined {
  if (step > at.number) return undefined;
  return typeof query.origin === "number" ? chain.headerByNumber(at.number - step) : walk.back(at, step);
}

function forward(
  chain: LesChain,
  walk: AncestorWalk,
  at: Header,
  step: number,
  query: HeadersQuery,
): Header | undefined {
  if (step > chain.head.number - at.number) return undefined;
  const next = chain.headerByNumber(at.number + step);
  if (next === undefined || typeof query.origin === "number") return next;
  // by hash: the next canonical header must descend from where we are
  const ancestor = walk.back(next, step);
  return ancestor !== undefined && equalBytes(ancestor.hash, at.hash) ? next : undefined;
}
