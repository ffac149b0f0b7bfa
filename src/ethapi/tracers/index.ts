/**
 * ethapi/tracers: geth's tracers over the hooks of `core/vm`: what debug_trace… answers. Each watches one message and
 * then gives its JSON, in the shapes of go-ethereum 1.17.5 (struct logs in the legacy form).
 *
 * JavaScript tracers run in a process of their own (scripts.ts), and only where the caller of `makeTracer` hands one in.
 *
 * Not here: which block or call is traced (`ethapi`), how an EVM is watched (`core/vm`).
 */
export { makeTracer, type TracerChoice, type TracerEnv } from "./directory.ts";
export { TracerError } from "./errors.ts";
export { JsonLogger } from "./json-logger.ts";
export { MAX_TRACE_BYTES, TraceBudget } from "./limits.ts";
export { type ScriptLimits, Scripts } from "./scripts.ts";
export type { Json as TraceJson, JsonTracer, TracerPlace } from "./tracer.ts";
