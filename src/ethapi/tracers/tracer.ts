import type { Header, Transaction } from "#core/types";
import type { MaybePromise, Tracer } from "#core/vm";

/** What JSON a trace becomes. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One of geth's tracers at work on one message. */
export interface JsonTracer {
  readonly tracer: Tracer;
  /** Called once, after the run. */
  result(): MaybePromise<Json>;
}

/** Where the message is. `tx` and `index` absent: a call that is in no block. */
export interface TracerPlace {
  readonly header: Header;
  readonly tx?: Transaction | undefined;
  readonly index?: number | undefined;
}
