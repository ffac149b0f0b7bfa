import type { Tracer } from "#core/vm";

/** What JSON a trace becomes. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One of geth's tracers at work on one message. */
export interface JsonTracer {
  readonly tracer: Tracer;
  /** Called once, after the run. */
  result(): Json;
}
