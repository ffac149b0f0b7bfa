import type { TraceFrame, Tracer } from "#core/vm";
import type { Rules } from "#params";
import { toHex } from "#util";
import { isPrecompile } from "./precompiles.ts";
import type { Json, JsonTracer } from "./tracer.ts";

/** Looks at nothing: for measuring (eth/tracers/native/noop.go). */
export class NoopTracer implements JsonTracer {
  readonly tracer: Tracer = {};

  result(): Json {
    return {};
  }
}

const CALLS: ReadonlySet<string> = new Set(["CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"]);
const SELECTOR_BYTES = 4;
/** Counts selectors and the size of what comes with them (eth/tracers/native/4byte.go). */
export class FourByteTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number> = new Set();
  readonly #counts = new Map<string, number>();
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  enter({ type, to, input }: TraceFrame): void {
    if (input.length < SELECTOR_BYTES || !CALLS.has(type) || isPrecompile(to, this.#rules)) return;
    const key = `${toHex(input.subarray(0, SELECTOR_BYTES))}-${input.length - SELECTOR_BYTES}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  result(): Json {
    return Object.fromEntries(this.#counts);
  }
}
