import type { TraceExit, TraceFrame, Tracer, TraceStart, TraceState, TraceStep } from "#core/vm";
import type { Json, JsonTracer } from "./tracer.ts";

/** Several tracers on one run, each result under its name (eth/tracers/native/mux.go). */
export class MuxTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number> | undefined;
  readonly #parts: readonly (readonly [name: string, traced: JsonTracer])[];

  constructor(parts: readonly (readonly [name: string, traced: JsonTracer])[]) {
    this.#parts = parts;
    const stepping = parts.flatMap(([, { tracer }]) => (tracer.step === undefined ? [] : [tracer.ops]));
    const all = stepping.flatMap((ops) => (ops === undefined ? [] : [...ops]));
    this.ops = stepping.includes(undefined) ? undefined : new Set(all);
  }

  async begin(start: TraceStart, state: TraceState): Promise<void> {
    for (const [, { tracer }] of this.#parts) await tracer.begin?.(start, state);
  }

  async step(step: TraceStep, state: TraceState): Promise<void> {
    for (const [, { tracer }] of this.#parts)
      if (tracer.ops === undefined || tracer.ops.has(step.op)) {
        const turn = tracer.step?.(step, state);
        if (turn !== undefined) await turn;
      }
  }

  enter(frame: TraceFrame): void {
    for (const [, { tracer }] of this.#parts) tracer.enter?.(frame);
  }

  exit(exit: TraceExit): void {
    for (const [, { tracer }] of this.#parts) tracer.exit?.(exit);
  }

  async end(gasUsed: bigint, state: TraceState): Promise<void> {
    for (const [, { tracer }] of this.#parts) await tracer.end?.(gasUsed, state);
  }

  async result(): Promise<Json> {
    const results: [string, Json][] = [];
    for (const [name, traced] of this.#parts) results.push([name, await traced.result()]);
    return Object.fromEntries(results);
  }
}
