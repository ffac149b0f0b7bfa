/**
 * ethapi/tracers: geth's tracers over the hooks of `core/vm`: what debug_trace… answers. Each watches one message and
 * then gives its JSON, in the shapes of go-ethereum 1.17.5 (struct logs in the legacy form).
 *
 * Not here: which block or call is traced (`ethapi`), how an EVM is watched (`core/vm`). JavaScript tracers are not run.
 */
export { CallTracer, type CallTracerConfig } from "./call-tracer.ts";
export { MAX_TRACE_BYTES, TraceBudget } from "./limits.ts";
export { PrestateTracer, type PrestateConfig } from "./prestate-tracer.ts";
export { FourByteTracer, NoopTracer } from "./small-tracers.ts";
export { StructLogger, type StructLogConfig } from "./struct-logger.ts";
export type { Json as TraceJson, JsonTracer } from "./tracer.ts";
