import type { TraceFrame, Tracer } from "#core/vm";
import { toHex } from "#util";
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
/** Precompiles have no selectors; addresses from 1 to here are taken for them. */
const LAST_PRECOMPILE = 0x11;

const isPrecompile = (address: Uint8Array) =>
  address.subarray(0, -1).every((byte) => byte === 0) && (address.at(-1) ?? 0) <= LAST_PRECOMPILE;

/** Counts selectors and the size of what comes with them (eth/tracers/native/4byte.go). */
export class FourByteTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number> = new Set();
  readonly #counts = new Map<string, number>();

  enter({ type, to, input }: TraceFrame): void {
    if (input.length < SELECTOR_BYTES || !CALLS.has(type) || isPrecompile(to)) return;
    const key = `${toHex(input.subarray(0, SELECTOR_BYTES))}-${input.length - SELECTOR_BYTES}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  result(): Json {
    return Object.fromEntries(this.#counts);
  }
}
