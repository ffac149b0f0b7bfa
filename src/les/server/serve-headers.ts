import { queryHeaders } from "#core";
import type { Header } from "#core/types";
import { type HeadersQuery, lesLimits } from "#les/protocol";
import type { LesChain } from "./backend.ts";

/** The headers a query asks for, as far as this chain has them: some 100 kB, the soft limit is out of reach. */
export function headersFor(chain: LesChain, query: HeadersQuery): readonly Header[] {
  return [...queryHeaders(chain, query, lesLimits.headers)];
}
