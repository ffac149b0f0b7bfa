import type { Body, Header, Receipt } from "#core/types";
import type { ChainConfig } from "#params";

/** What the oracle reads. */
export interface GasPriceBackend {
  readonly kind: "light" | "full";
  readonly chainConfig: ChainConfig;
  head(): Header;
  headerByNumber(number: number, ctx: { readonly signal: AbortSignal }): Promise<Header | undefined>;
  body(header: Header, ctx: { readonly signal: AbortSignal }): Promise<Body>;
  receipts(header: Header, ctx: { readonly signal: AbortSignal }): Promise<readonly Receipt[]>;
}
